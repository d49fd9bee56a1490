/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A BPF object as bytes: not yet trusted, named and hashed. */
#ifndef SLOT_BLOB_H
#define SLOT_BLOB_H

#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/registry/state.h"

#define SLOT_BLOB_SIZE_MAX (16U << 20)

struct slot_blob {
	void *bytes;
	size_t size;
	char name[256]; /* base name of the file, for messages and for objects without a manifest */
	char sha256[SLOT_SHA256_SIZE];
};

/*
 * slot_blob_read - read the whole file at @path. Returns 0 or -errno (-EFBIG
 * over SLOT_BLOB_SIZE_MAX, -EINVAL for what is no regular file), says why.
 */
int slot_blob_read(const char *path, struct slot_reason *why, struct slot_blob *ret_blob);

/* slot_blob_copy - a blob of a copy of @bytes. Returns 0, -EFBIG or -ENOMEM. */
int slot_blob_copy(const void *bytes, size_t size, const char *name, struct slot_blob *ret_blob);

void slot_blob_free(struct slot_blob *blob);

#endif
