/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/map_shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/program/map_layout.h"

#define LIST_SIZE 256
#define DIFF_SIZE 700 /* of key and value each: both and the words around them fit a reason */
#define DIFF_LINES_MAX 24

/* What differs between the map that is there and the one that is declared. */
struct comparison {
	const char *name;
	char list[LIST_SIZE]; /* "its value size from 8 to 16, its flags from ..." */
	char key_diff[DIFF_SIZE];
	char value_diff[DIFF_SIZE];
};

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

static void add_text(struct comparison *comparison, const char *what, const char *was,
		     const char *is)
{
	size_t used = strlen(comparison->list);

	snprintf(comparison->list + used, sizeof(comparison->list) - used, "%sits %s from %s to %s",
		 used ? ", " : "", what, was, is);
}

static void add_number(struct comparison *comparison, const char *what, __u32 was, __u32 is)
{
	char was_text[16];
	char is_text[16];

	if (was == is)
		return;
	snprintf(was_text, sizeof(was_text), "%u", was);
	snprintf(is_text, sizeof(is_text), "%u", is);
	add_text(comparison, what, was_text, is_text);
}

static const char *name_type(__u32 type)
{
	const char *name = libbpf_bpf_map_type_str(type);

	return name ? name : "unknown";
}

/* Sizes that the kernel or libbpf rounds or fills in are declared as 0 or as less than what is there. */
static bool is_max_entries_equal(const struct bpf_map_info *info, const struct bpf_map *map)
{
	__u32 declared = bpf_map__max_entries(map);

	if (info->type == BPF_MAP_TYPE_RINGBUF)
		return info->max_entries >= declared && info->max_entries / 2 < declared;
	return !declared || info->max_entries == declared;
}

static void compare_numbers(struct comparison *comparison, const struct bpf_map_info *info,
			    const struct bpf_map *map)
{
	__u32 flags = info->map_flags;

	if (info->type == BPF_MAP_TYPE_DEVMAP || info->type == BPF_MAP_TYPE_DEVMAP_HASH)
		flags &= ~(__u32)BPF_F_RDONLY_PROG; /* the kernel's own addition */
	if (info->type != bpf_map__type(map))
		add_text(comparison, "type", name_type(info->type), name_type(bpf_map__type(map)));
	add_number(comparison, "key size", info->key_size, bpf_map__key_size(map));
	add_number(comparison, "value size", info->value_size, bpf_map__value_size(map));
	add_number(comparison, "flags", flags, bpf_map__map_flags(map));
}

/* What has no readable layout on one side is judged by its size alone. */
static int compare_layout(const struct btf *was_btf, __u32 was_id, const struct btf *is_btf,
			  __u32 is_id, char *ret_diff)
{
	_cleanup_(slot_layout_free) struct slot_layout was = { 0 };
	_cleanup_(slot_layout_free) struct slot_layout is = { 0 };
	int err;

	if (!was_id || !is_id)
		return 0;
	err = slot_layout_read(was_btf, was_id, &was);
	if (!err)
		err = slot_layout_read(is_btf, is_id, &is);
	if (err || slot_layout_is_equal(&was, &is))
		return err;
	slot_layout_diff(&was, &is, DIFF_LINES_MAX, ret_diff, DIFF_SIZE);
	return 0;
}

static int compare_layouts(struct comparison *comparison, const struct bpf_map_info *info,
			   const struct bpf_map *map, const struct btf *btf)
{
	_cleanup_(cleanup_btf) struct btf *pinned = NULL;
	int err;

	if (!info->btf_id || !btf)
		return 0;
	pinned = btf__load_from_kernel_by_id(info->btf_id);
	if (!pinned)
		return -errno;
	err = compare_layout(pinned, info->btf_key_type_id, btf, bpf_map__btf_key_type_id(map),
			     comparison->key_diff);
	if (!err)
		err = compare_layout(pinned, info->btf_value_type_id, btf,
				     bpf_map__btf_value_type_id(map), comparison->value_diff);
	return err;
}

static const char *name_layouts(const struct comparison *comparison)
{
	if (comparison->key_diff[0] && comparison->value_diff[0])
		return "the layout of its key and value";
	if (comparison->key_diff[0])
		return "the layout of its key";
	return comparison->value_diff[0] ? "the layout of its value" : "";
}

static int judge(const struct comparison *comparison, struct slot_reason *why)
{
	const char *list = comparison->list;
	const char *layouts = name_layouts(comparison);

	if (!*list && !*layouts)
		return 0;
	return slot_reason_set(
		why, -EEXIST,
		"map '%s' changed %s%s%s, so its entries cannot be carried over: "
		"--reset-map %s starts it empty, --migrate %s has them converted%s%s%s%s",
		comparison->name, list, *list && *layouts ? ", " : "", layouts, comparison->name,
		comparison->name, comparison->key_diff[0] ? "\n  key:" : "", comparison->key_diff,
		comparison->value_diff[0] ? "\n  value:" : "", comparison->value_diff);
}

static int get_info(int fd, const char *name, struct bpf_map_info *ret_info,
		    struct slot_reason *why)
{
	__u32 len = sizeof(*ret_info);

	return bpf_map_get_info_by_fd(fd, ret_info, &len) ?
		       slot_reason_set(why, -errno, "cannot inspect the pinned map '%s': %s", name,
				       strerror(errno)) :
		       0;
}

static int compare(int fd, struct comparison *comparison, const struct bpf_map *map,
		   const struct btf *btf, struct bpf_map_info *ret_info, struct slot_reason *why)
{
	int err = get_info(fd, comparison->name, ret_info, why);

	if (err)
		return err;
	compare_numbers(comparison, ret_info, map);
	err = compare_layouts(comparison, ret_info, map, btf);
	return err ? slot_reason_set(why, err, "cannot compare the layouts of map '%s': %s",
				     comparison->name, strerror(-err)) :
		     0;
}

#define INNER_LOOKUPS_MAX 1024 /* an array of maps may be long and empty */

/* An inner map of @fd; -1 where there is none yet. User space reads ids where programs see maps. */
static int open_inner(int fd, const struct bpf_map_info *info)
{
	_cleanup_free_ unsigned char *key = NULL;
	_cleanup_free_ unsigned char *next = NULL;
	const unsigned char *last = NULL;
	__u32 i;

	key = calloc(1, info->key_size);
	next = calloc(1, info->key_size);
	for (i = 0; key && next && i < INNER_LOOKUPS_MAX; i++) {
		__u32 id = 0;
		int inner;

		if (bpf_map_get_next_key(fd, last, next))
			return -1;
		inner = bpf_map_lookup_elem(fd, next, &id) ? -1 : bpf_map_get_fd_by_id(id);
		if (inner >= 0)
			return inner;
		memcpy(key, next, info->key_size);
		last = key;
	}
	return -1;
}

static int check_inner(int outer_fd, const char *name, const struct bpf_map_info *outer,
		       const struct bpf_map *template, const struct btf *btf,
		       struct slot_reason *why)
{
	struct comparison comparison = { .name = name };
	_cleanup_close_ int fd = open_inner(outer_fd, outer);
	struct bpf_map_info info = { 0 };
	int err;

	if (fd < 0)
		return 0;
	err = compare(fd, &comparison, template, btf, &info, why);
	if (!err)
		err = judge(&comparison, why);
	return err == -EEXIST ? slot_reason_prefix(why, err, "of the inner maps: ") : err;
}

int slot_map_shape_check(int fd, const char *name, const struct bpf_map *map, const struct btf *btf,
			 struct slot_reason *why)
{
	struct comparison comparison = { .name = name };
	const struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)map);
	struct bpf_map_info info = { 0 };
	int err = compare(fd, &comparison, map, btf, &info, why);

	if (err)
		return err;
	if (!is_max_entries_equal(&info, map))
		add_number(&comparison, "number of entries", info.max_entries,
			   bpf_map__max_entries(map));
	err = judge(&comparison, why);
	return err || !inner ? err : check_inner(fd, name, &info, inner, btf, why);
}
