/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a frame, caught in part: what is read of it lies within what was caught, and more
 * of the same bytes read it alike, unless there was no telling.
 */
#include <string.h>

#include "programs/firewall/rules/fw_frame.h"
#include "tests/fuzz/fuzz.h"

static bool is_same(const struct fw_packet *a, const struct fw_packet *b)
{
	return a->is_ip6 == b->is_ip6 && a->proto == b->proto && a->has_ports == b->has_ports &&
	       a->sport == b->sport && a->dport == b->dport && a->type == b->type &&
	       a->code == b->code && a->flags == b->flags && a->is_part == b->is_part &&
	       a->is_later == b->is_later && a->is_cut == b->is_cut &&
	       !memcmp(a->source, b->source, sizeof(a->source)) &&
	       !memcmp(a->dest, b->dest, sizeof(a->dest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fw_packet part = {}, whole = {};
	size_t caught = size ? data[0] % (size + 1) : 0;
	uint8_t *bytes = malloc(caught + 1);
	enum fw_reading reading;

	require(bytes, "there is memory");
	memcpy(bytes, data, caught);
	reading = fw_frame_read(bytes, caught, size, &part);
	require(reading < FW_READ_COUNT, "a reading is known");
	if (reading != FW_READ_SHORT)
		require(reading == fw_frame_read(data, size, size, &whole), "read alike");
	if (reading == FW_READ_WHOLE)
		require(is_same(&part, &whole), "the same packet");
	free(bytes);
	return 0;
}
