/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/map_layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "loader/lib/base/cleanup.h"

/* An object is not trusted: its types may be nested to blow up when unfolded. */
#define DEPTH_MAX 32
#define VISITS_MAX 16384
#define PATH_SIZE 512

/* Where the reading of a type stands. */
struct reader {
	const struct btf *btf;
	struct slot_layout layout;
	size_t room;
	unsigned int visits;
	unsigned int depth;
	char path[PATH_SIZE];
};

static int read_type(struct reader *reader, __u32 id, __u64 offset);

static int add_member(struct reader *reader, __u64 offset, const char *type)
{
	struct slot_layout *layout = &reader->layout;
	struct slot_layout_member *member;

	if (layout->count == reader->room) {
		size_t room = reader->room ? reader->room * 2 : 16;

		member = reallocarray(layout->members, room, sizeof(*member));
		if (!member)
			return -ENOMEM;
		layout->members = member;
		reader->room = room;
	}
	member = &layout->members[layout->count];
	member->path = strdup(reader->path);
	if (!member->path)
		return -ENOMEM;
	member->offset = offset;
	snprintf(member->type, sizeof(member->type), "%s", type);
	layout->count++;
	return 0;
}

static const struct btf_type *skip_names(const struct btf *btf, __u32 *id)
{
	const struct btf_type *type = btf__type_by_id(btf, *id);
	unsigned int i;

	for (i = 0; type && i < DEPTH_MAX; i++) {
		if (!btf_is_mod(type) && !btf_is_typedef(type))
			return type;
		*id = type->type;
		type = btf__type_by_id(btf, *id);
	}
	return NULL;
}

static void format_int(const struct btf_type *type, unsigned int bitfield, char *ret)
{
	unsigned int encoding = btf_int_encoding(type);
	unsigned int bits = btf_int_bits(type);
	char sign = encoding & BTF_INT_SIGNED ? 's' : 'u';

	if (bitfield)
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, "%c%u:%u", sign, bits, bitfield);
	else if (encoding & BTF_INT_BOOL)
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, "bool");
	else
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, "%c%u", sign, bits);
}

/* What has no parts, into @ret; false for what has. */
static bool format_leaf(const struct btf_type *type, unsigned int bitfield, char *ret)
{
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		format_int(type, bitfield, ret);
		return true;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, bitfield ? "enum%u:%u" : "enum%u",
			 type->size * 8, bitfield);
		return true;
	case BTF_KIND_FLOAT:
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, "f%u", type->size * 8);
		return true;
	case BTF_KIND_PTR:
		snprintf(ret, SLOT_LAYOUT_TYPE_SIZE, "pointer");
		return true;
	default:
		return false;
	}
}

/* Lengthens the path; the caller cuts it back to what it was. */
static int extend_path(struct reader *reader, const char *name)
{
	size_t used = strlen(reader->path);
	size_t room = sizeof(reader->path) - used;
	int n = snprintf(reader->path + used, room, "%s%s", used ? "." : "", name);

	return n < 0 || (size_t)n >= room ? -E2BIG : 0;
}

static int read_member(struct reader *reader, const struct btf_type *parent, unsigned int index,
		       __u64 offset)
{
	const struct btf_member *member = &btf_members(parent)[index];
	const char *name = btf__name_by_offset(reader->btf, member->name_off);
	unsigned int bitfield = btf_member_bitfield_size(parent, index);
	size_t used = strlen(reader->path);
	char text[SLOT_LAYOUT_TYPE_SIZE];
	const struct btf_type *type;
	__u32 id = member->type;
	int err = name && *name ? extend_path(reader, name) : 0;

	offset += btf_member_bit_offset(parent, index);
	type = skip_names(reader->btf, &id);
	if (!err && bitfield && type && format_leaf(type, bitfield, text))
		err = add_member(reader, offset, text);
	else if (!err)
		err = read_type(reader, id, offset);
	reader->path[used] = '\0';
	return err;
}

static int read_members(struct reader *reader, const struct btf_type *type, __u64 offset)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < btf_vlen(type) && !err; i++)
		err = read_member(reader, type, i, offset);
	return err;
}

/* Elements are alike: one stands for all. How far they lie apart counts where they have parts. */
static int read_array(struct reader *reader, const struct btf_type *type, __u64 offset)
{
	const struct btf_array *array = btf_array(type);
	size_t used = strlen(reader->path);
	size_t room = sizeof(reader->path) - used;
	char text[SLOT_LAYOUT_TYPE_SIZE];
	const struct btf_type *element;
	__u32 id = array->type;
	long long size;
	int err = 0;
	int n = snprintf(reader->path + used, room, "[%u]", array->nelems);

	if (n < 0 || (size_t)n >= room)
		return -E2BIG;
	element = skip_names(reader->btf, &id);
	if (element && btf_is_composite(element)) {
		size = btf__resolve_size(reader->btf, id);
		snprintf(text, sizeof(text), "%lld bytes each", size);
		err = size < 0 ? -EINVAL : add_member(reader, offset, text);
	}
	if (!err)
		err = read_type(reader, id, offset);
	reader->path[used] = '\0';
	return err;
}

/* A section of global variables: .data, .bss. */
static int read_section(struct reader *reader, const struct btf_type *type)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(type);
	unsigned int i;
	int err = 0;

	for (i = 0; i < btf_vlen(type) && !err; i++) {
		const struct btf_type *var = btf__type_by_id(reader->btf, info[i].type);
		const char *name = var ? btf__name_by_offset(reader->btf, var->name_off) : NULL;

		if (!name || !btf_is_var(var))
			return -EINVAL;
		err = extend_path(reader, name);
		if (!err)
			err = read_type(reader, var->type, info[i].offset * 8ULL);
		reader->path[0] = '\0';
	}
	return err;
}

static int read_parts(struct reader *reader, const struct btf_type *type, __u64 offset)
{
	if (btf_is_composite(type))
		return read_members(reader, type, offset);
	if (btf_is_array(type))
		return read_array(reader, type, offset);
	return btf_is_datasec(type) && !reader->path[0] ? read_section(reader, type) : -EINVAL;
}

static int read_type(struct reader *reader, __u32 id, __u64 offset)
{
	const struct btf_type *type = skip_names(reader->btf, &id);
	char text[SLOT_LAYOUT_TYPE_SIZE];
	int err;

	if (!type)
		return -EINVAL;
	if (reader->depth == DEPTH_MAX || ++reader->visits > VISITS_MAX)
		return -E2BIG;
	if (format_leaf(type, 0, text))
		return add_member(reader, offset, text);
	reader->depth++;
	err = read_parts(reader, type, offset);
	reader->depth--;
	return err;
}

static void name_layout(const struct btf *btf, __u32 id, char *ret_name)
{
	const struct btf_type *type = skip_names(btf, &id);
	const char *name = type ? btf__name_by_offset(btf, type->name_off) : NULL;
	char leaf[SLOT_LAYOUT_TYPE_SIZE];

	if (!type)
		return;
	if (format_leaf(type, 0, leaf))
		name = leaf;
	snprintf(ret_name, SLOT_LAYOUT_NAME_SIZE, "%s%.48s",
		 btf_is_struct(type) ? "struct " :
		 btf_is_union(type)  ? "union " :
		 btf_is_array(type)  ? "array" :
				       "",
		 name ? name : "");
}

static int compare_members(const void *a, const void *b)
{
	const struct slot_layout_member *left = a;
	const struct slot_layout_member *right = b;
	int order = strcmp(left->path, right->path);

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	return order ? order : strcmp(left->type, right->type);
}

int slot_layout_read(const struct btf *btf, __u32 type_id, struct slot_layout *ret_layout)
{
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
	int err;

	if (!reader)
		return -ENOMEM;
	reader->btf = btf;
	name_layout(btf, type_id, reader->layout.name);
	err = read_type(reader, type_id, 0);
	if (err) {
		slot_layout_free(&reader->layout);
		return err;
	}
	if (reader->layout.count)
		qsort(reader->layout.members, reader->layout.count, sizeof(*reader->layout.members),
		      compare_members);
	*ret_layout = reader->layout;
	return 0;
}

void slot_layout_free(struct slot_layout *layout)
{
	size_t i;

	for (i = 0; i < layout->count; i++)
		free(layout->members[i].path);
	free(layout->members);
	*layout = (struct slot_layout){ 0 };
}

bool slot_layout_is_equal(const struct slot_layout *a, const struct slot_layout *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (compare_members(&a->members[i], &b->members[i]))
			return false;
	return true;
}

/* A text of limited room whose end tells what did not fit. */
struct listing {
	char *text;
	size_t size;
	size_t used;
	unsigned int left_out;
};

#define LEFT_OUT_SIZE 32 /* "\n    and 4294967295 more" */

static void list_member(struct listing *listing, char mark, const struct slot_layout_member *member)
{
	size_t room = listing->size - listing->used;
	unsigned int bit = (unsigned int)(member->offset % 8);
	char part[16] = "";
	int n;

	if (bit)
		snprintf(part, sizeof(part), " bit %u", bit);
	n = snprintf(listing->text + listing->used, room, "\n    %c %s%s%s @%llu%s", mark,
		     member->type, *member->path ? " " : "", member->path,
		     (unsigned long long)(member->offset / 8), part);
	if (!listing->left_out && n > 0 && (size_t)n + LEFT_OUT_SIZE < room) {
		listing->used += (size_t)n;
		return;
	}
	listing->text[listing->used] = '\0';
	listing->left_out++;
}

static bool is_retyped(const struct slot_layout_member *was, const struct slot_layout_member *is)
{
	return was->offset == is->offset && !strcmp(was->path, is->path);
}

static void list_both(struct listing *listing, const struct slot_layout_member *was,
		      const struct slot_layout_member *is, bool has_common)
{
	if (strcmp(was->type, is->type) != 0) {
		list_member(listing, '-', was);
		list_member(listing, '+', is);
	} else if (has_common) {
		list_member(listing, ' ', is);
	}
}

/* Where the walk goes on: -1 with the old layout, 1 with the new one, 0 with both. */
static int choose_side(const struct slot_layout *was, size_t i, const struct slot_layout *is,
		       size_t k)
{
	if (i == was->count)
		return 1;
	if (k == is->count)
		return -1;
	if (is_retyped(&was->members[i], &is->members[k]))
		return 0;
	return compare_members(&was->members[i], &is->members[k]);
}

/* Both are sorted, so the members of either alone are found in one walk. */
static void list_difference(struct listing *listing, const struct slot_layout *was,
			    const struct slot_layout *is, bool has_common)
{
	size_t i = 0;
	size_t k = 0;

	while (i < was->count || k < is->count) {
		int side = choose_side(was, i, is, k);

		if (side < 0) {
			list_member(listing, '-', &was->members[i++]);
		} else if (side > 0) {
			list_member(listing, '+', &is->members[k++]);
		} else {
			list_both(listing, &was->members[i++], &is->members[k++], has_common);
		}
	}
}

void slot_layout_diff(const struct slot_layout *was, const struct slot_layout *is,
		      unsigned int lines_max, char *ret_text, size_t size)
{
	struct listing listing = { .text = ret_text, .size = size };

	if (!size)
		return;
	ret_text[0] = '\0';
	list_difference(&listing, was, is, was->count + is->count <= lines_max);
	if (listing.left_out && size - listing.used > LEFT_OUT_SIZE)
		snprintf(ret_text + listing.used, size - listing.used, "\n    and %u more",
			 listing.left_out);
}
