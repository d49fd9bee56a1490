/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame's headers, read plainly: what the references share, and the programs do not. */
#ifndef TEST_FW_READING_H
#define TEST_FW_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FW_READING_ICMP 1
#define FW_READING_TCP 6
#define FW_READING_UDP 17
#define FW_READING_ICMP6 58

/* A packet as it can be read; what is not there is -1. Pointers are into the frame. */
struct fw_reading {
	int family;
	const uint8_t *src, *dst;
	int proto;
	int sport, dport;
	int flags;
	int icmp_type, icmp_code;
	bool is_part, is_later;
	const uint8_t *payload;
	size_t payload_len;
	int hop_limit;
};

enum fw_outcome {
	FW_READ,
	FW_NOT_IP,
	FW_BAD,
};

/*
 * fw_reading_read - the frame that comes in, or, where @is_sent, that the host sends: its
 * headers may say no length, as it may be cut up by the device yet (BIG TCP).
 */
enum fw_outcome fw_reading_read(const uint8_t *frame, size_t len, bool is_sent,
				struct fw_reading *r);

#endif
