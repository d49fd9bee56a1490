/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/tc_redirect/tc_redirect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map dests_map = {
	.name = TC_REDIRECT_DESTS_NAME,
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.key_size = sizeof(struct slot_prefix),
	.value_size = sizeof(struct tc_redirect_dest),
	.max_entries = TC_REDIRECT_DESTS_MAX,
};

static const struct program_map hits_map = {
	.name = TC_REDIRECT_HITS_NAME,
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct slot_count),
	.max_entries = TC_REDIRECT_DESTS_MAX,
};

int tc_redirect_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		     struct tc_redirect_maps *ret_maps)
{
	struct tc_redirect_maps maps = TC_REDIRECT_MAPS_CLOSED;
	const struct program_map_fd all[] = {
		{ &dests_map, &maps.dests },
		{ &hits_map, &maps.hits },
	};
	int err = program_maps_open(map_dir, all, sizeof(all) / sizeof(all[0]), is_writer, why);

	if (!err)
		*ret_maps = maps;
	return err;
}

void tc_redirect_close(struct tc_redirect_maps *maps)
{
	slot_cleanup_close(&maps->dests);
	slot_cleanup_close(&maps->hits);
}

static int compare_routes(const void *a, const void *b)
{
	const struct slot_prefix *one = &((const struct tc_redirect_route *)a)->prefix;
	const struct slot_prefix *other = &((const struct tc_redirect_route *)b)->prefix;
	int order;

	if (one->family != other->family)
		return one->family < other->family ? -1 : 1;
	order = memcmp(one->addr, other->addr, sizeof(one->addr));
	return order ? order : (int)one->len - (int)other->len;
}

int tc_redirect_routes_get(const struct tc_redirect_maps *maps, struct slot_reason *why,
			   struct tc_redirect_route **ret_routes, size_t *ret_count)
{
	_cleanup_free_ struct tc_redirect_route *routes =
		calloc(TC_REDIRECT_DESTS_MAX, sizeof(*routes));
	const struct slot_prefix *last = NULL;
	size_t count = 0;
	int err = 0;

	if (!routes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	while (count < TC_REDIRECT_DESTS_MAX) {
		err = bpf_map_get_next_key(maps->dests, last, &routes[count].prefix);
		err = err ? err :
			    bpf_map_lookup_elem(maps->dests, &routes[count].prefix,
						&routes[count].dest);
		if (err)
			break;
		last = &routes[count++].prefix;
	}
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", dests_map.name,
				       strerror(-err));
	qsort(routes, count, sizeof(*routes), compare_routes);
	*ret_routes = TAKE_PTR(routes);
	*ret_count = count;
	return 0;
}

/* A number that no prefix has, its counter at 0. */
static int take_number(const struct tc_redirect_maps *maps, struct slot_reason *why,
		       __u32 *ret_number)
{
	_cleanup_free_ struct tc_redirect_route *routes = NULL;
	bool is_taken[TC_REDIRECT_DESTS_MAX] = {};
	__u32 number = 0;
	size_t count = 0;
	int err = tc_redirect_routes_get(maps, why, &routes, &count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (routes[i].dest.number < TC_REDIRECT_DESTS_MAX)
			is_taken[routes[i].dest.number] = true;
	while (number < TC_REDIRECT_DESTS_MAX && is_taken[number])
		number++;
	if (number == TC_REDIRECT_DESTS_MAX)
		return slot_reason_set(why, -E2BIG, "%d prefixes are all that fit",
				       TC_REDIRECT_DESTS_MAX);
	*ret_number = number;
	return program_map_clear(maps->hits, &hits_map, number, 1, why);
}

/* What a trie holds of exactly this prefix: a lookup may find a shorter one. */
static int find_route(const struct tc_redirect_maps *maps, const struct slot_prefix *prefix,
		      struct slot_reason *why, bool *ret_found, struct tc_redirect_dest *dest)
{
	_cleanup_free_ struct tc_redirect_route *routes = NULL;
	size_t count = 0;
	int err = tc_redirect_routes_get(maps, why, &routes, &count);

	*ret_found = false;
	for (size_t i = 0; !err && i < count; i++) {
		if (memcmp(&routes[i].prefix, prefix, sizeof(*prefix)) != 0)
			continue;
		*dest = routes[i].dest;
		*ret_found = true;
	}
	return err;
}

int tc_redirect_route_set(const struct tc_redirect_maps *maps, const struct slot_prefix *prefix,
			  unsigned int ifindex, enum tc_redirect_helper helper,
			  struct slot_reason *why)
{
	struct tc_redirect_dest dest = {};
	bool is_there;
	int err = find_route(maps, prefix, why, &is_there, &dest);

	if (!err && !is_there)
		err = take_number(maps, why, &dest.number);
	if (err)
		return err;
	dest.ifindex = ifindex;
	dest.helper = helper;
	err = bpf_map_update_elem(maps->dests, prefix, &dest, BPF_ANY);
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", dests_map.name,
				     strerror(-err)) :
		     0;
}

int tc_redirect_route_del(const struct tc_redirect_maps *maps, const struct slot_prefix *prefix,
			  struct slot_reason *why)
{
	int err = bpf_map_delete_elem(maps->dests, prefix);

	if (!err)
		return 0;
	if (err == -ENOENT)
		return slot_reason_set(why, err, "it is not one of the prefixes");
	return slot_reason_set(why, err, "cannot write map '%s': %s", dests_map.name,
			       strerror(-err));
}
