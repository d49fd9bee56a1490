/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trying an object without deploying it: what the verifier says, and what is in it. */
#ifndef SLOT_VERIFY_H
#define SLOT_VERIFY_H

#include <stdbool.h>

#include <linux/types.h>

#include "loader/lib/program/helpers.h"
#include "loader/lib/registry/manifest.h"

#define SLOT_VERIFY_MAPS_MAX 64
#define SLOT_VERIFY_FUNCTIONS_MAX 32

struct slot_verify_map {
	char name[64];
	const char *type; /* static */
	__u32 key_size;	  /* bytes */
	__u32 value_size; /* bytes */
	__u32 max_entries;
	__u64 memory; /* bytes, as slot_map_memory_get has it */
};

struct slot_verify_report {
	struct slot_manifest manifest;
	char hook[16]; /* the manifest's, else what the program can be for */
	struct slot_run_config run;
	char sha256[SLOT_SHA256_SIZE];
	char entry[64]; /* the function that would run */
	/* All that the object has a section for, "entry (sk_reuseport)"; more are not told of. */
	char functions[SLOT_VERIFY_FUNCTIONS_MAX][128];
	unsigned int function_count;
	unsigned int insns;	     /* as written, subprograms included */
	unsigned int verified_insns; /* that the verifier walked, all paths */
	unsigned int jited_bytes;
	bool has_frags;
	enum root_kind kind;
	struct slot_verify_map maps[SLOT_VERIFY_MAPS_MAX];
	unsigned int map_count;
	__u64 map_memory; /* bytes of these maps together */
	struct slot_helper_list helpers;
	bool freplace_ok; /* fits a chain of that engine here */
	struct slot_reason freplace_reason;
	bool fused_ok;
	struct slot_reason fused_reason;
};

/*
 * slot_verify - load the object at @path for nothing: verified, never attached,
 * nothing pinned. @function as in slot_program_open, or "". Needs CAP_BPF and
 * CAP_NET_ADMIN. Returns 0, or -errno for an object that no slot would take, and why.
 */
int slot_verify(const char *path, const char *function, struct slot_reason *why,
		struct slot_verify_report *ret_report);

#endif
