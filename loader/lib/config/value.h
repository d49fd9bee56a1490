/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of slots.conf, and the judgement of a value for each. */
#ifndef SLOT_CONFIG_VALUE_H
#define SLOT_CONFIG_VALUE_H

#include "loader/lib/config/config.h"
#include "loader/lib/config/errors.h"

#define SLOT_CONFIG_SETTINGS_MAX 64 /* for one slot */

enum slot_config_key {
	SLOT_KEY_HOOK,
	SLOT_KEY_NETNS,
	SLOT_KEY_CGROUP,
	SLOT_KEY_MEMBERS,
	SLOT_KEY_MODE,
	SLOT_KEY_ORDER,
	SLOT_KEY_ENGINE,
	SLOT_KEY_COUNTERS,
	SLOT_KEY_NAME, /* the first of a slot; those above belong to a chain */
	SLOT_KEY_OWNER,
	SLOT_KEY_OBJECT,
	SLOT_KEY_PROGRAM,
	SLOT_KEY_CONTINUE_ON,
	SLOT_KEY_ALLOW,
	SLOT_KEY_DENIED_AS,
	SLOT_KEY_HELPERS,
	SLOT_KEY_MAPS_OF,
	SLOT_KEY_MAP_MEMORY,
	SLOT_KEY_REQUIRE_SIGNATURE,
	SLOT_KEY_ENABLED,
	SLOT_KEY_COUNT,
};

/* What is being judged, and where it goes. */
struct slot_config_value {
	const struct slot_config_world *world;
	struct slot_config_errors *errors;
	struct slot_chain_config *chain;
	struct slot_reservation *slot; /* NULL for the keys of a chain */
	unsigned int line;
	const char *text;
	bool is_first; /* of a list */
};

const char *slot_config_key_name(enum slot_config_key key);
bool slot_config_key_is_list(enum slot_config_key key);

/*
 * slot_config_value_set - judge @value for @key: into the chain or the slot, or
 * an error. Returns 0 or -ENOMEM.
 */
int slot_config_value_set(const struct slot_config_value *value, enum slot_config_key key);

/* slot_config_value_add_setting - the same for @key of `settings`. Returns 0 or -ENOMEM. */
int slot_config_value_add_setting(const struct slot_config_value *value, const char *key);

/*
 * slot_config_chain_check - what only the whole section of a chain shows: its
 * name, and what its hook does not have. @chains are those before it, @count of them.
 */
void slot_config_chain_check(const struct slot_config_value *value,
			     const struct slot_chain_config *chains, size_t count);

/* slot_config_slot_parse - the number of a slot, or -EINVAL with an error. */
int slot_config_slot_parse(const struct slot_config_value *value);

/*
 * slot_config_slot_check - what only the whole slot shows. @lines: where each
 * key was given, 0 for those that were not; @is_allow_empty: allow names nothing.
 */
void slot_config_slot_check(const struct slot_config_value *value,
			    const unsigned int lines[SLOT_KEY_COUNT], bool is_allow_empty);

/* Setters of the keys that grant or bound something: see config/limits.h. Return 0. */
int slot_config_helpers_add(const struct slot_config_value *value, const char *key);
int slot_config_lender_set(const struct slot_config_value *value, const char *key);
int slot_config_map_memory_set(const struct slot_config_value *value, const char *key);
int slot_config_signature_set(const struct slot_config_value *value, const char *key);

#endif
