/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest of an object (bpf/manifest.h), read from the bytes of its ELF file. Pure. */
#ifndef SLOT_MANIFEST_H
#define SLOT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/registry/state.h"

#define SLOT_MIGRATE_MAX 256

struct slot_manifest {
	bool present; /* false: named by its file, versioned by its hash */
	char name[SLOT_NAME_MAX];
	char version[SLOT_NAME_MAX];
	bool has_hook; /* the object names it */
	enum slot_hook hook;
	char migrate[SLOT_MIGRATE_MAX]; /* path of its converter of maps; empty: none */
	char entry[64];			/* empty: the object's only program */
	unsigned int map_abi;
	size_t btf_offset; /* of its types in the file */
	size_t btf_size;   /* 0: it has none */
};

/*
 * slot_manifest_read - judge that @bytes is a BPF object at all and read its manifest.
 *
 * @file_name (a base name; may be NULL) names the object in messages, and, up to
 * its first dot, an object without a name; one without a version has the first
 * 12 digits of @sha256. The hook is xdp where none is named. Refuses with
 * -EINVAL, and says why: empty, not ELF, truncated ELF, ELF of another machine
 * ("ELF for x86-64, not BPF") or byte order, linked ELF, no program, a manifest
 * with a malformed, overlong or repeated entry, a hook that this version does
 * not know. Keys that it does not know mean nothing.
 */
int slot_manifest_read(const void *bytes, size_t size, const char *file_name, const char *sha256,
		       struct slot_reason *why, struct slot_manifest *ret_manifest);

/*
 * slot_manifest_run_config - the run config (registry/run_config.h) of @function,
 * or of the one that the manifest names, in the object that @manifest was read
 * from. Returns 0 or -EINVAL, says why.
 */
int slot_manifest_run_config(const struct slot_manifest *manifest, const void *bytes,
			     const char *function, struct slot_reason *why,
			     struct slot_run_config *ret_run);

#endif
