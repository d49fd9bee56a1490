/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_offloads.h"

#include <errno.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map table_map = {
	.name = HANDOFF_OFFLOADS_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct handoff_key),
	.value_size = sizeof(struct handoff_offload),
};

static const struct program_map told_map = {
	.name = HANDOFF_TOLD_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct handoff_told),
	.max_entries = 1,
};

static const __u32 only;

int handoff_offloads_open(const char *map_dir, bool is_writer, struct slot_reason *why,
			  struct handoff_offloads *ret_offloads)
{
	const struct program_map_fd all[] = {
		{ &table_map, &ret_offloads->table },
		{ &told_map, &ret_offloads->told },
	};

	return program_maps_open(map_dir, all, sizeof(all) / sizeof(all[0]), is_writer, why);
}

void handoff_offloads_close(struct handoff_offloads *offloads)
{
	slot_cleanup_close(&offloads->table);
	slot_cleanup_close(&offloads->told);
}

int handoff_offloads_get(const struct handoff_offloads *offloads, const struct handoff_key *key,
			 struct handoff_offload *ret_offload)
{
	return bpf_map_lookup_elem(offloads->table, key, ret_offload);
}

/* One that goes under our hands has the search begin anew: no more often than there is room. */
int handoff_offloads_each(const struct handoff_offloads *offloads, handoff_offload_fn see,
			  void *data)
{
	struct handoff_key keys[2], *from = NULL;
	struct handoff_offload offload;
	int err = 0, ret = 0;

	for (__u32 i = 0; !ret && i < HANDOFF_OFFLOADS_MAX; i++) {
		struct handoff_key *key = &keys[i % 2];

		err = bpf_map_get_next_key(offloads->table, from, key);
		if (err)
			break;
		if (!handoff_offloads_get(offloads, key, &offload))
			ret = see(key, &offload, data);
		from = key;
	}
	return err && err != -ENOENT ? err : ret;
}

int handoff_told_get(const struct handoff_offloads *offloads, struct handoff_told *ret_told)
{
	return bpf_map_lookup_elem(offloads->told, &only, ret_told);
}

int handoff_offloads_set(const struct handoff_offloads *offloads, const struct handoff_key *key,
			 const struct handoff_offload *offload)
{
	return bpf_map_update_elem(offloads->table, key, offload, BPF_ANY);
}

int handoff_offloads_del(const struct handoff_offloads *offloads, const struct handoff_key *key)
{
	int err = bpf_map_delete_elem(offloads->table, key);

	return err == -ENOENT ? 0 : err;
}

int handoff_offloads_clear(const struct handoff_offloads *offloads)
{
	struct handoff_key key;
	int err;

	while (!(err = bpf_map_get_next_key(offloads->table, NULL, &key))) {
		err = handoff_offloads_del(offloads, &key);
		if (err)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

int handoff_told_set(const struct handoff_offloads *offloads, const struct handoff_told *told)
{
	return bpf_map_update_elem(offloads->told, &only, told, BPF_ANY);
}
