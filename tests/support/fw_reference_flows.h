/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets begin flows and which are replies to them, written plainly from fw_egress's
 * README. It shares nothing with the programs.
 */
#ifndef TEST_FW_REFERENCE_FLOWS_H
#define TEST_FW_REFERENCE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the host that began it sees it; without ports they are 0. */
struct fw_reference_flow {
	uint8_t own[16], other[16];
	int family, proto;
	int own_port, other_port;
};

struct fw_reference_flows {
	struct fw_reference_flow *items;
	size_t count, room;
};

/* fw_reference_sent - the host sends the frame: whether that is in a flow, which is known then. */
bool fw_reference_sent(struct fw_reference_flows *flows, const uint8_t *frame, size_t len);

/*
 * fw_reference_is_reply - whether the frame that comes in is of a flow that is known. Not for
 * ICMP errors, which quote one.
 */
bool fw_reference_is_reply(const struct fw_reference_flows *flows, const uint8_t *frame,
			   size_t len);

/* fw_reference_turn - make of a frame that was sent what the other side would answer. */
void fw_reference_turn(uint8_t *frame, size_t len);

void fw_reference_flows_free(struct fw_reference_flows *flows);

#endif
