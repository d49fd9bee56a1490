/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a file of servers' ids. What is read has ids that differ, in their order, of which
 * each real has one primary and one fallback at most; what is refused says why.
 */
#include <string.h>

#include "loader/slotctl/server_ids.h"
#include "tests/fuzz/fuzz.h"

static void check_ids(const struct slot_server_ids *ids)
{
	char real[SLOT_REAL_SIZE];

	for (size_t i = 0; i < ids->count; i++) {
		const struct program_id *id = &ids->list[i];

		require(id->id != 0, "an id is not 0");
		require(!i || ids->list[i - 1].id < id->id, "ids differ and stand in order");
		require(id->role <= PROGRAM_ID_SPARE, "a role is known");
		require(slot_server_ids_find(ids, id->id) == id, "an id is found");
		require(*slot_server_id_real(id, real), "a real has words");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_server_ids ids = {};
	struct slot_reason why = {};
	int err = slot_server_ids_parse("file", (const char *)data, size, &why, &ids);

	require(!err || *why.text, "a refusal says why");
	if (!err)
		check_ids(&ids);
	slot_server_ids_free(&ids);
	return 0;
}
