/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules for the reference and frames that they are about, drawn: sound ones and spoiled ones. */
#ifndef TEST_FW_DRAW_H
#define TEST_FW_DRAW_H

#include "tests/support/fw_reference.h"

struct fw_draw {
	uint64_t seed; /* not 0; changes with every number drawn */
};

#define FW_DRAW_FRAME_MAX 1600

uint32_t fw_draw_below(struct fw_draw *draw, uint32_t below);

/* fw_draw_rule - one that asks of some of: addresses, ports, flags, ICMP, parts, interface 1. */
void fw_draw_rule(struct fw_draw *draw, struct fw_reference_rule *ret_rule);

/*
 * fw_draw_range_rule - one of few kinds: ranges of ports that begin together and end apart,
 * single ports, types of ICMP; hardly ever an address.
 */
void fw_draw_range_rule(struct fw_draw *draw, struct fw_reference_rule *ret_rule);

#define FW_DRAW_LINE_MAX 512

/* fw_draw_print - @rule as a line of the language, with @interfaces' names by index. */
void fw_draw_print(const struct fw_reference_rule *rule, const char *const *interfaces,
		   char text[FW_DRAW_LINE_MAX]);

/*
 * fw_draw_frame - one that @rule matches, or nearly; returns its length. @is_spoiled: bytes
 * are changed or cut off at random.
 */
size_t fw_draw_frame(struct fw_draw *draw, const struct fw_reference_rule *rule, bool is_spoiled,
		     uint8_t frame[FW_DRAW_FRAME_MAX]);

#endif
