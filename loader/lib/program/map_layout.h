/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout of a map's key or value, from BTF, so that two can be compared and
 * their difference shown. No system calls: the BTF is in memory.
 *
 * Two layouts are the same when the same members, by name, lie at the same
 * offsets with the same type. Typedefs, qualifiers and the names of structs,
 * unions, enums and integer types mean nothing; nested structs count by what is
 * in them. An integer counts by its size and sign, bool is a type of its own, an
 * enum counts by its size, a pointer is a pointer. A member that is renamed is
 * another member: two that change places have each other's meaning.
 */
#ifndef SLOT_MAP_LAYOUT_H
#define SLOT_MAP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

struct btf;

#define SLOT_LAYOUT_TYPE_SIZE 24
#define SLOT_LAYOUT_NAME_SIZE 64

struct slot_layout_member {
	char *path; /* "flow.real[4].address"; empty: the whole is one number */
	char type[SLOT_LAYOUT_TYPE_SIZE]; /* "u32", "s8", "u16:3" for a bit field, "16 bytes each" */
	__u64 offset;			  /* bits */
};

struct slot_layout {
	char name[SLOT_LAYOUT_NAME_SIZE];   /* "struct flow", "u32"; for the eye only */
	struct slot_layout_member *members; /* by offset, then path */
	size_t count;
};

/*
 * slot_layout_read - the layout of type @type_id. Returns 0, -ENOMEM, -EINVAL
 * for BTF that makes no sense, -E2BIG for a type with too many members or too
 * deep to be compared. @ret_layout: slot_layout_free.
 */
int slot_layout_read(const struct btf *btf, __u32 type_id, struct slot_layout *ret_layout);
void slot_layout_free(struct slot_layout *layout);

bool slot_layout_is_equal(const struct slot_layout *a, const struct slot_layout *b);

/*
 * slot_layout_diff - one line per member, behind "-" where only the old layout
 * has it, "+" where only the new one has; members of both only where all fit
 * @lines_max. Each line begins with a line feed and four blanks. Cut off to
 * @size, and says so.
 */
void slot_layout_diff(const struct slot_layout *was, const struct slot_layout *is,
		      unsigned int lines_max, char *ret_text, size_t size);

#endif
