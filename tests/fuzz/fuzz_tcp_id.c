/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a TCP header: the option with a server's id is read as a plain reading does, and
 * no byte beyond the end. The first two bytes say which option.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* A program reads words where they stand, as the kernels' CPUs do. */
#pragma clang attribute push(__attribute__((no_sanitize("alignment"))), apply_to = function)
#include "bpf/tcp_id.h"
#pragma clang attribute pop

#include "tests/support/tcp_id_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t kinds[] = { TCP_ID_EXPERIMENT, TCP_ID_KATRAN };
	uint8_t kind, *bytes;
	uint16_t magic;
	uint32_t id;

	if (size < 2)
		return 0;
	kind = kinds[data[0] & 1];
	magic = (uint16_t)(data[0] & 2 ? TCP_ID_MAGIC : data[0] << 8 | data[1]);
	data += 2;
	size -= 2;
	bytes = malloc(size + 1);
	require(bytes, "there is memory");
	memcpy(bytes, data, size);
	id = tcp_id_find((const struct tcphdr *)bytes, bytes + size, kind, magic);
	require(id == tcp_id_reference(bytes, size, kind, magic), "read as the reference does");
	free(bytes);
	return 0;
}
