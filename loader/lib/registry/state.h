/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of a chain as pure data: what should run, or what does. The same
 * words for both, so that a plan is the difference of two of these.
 */
#ifndef SLOT_STATE_H
#define SLOT_STATE_H

#include <stdbool.h>

#include <jansson.h>

#include "loader/lib/config/config.h"

#define SLOT_SHA256_SIZE 65 /* 64 hex digits and the NUL */

/* What an object written for libxdp wants by itself (registry/run_config.h). */
struct slot_run_config {
	bool present;
	unsigned int priority; /* shown only: the slot's number is the order */
	__u8 continue_on;      /* mask of verdicts after which the chain goes on */
};

/* Which object: its content, and what its manifest calls it. */
struct slot_object_id {
	char sha256[SLOT_SHA256_SIZE];
	char name[SLOT_NAME_MAX];
	char version[SLOT_NAME_MAX];
	struct slot_run_config run; /* of the function that runs */
	bool is_adopted; /* a loaded program without a file: sha256 is its tag, after 48 zeros */
};

/* A second version beside the slot's own, for a part of its packets. */
struct slot_canary {
	bool present;
	struct slot_object_id object;
	unsigned int share_ppm; /* by flow: so many of 1,000,000 */
	__u64 cpus;		/* by CPU: bit per CPU 0 to 63; 0: by flow */
};

struct slot_state {
	bool reserved;
	bool is_adopted; /* not by slots.conf: its program was taken over from libxdp */
	bool enabled;
	bool has_object;
	char name[SLOT_NAME_MAX]; /* of the reservation */
	char owner[SLOT_OWNER_MAX];
	char program[SLOT_FUNCTION_MAX]; /* function to run, or empty: the object's own choice */
	struct slot_object_id object;
	struct slot_canary canary;
	bool has_former;
	struct slot_object_id former; /* that the reservation ran before this one */
	struct root_rules rules;
	struct slot_limits limits;
	bool has_continue_on; /* slots.conf gives it; else the object does, or it is pass */
	struct slot_settings settings;
};

/* What someone asked for beyond slots.conf: it counts until it is taken back. */
struct slot_override {
	char name[SLOT_NAME_MAX]; /* of the reservation it belongs to; empty: unused */
	bool has_object;
	struct slot_object_id object;
	struct slot_canary canary;
	int enabled;	   /* 1, 0, or -1: as slots.conf says */
	bool is_adopted;   /* it brings its reservation along (registry/adoption.h) */
	unsigned int slot; /* of that */
};

struct slot_overrides {
	struct slot_override slots[ROOT_SLOTS]; /* in no order; found by name */
};

struct slot_chain_state {
	bool counters;
	struct slot_state slots[ROOT_SLOTS];
};

/* slot_object_id_is_equal - the same content under the same name and version. */
bool slot_object_id_is_equal(const struct slot_object_id *a, const struct slot_object_id *b);

void slot_chain_state_free(struct slot_chain_state *state);

/* slot_chain_state_copy - a deep copy (slot_chain_state_free). Returns 0 or -ENOMEM. */
int slot_chain_state_copy(const struct slot_chain_state *from, struct slot_chain_state *ret_to);

/*
 * slot_chain_state_set_former - note in @state what each of its reservations ran
 * before: the object that it has in @running where that is another one, else
 * what was noted there. Reservations are the same by their name. Pure.
 */
void slot_chain_state_set_former(struct slot_chain_state *state,
				 const struct slot_chain_state *running);

/* slot_chain_state_find - the reservation @name, or NULL; owned by @state. */
const struct slot_state *slot_chain_state_find(const struct slot_chain_state *state,
					       const char *name);

/*
 * slot_state_set_object - @slot runs @object from now on. Where slots.conf does
 * not say after which verdicts the chain goes on, the object's run config does,
 * as far as the reservation allows them; else pass.
 */
void slot_state_set_object(struct slot_state *slot, const struct slot_object_id *object);

/*
 * slot_state_version - @slot as if the program of @version were its only one. A
 * view that shares the settings of @slot: not to be freed. Pure.
 */
struct slot_state slot_state_version(const struct slot_state *slot, enum root_version version);

/* slot_state_is_running - whether the chain calls it: reserved, enabled, with an object. */
bool slot_state_is_running(const struct slot_state *slot);

/*
 * JSON forms, for records on disk and for the API. The _to_json functions return
 * a new reference or NULL when memory is out; the _from_json functions take
 * nothing over, refuse what does not fit with -EINVAL and say why.
 */
json_t *slot_chain_state_to_json(const struct slot_chain_state *state);
int slot_chain_state_from_json(const json_t *json, struct slot_reason *why,
			       struct slot_chain_state *ret_state);
json_t *slot_overrides_to_json(const struct slot_overrides *overrides);
int slot_overrides_from_json(const json_t *json, struct slot_reason *why,
			     struct slot_overrides *ret_overrides);

#endif
