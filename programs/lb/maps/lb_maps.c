/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_maps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/count_abi.h"
#include "loader/lib/base/cleanup.h"

#define MAP(map_name, map_type, key, value, entries)                                               \
	{                                                                                          \
		.name = (map_name),                                                                \
		.type = BPF_MAP_TYPE_##map_type,                                                   \
		.key_size = (key),                                                                 \
		.value_size = (value),                                                             \
		.max_entries = (entries),                                                          \
	}
#define INDEX sizeof(__u32)

static const struct program_map shapes[LB_MAPS] = {
	[LB_MAP_CONTROL] = MAP(LB_CONTROL_NAME, ARRAY, INDEX, sizeof(struct lb_control), 2),
	[LB_MAP_ACTIVE] = MAP(LB_ACTIVE_NAME, ARRAY, INDEX, sizeof(__u32), 1),
	[LB_MAP_GENERATION] = MAP(LB_GENERATION_NAME, ARRAY, INDEX, sizeof(__u32), 1),
	[LB_MAP_VIPS4] = MAP(LB_VIPS4_NAME, HASH, sizeof(struct lb_vip4_key), sizeof(struct lb_vip),
			     LB_VIPS_MAX),
	[LB_MAP_VIPS6] = MAP(LB_VIPS6_NAME, HASH, sizeof(struct lb_vip6_key), sizeof(struct lb_vip),
			     LB_VIPS_MAX),
	[LB_MAP_CIDRS4] = MAP(LB_CIDRS4_NAME, LPM_TRIE, sizeof(struct lb_cidr4_key),
			      sizeof(struct lb_vip), LB_CIDRS_MAX),
	[LB_MAP_CIDRS6] = MAP(LB_CIDRS6_NAME, LPM_TRIE, sizeof(struct lb_cidr6_key),
			      sizeof(struct lb_vip), LB_CIDRS_MAX),
	[LB_MAP_RINGS] =
		MAP(LB_RINGS_NAME, HASH, sizeof(__u32), sizeof(struct lb_ring_page), LB_PAGES_MAX),
	[LB_MAP_PREVIOUS] = MAP(LB_PREVIOUS_NAME, HASH, sizeof(__u32),
				sizeof(struct lb_previous_page),
				LB_VIPS_MAX * 2 * LB_PREVIOUS_PAGES),
	[LB_MAP_REALS] = MAP(LB_REALS_NAME, ARRAY, INDEX, sizeof(struct lb_real), LB_REAL_INDEXES),
	[LB_MAP_SOURCES4] = MAP(LB_SOURCES4_NAME, LPM_TRIE, sizeof(struct lb_source4_key),
				sizeof(__u32), LB_SOURCES_MAX),
	[LB_MAP_SOURCES6] = MAP(LB_SOURCES6_NAME, LPM_TRIE, sizeof(struct lb_source6_key),
				sizeof(__u32), LB_SOURCES_MAX),
	[LB_MAP_SERVER_IDS] =
		MAP(LB_SERVER_IDS_NAME, HASH, sizeof(__u32), sizeof(__u32), LB_SERVER_IDS_MAX),
	[LB_MAP_DOWN] =
		MAP(LB_DOWN_NAME, HASH, sizeof(struct lb_down_key), sizeof(__u8), LB_MEMBERS_MAX),
	[LB_MAP_RETURNS4] = MAP(LB_RETURNS4_NAME, HASH, sizeof(struct lb_return4_key),
				sizeof(__be32), LB_MEMBERS_MAX),
	[LB_MAP_RETURNS6] =
		MAP(LB_RETURNS6_NAME, HASH, sizeof(struct lb_return6_key), 16, LB_MEMBERS_MAX),
	[LB_MAP_TUNNELS] = MAP(LB_TUNNELS_NAME, HASH, 16, sizeof(__u8), LB_TUNNELS_MAX),
	[LB_MAP_NOTES] = MAP(LB_NOTES_NAME, ARRAY, INDEX, sizeof(struct lb_note), LB_VIPS_MAX),
	[LB_MAP_MEMBERS] = MAP(LB_MEMBERS_NAME, HASH, sizeof(struct lb_member_key),
			       sizeof(struct lb_member), LB_MEMBERS_MAX),
	[LB_MAP_COUNTS] = MAP(LB_COUNTS_NAME, PERCPU_ARRAY, INDEX, sizeof(struct lb_counts), 1),
	[LB_MAP_VIP_COUNTS] = MAP(LB_VIP_COUNTS_NAME, PERCPU_ARRAY, INDEX,
				  sizeof(struct slot_count), LB_VIPS_MAX),
	[LB_MAP_REAL_COUNTS] = MAP(LB_REAL_COUNTS_NAME, PERCPU_ARRAY, INDEX,
				   sizeof(struct slot_count), LB_REAL_INDEXES),
};

const struct program_map *lb_map_shape(enum lb_map map)
{
	return &shapes[map];
}

void lb_maps_close(struct lb_maps *maps)
{
	for (int i = 0; i < LB_MAPS; i++) {
		slot_cleanup_close(&maps->fds[i]);
		maps->fds[i] = -1;
	}
	slot_cleanup_close(&maps->lock_fd);
	maps->lock_fd = -1;
}

int lb_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		 struct lb_maps *ret_maps)
{
	struct lb_maps maps = { .lock_fd = -1 };
	int err = 0;

	for (int i = 0; i < LB_MAPS; i++)
		maps.fds[i] = -1;
	if (is_writer)
		err = program_maps_lock(map_dir, why, &maps.lock_fd);
	for (int i = 0; !err && i < LB_MAPS; i++)
		err = program_map_open(map_dir, &shapes[i], is_writer, why, &maps.fds[i]);
	if (err) {
		lb_maps_close(&maps);
		return err;
	}
	*ret_maps = maps;
	return 0;
}

void lb_elements_free(struct lb_elements *elements)
{
	free(elements->keys);
	free(elements->values);
	*elements = (struct lb_elements){};
}

int lb_elements_read(const struct lb_maps *maps, enum lb_map map, struct slot_reason *why,
		     struct lb_elements *ret_elements)
{
	const struct program_map *shape = &shapes[map];
	_cleanup_(lb_elements_free) struct lb_elements elements = {
		.keys = calloc(shape->max_entries, shape->key_size),
		.values = calloc(shape->max_entries, shape->value_size),
		.key_size = shape->key_size,
		.value_size = shape->value_size,
		.count = shape->max_entries,
	};
	__u64 next[4]; /* room for the largest of keys */
	int err;

	if (!elements.keys || !elements.values)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = bpf_map_lookup_batch(maps->fds[map], NULL, next, elements.keys, elements.values,
				   &elements.count, NULL);
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", shape->name,
				       strerror(-err));
	*ret_elements = elements;
	elements = (struct lb_elements){};
	return 0;
}

int lb_maps_get(const struct lb_maps *maps, enum lb_map map, const void *key,
		struct slot_reason *why, void *ret_value)
{
	int err = bpf_map_lookup_elem(maps->fds[map], key, ret_value);

	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", shapes[map].name,
				       strerror(-err));
	return 0;
}

static struct lb_vip_place vip4_place(const struct lb_vip_name *name)
{
	bool is_address = lb_prefix_is_address(&name->prefix);
	struct lb_vip_place place = { .map = is_address ? LB_MAP_VIPS4 : LB_MAP_CIDRS4 };
	__be32 addr;

	memcpy(&addr, name->prefix.addr.bytes, sizeof(addr));
	if (is_address)
		place.key.vip4 = (struct lb_vip4_key){ addr, htons(name->port), name->proto, 0 };
	else
		place.key.cidr4 = (struct lb_cidr4_key){ 32U + name->prefix.len, htons(name->port),
							 name->proto, 0, addr };
	return place;
}

struct lb_vip_place lb_vip_place(const struct lb_vip_name *name)
{
	bool is_address = lb_prefix_is_address(&name->prefix);
	struct lb_vip_place place = { .map = is_address ? LB_MAP_VIPS6 : LB_MAP_CIDRS6 };

	if (!name->prefix.addr.is_ip6)
		return vip4_place(name);
	if (is_address) {
		place.key.vip6.port = htons(name->port);
		place.key.vip6.proto = name->proto;
		memcpy(place.key.vip6.addr, name->prefix.addr.bytes, 16);
	} else {
		place.key.cidr6.prefix_len = 32U + name->prefix.len;
		place.key.cidr6.port = htons(name->port);
		place.key.cidr6.proto = name->proto;
		memcpy(place.key.cidr6.addr, name->prefix.addr.bytes, 16);
	}
	return place;
}
