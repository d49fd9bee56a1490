/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/decap/decap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map addresses_map = {
	.name = DECAP_ADDRESSES_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct decap_address),
	.value_size = sizeof(__u32),
	.max_entries = DECAP_ADDRESSES_MAX,
};

static const struct program_map prefixes_map = {
	.name = DECAP_PREFIXES_NAME,
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.key_size = sizeof(struct slot_prefix),
	.value_size = sizeof(__u32),
	.max_entries = DECAP_PREFIXES_MAX,
};

static const struct program_map served_map = {
	.name = DECAP_SERVED_NAME,
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.key_size = sizeof(struct slot_prefix),
	.value_size = sizeof(__u32),
	.max_entries = DECAP_SERVED_MAX,
};

static const struct program_map ids_map = {
	.name = DECAP_IDS_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = DECAP_IDS_MAX,
};

static const struct program_map control_map = {
	.name = DECAP_CONTROL_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct decap_control),
	.max_entries = 1,
};

int decap_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		    struct decap_maps *ret_maps)
{
	struct decap_maps maps = DECAP_MAPS_CLOSED;
	const struct program_map_fd all[] = {
		{ &addresses_map, &maps.addresses }, { &prefixes_map, &maps.prefixes },
		{ &served_map, &maps.served },	     { &ids_map, &maps.ids },
		{ &control_map, &maps.control },
	};
	int err = program_maps_open(map_dir, all, sizeof(all) / sizeof(all[0]), is_writer, why);

	if (!err)
		*ret_maps = maps;
	return err;
}

void decap_maps_close(struct decap_maps *maps)
{
	slot_cleanup_close(&maps->addresses);
	slot_cleanup_close(&maps->prefixes);
	slot_cleanup_close(&maps->served);
	slot_cleanup_close(&maps->ids);
	slot_cleanup_close(&maps->control);
}

/* --- one element of any of them -------------------------------------------------------------- */

struct element {
	const struct program_map *map;
	int fd;
	const void *key;
	const char *text; /* the key in words */
	const char *what; /* what the map has */
};

static int add_element(const struct element *element, struct slot_reason *why)
{
	__u32 value = 1;
	int err = bpf_map_update_elem(element->fd, element->key, &value, BPF_ANY);

	if (!err)
		return 0;
	/* A trie says that there is no room in words of its own. */
	if (err == -E2BIG || err == -ENOSPC)
		return slot_reason_set(why, err, "%u %s are all that fit",
				       element->map->max_entries, element->what);
	return slot_reason_set(why, err, "cannot add '%s': %s", element->text, strerror(-err));
}

static int del_element(const struct element *element, struct slot_reason *why)
{
	int err = bpf_map_delete_elem(element->fd, element->key);

	if (!err)
		return 0;
	if (err == -ENOENT)
		return slot_reason_set(why, err, "'%s' is not one of the %s", element->text,
				       element->what);
	return slot_reason_set(why, err, "cannot delete '%s': %s", element->text, strerror(-err));
}

/* All keys of a map, of @map->key_size bytes each; others may come and go meanwhile. */
static int get_keys(int fd, const struct program_map *map, struct slot_reason *why, void *keys,
		    size_t *ret_count)
{
	const void *last = NULL;
	size_t count = 0;
	int err = 0;

	while (count < map->max_entries) {
		void *next = (char *)keys + count * map->key_size;

		err = bpf_map_get_next_key(fd, last, next);
		if (err)
			break;
		last = next;
		count++;
	}
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", map->name,
				       strerror(-err));
	*ret_count = count;
	return 0;
}

/* --- prefixes -------------------------------------------------------------------------------- */

static int compare_prefixes(const void *a, const void *b)
{
	const struct slot_prefix *one = a, *other = b;
	int order;

	if (one->family != other->family)
		return one->family < other->family ? -1 : 1;
	order = memcmp(one->addr, other->addr, sizeof(one->addr));
	return order ? order : (int)one->len - (int)other->len;
}

static void address_to_prefix(const struct decap_address *address, struct slot_prefix *prefix)
{
	bool is_ip4 = !memcmp(address->addr, program_prefix_mapped, sizeof(program_prefix_mapped));

	*prefix = (struct slot_prefix){
		.len = SLOT_PREFIX_FAMILY_BITS + (is_ip4 ? 32 : 128),
		.family = is_ip4 ? 4 : 6,
	};
	memcpy(prefix->addr, address->addr + (is_ip4 ? sizeof(program_prefix_mapped) : 0),
	       is_ip4 ? 4 : 16);
}

int decap_ends_get(const struct decap_maps *maps, struct slot_reason *why,
		   struct slot_prefix **ret_prefixes, size_t *ret_count)
{
	_cleanup_free_ struct decap_address *addresses =
		calloc(DECAP_ADDRESSES_MAX, sizeof(*addresses));
	_cleanup_free_ struct slot_prefix *prefixes =
		calloc(DECAP_ADDRESSES_MAX + DECAP_PREFIXES_MAX, sizeof(*prefixes));
	size_t wide = 0, exact = 0, i;
	int err;

	if (!addresses || !prefixes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = get_keys(maps->prefixes, &prefixes_map, why, prefixes, &wide);
	err = err ? err : get_keys(maps->addresses, &addresses_map, why, addresses, &exact);
	if (err)
		return err;
	for (i = 0; i < exact; i++)
		address_to_prefix(&addresses[i], &prefixes[wide + i]);
	qsort(prefixes, wide + exact, sizeof(*prefixes), compare_prefixes);
	*ret_prefixes = TAKE_PTR(prefixes);
	*ret_count = wide + exact;
	return 0;
}

/* A single address is in the hash, which is asked first. */
static struct element end_of(const struct decap_maps *maps, const struct slot_prefix *prefix,
			     struct decap_address *address)
{
	if (decap_prefix_to_address(prefix, address))
		return (struct element){ .map = &addresses_map,
					 .fd = maps->addresses,
					 .key = address,
					 .what = "tunnel addresses" };
	return (struct element){
		.map = &prefixes_map, .fd = maps->prefixes, .key = prefix, .what = "tunnel prefixes"
	};
}

/*
 * Packets go by what they found, for as long as the stamp is the same. One that stays odd,
 * as this process was ended, has them look each time.
 */
static int change_ends(const struct decap_maps *maps, const struct slot_prefix *prefix,
		       int (*change)(const struct element *, struct slot_reason *),
		       struct slot_reason *why)
{
	char text[PROGRAM_PREFIX_TEXT_MAX];
	struct decap_address address;
	struct element element = end_of(maps, prefix, &address);
	struct decap_control control = {};
	int err = decap_control_get(maps, why, &control), end_err;
	struct slot_reason end_why;

	if (err)
		return err;
	program_prefix_format(prefix, text);
	element.text = text;
	control.stamp |= 1;
	err = decap_control_set(maps, &control, why);
	if (err)
		return err;
	err = change(&element, why);
	control.stamp++;
	end_err = decap_control_set(maps, &control, err ? &end_why : why);
	return err ? err : end_err;
}

int decap_end_add(const struct decap_maps *maps, const struct slot_prefix *prefix,
		  struct slot_reason *why)
{
	return change_ends(maps, prefix, add_element, why);
}

int decap_end_del(const struct decap_maps *maps, const struct slot_prefix *prefix,
		  struct slot_reason *why)
{
	return change_ends(maps, prefix, del_element, why);
}

/* --- what is asked for only where there is any ------------------------------------------------ */

static int set_flag(const struct decap_maps *maps, __u8 flag, bool is_set, struct slot_reason *why)
{
	struct decap_control control = {};
	int err = decap_control_get(maps, why, &control);

	if (err || !(control.flags & flag) == !is_set)
		return err;
	control.flags ^= flag;
	return decap_control_set(maps, &control, why);
}

/* Whether @key is the only element. */
static bool is_last(const struct element *element)
{
	unsigned char first[sizeof(struct slot_prefix)], second[sizeof(first)];

	return !bpf_map_get_next_key(element->fd, NULL, first) &&
	       !memcmp(first, element->key, element->map->key_size) &&
	       bpf_map_get_next_key(element->fd, first, second) == -ENOENT;
}

/* The list is never asked for while it is empty: all packets would be none of it. */
static int add_listed(const struct decap_maps *maps, const struct element *element, __u8 flag,
		      struct slot_reason *why)
{
	int err = add_element(element, why);

	return err ? err : set_flag(maps, flag, true, why);
}

static int del_listed(const struct decap_maps *maps, const struct element *element, __u8 flag,
		      struct slot_reason *why)
{
	int err = is_last(element) ? set_flag(maps, flag, false, why) : 0;

	return err ? err : del_element(element, why);
}

static struct element served_of(const struct decap_maps *maps, const struct slot_prefix *prefix,
				const char *text)
{
	return (struct element){ .map = &served_map,
				 .fd = maps->served,
				 .key = prefix,
				 .text = text,
				 .what = "served prefixes" };
}

int decap_served_add(const struct decap_maps *maps, const struct slot_prefix *prefix,
		     struct slot_reason *why)
{
	char text[PROGRAM_PREFIX_TEXT_MAX];
	const struct element element = served_of(maps, prefix, text);

	program_prefix_format(prefix, text);
	return add_listed(maps, &element, DECAP_HAS_SERVED, why);
}

int decap_served_del(const struct decap_maps *maps, const struct slot_prefix *prefix,
		     struct slot_reason *why)
{
	char text[PROGRAM_PREFIX_TEXT_MAX];
	const struct element element = served_of(maps, prefix, text);

	program_prefix_format(prefix, text);
	return del_listed(maps, &element, DECAP_HAS_SERVED, why);
}

int decap_served_get(const struct decap_maps *maps, struct slot_reason *why,
		     struct slot_prefix **ret_prefixes, size_t *ret_count)
{
	_cleanup_free_ struct slot_prefix *prefixes = calloc(DECAP_SERVED_MAX, sizeof(*prefixes));
	size_t count = 0;
	int err;

	if (!prefixes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = get_keys(maps->served, &served_map, why, prefixes, &count);
	if (err)
		return err;
	qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
	*ret_prefixes = TAKE_PTR(prefixes);
	*ret_count = count;
	return 0;
}

static struct element id_of(const struct decap_maps *maps, const __u32 *id, char text[16])
{
	snprintf(text, 16, "%u", *id);
	return (struct element){
		.map = &ids_map, .fd = maps->ids, .key = id, .text = text, .what = "server ids"
	};
}

int decap_id_add(const struct decap_maps *maps, __u32 id, struct slot_reason *why)
{
	char text[16];
	const struct element element = id_of(maps, &id, text);

	return add_listed(maps, &element, DECAP_HAS_IDS, why);
}

int decap_id_del(const struct decap_maps *maps, __u32 id, struct slot_reason *why)
{
	char text[16];
	const struct element element = id_of(maps, &id, text);

	return del_listed(maps, &element, DECAP_HAS_IDS, why);
}

static int compare_ids(const void *a, const void *b)
{
	__u32 one = *(const __u32 *)a, other = *(const __u32 *)b;

	return one < other ? -1 : one > other;
}

int decap_ids_get(const struct decap_maps *maps, struct slot_reason *why,
		  __u32 ret_ids[DECAP_IDS_MAX], size_t *ret_count)
{
	int err = get_keys(maps->ids, &ids_map, why, ret_ids, ret_count);

	if (!err)
		qsort(ret_ids, *ret_count, sizeof(*ret_ids), compare_ids);
	return err;
}

/* --- settings -------------------------------------------------------------------------------- */

int decap_control_get(const struct decap_maps *maps, struct slot_reason *why,
		      struct decap_control *ret_control)
{
	struct decap_control control;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(maps->control, &zero, &control);

	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", control_map.name,
				       strerror(-err));
	*ret_control = control;
	return 0;
}

int decap_control_set(const struct decap_maps *maps, const struct decap_control *control,
		      struct slot_reason *why)
{
	__u32 zero = 0;
	int err = bpf_map_update_elem(maps->control, &zero, control, BPF_ANY);

	if (err)
		return slot_reason_set(why, err, "cannot write map '%s': %s", control_map.name,
				       strerror(-err));
	return 0;
}
