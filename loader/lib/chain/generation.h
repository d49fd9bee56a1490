/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A generation: one immutable, fully built chain. Its root, its programs and
 * its counters are pinned in a folder of their own; its record on disk says
 * what it is made of.
 */
#ifndef SLOT_GENERATION_H
#define SLOT_GENERATION_H

#include <stdbool.h>

#include "loader/lib/chain/counters.h"
#include "loader/lib/engine/engine.h"
#include "loader/lib/base/reason.h"
#include "loader/lib/registry/registry.h"
#include "loader/lib/registry/watch.h"
#include "loader/lib/host/store.h"

#define SLOT_PIN_ROOT "root"
#define SLOT_PIN_COUNTERS "counters"
#define SLOT_PIN_LINK "link"
#define SLOT_PIN_TOTALS "totals"

struct slot_generation {
	unsigned int number;
	const struct slot_engine *engine;
	unsigned int root_abi;
	bool has_frags;
	long long created; /* seconds since the epoch */
	char reason[160];  /* what it was built for: "deploy slot 2 by uid 0" */
	struct slot_chain_state state;
	struct slot_overrides overrides; /* that led to it */
	struct slot_watches watches;	 /* that began with it, or went on */
	int root_fd;
	__u32 root_id;
	int counters_fd;		/* -1: it counts nothing */
	__u32 canary_since[ROOT_SLOTS]; /* the generation that a slot's canary began with; 0: none */
};

/* slot_generation_new - an empty one without descriptors, or NULL. */
struct slot_generation *slot_generation_new(unsigned int number);

/* slot_generation_free - close it; what is pinned stays. NULL is fine. */
void slot_generation_free(struct slot_generation *generation);

/* slot_generation_dir - "@chain_dir/gen/@number" (PATH_MAX bytes). Returns 0 or -ENAMETOOLONG. */
int slot_generation_dir(const char *chain_dir, unsigned int number, char *ret_dir);

#define SLOT_GENERATIONS_MAX 64 /* that have pins at a time: three, unless many were interrupted */

/* slot_generation_list - the numbers of those that have pins in @chain_dir, unordered, @max at most. */
size_t slot_generation_list(const char *chain_dir, unsigned int *ret_numbers, size_t max);

/* slot_generation_root_id - the program that is pinned as the root of @number, 0 for none. */
__u32 slot_generation_root_id(const char *chain_dir, unsigned int number);

/* slot_generation_has_root - whether @prog_id is the root of one of the generations in @chain_dir. */
bool slot_generation_has_root(const char *chain_dir, __u32 prog_id);

/* slot_generation_name - of its record, "generation-41.json". */
void slot_generation_name(unsigned int number, char *ret_name, size_t size);

/* slot_generation_lineup - which slots and canaries it runs; NULL: none. For its counters. */
struct slot_lineup slot_generation_lineup(const struct slot_generation *generation);

/* slot_generation_write - write its record. Returns 0 or -errno, says why. */
int slot_generation_write(const struct slot_generation *generation, const struct slot_store *store,
			  const char *interface, struct slot_reason *why);

/*
 * slot_generation_from_json - the members of the record @json, which is called @name,
 * of this or an older version, into an empty generation. Returns 0 or -EBADMSG, says why. Pure.
 */
int slot_generation_from_json(const json_t *json, const char *name, struct slot_reason *why,
			      struct slot_generation *ret_generation);

/*
 * slot_generation_open - take over generation @number from its pins and its
 * record. Returns 0, -ENOENT when either is missing, -EBADMSG for a damaged
 * record; says why. @ret_generation: slot_generation_free.
 */
int slot_generation_open(const char *chain_dir, unsigned int number, const struct slot_store *store,
			 const char *interface, struct slot_reason *why,
			 struct slot_generation **ret_generation);

/* slot_generation_remove - remove its pins and its record; the kernel frees what nothing else holds. */
int slot_generation_remove(const char *chain_dir, unsigned int number,
			   const struct slot_store *store, const char *interface);

#endif
