/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame's bytes read as the program reads them (bpf/parse.h, data/key.h). Pure. */
#ifndef FW_FRAME_H
#define FW_FRAME_H

#include "programs/firewall/rules/fw_trace.h"

/* How far the program gets. */
enum fw_reading {
	FW_READ_WHOLE,
	FW_READ_NOT_IP,
	FW_READ_BAD_ETHERNET,
	FW_READ_BAD_IP4,
	FW_READ_BAD_IP6,
	FW_READ_TOO_DEEP,
	FW_READ_SHORT, /* there is no telling: a header goes on behind what was caught */
	FW_READ_COUNT,
};

/*
 * fw_frame_read - the packet in a frame of @len bytes, the first @caught of which are at @bytes.
 * @ret_packet is set where it is FW_READ_WHOLE, even if its ports are cut short (is_cut).
 */
enum fw_reading fw_frame_read(const __u8 *bytes, size_t caught, size_t len,
			      struct fw_packet *ret_packet);

/*
 * fw_frame_parse - the bytes that @text has as hexadecimal digits, at most @size of them.
 * Returns how many they are, or -EINVAL where it has anything else, or more.
 */
int fw_frame_parse(const char *text, size_t size, __u8 *ret_bytes);

#endif
