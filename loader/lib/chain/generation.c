/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/generation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"

static void cleanup_generation(struct slot_generation **generation)
{
	slot_generation_free(*generation);
}

struct slot_generation *slot_generation_new(unsigned int number)
{
	struct slot_generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return NULL;
	generation->number = number;
	generation->root_abi = ROOT_ABI_VERSION;
	generation->root_fd = -1;
	generation->counters_fd = -1;
	return generation;
}

void slot_generation_free(struct slot_generation *generation)
{
	if (!generation)
		return;
	if (generation->root_fd >= 0)
		close(generation->root_fd);
	if (generation->counters_fd >= 0)
		close(generation->counters_fd);
	slot_chain_state_free(&generation->state);
	free(generation);
}

int slot_generation_dir(const char *chain_dir, unsigned int number, char *ret_dir)
{
	return slot_pin_path(ret_dir, chain_dir, "gen/%u", number);
}

struct slot_lineup slot_generation_lineup(const struct slot_generation *generation)
{
	struct slot_lineup lineup = { .root_abi = generation ? generation->root_abi : 0 };
	unsigned int slot;

	for (slot = 0; generation && slot < ROOT_SLOTS; slot++) {
		if (slot_state_is_running(&generation->state.slots[slot]))
			lineup.running |= 1U << slot;
		lineup.canary_since[slot] = generation->canary_since[slot];
	}
	return lineup;
}

size_t slot_generation_list(const char *chain_dir, unsigned int *ret_numbers, size_t max)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	size_t count = 0;

	if (slot_pin_path(path, chain_dir, "gen"))
		return 0;
	dir = opendir(path);
	while (dir && count < max && (entry = readdir(dir))) {
		char *end;
		unsigned long number = strtoul(entry->d_name, &end, 10);

		if (!*end && number && number <= 0xffffffffUL)
			ret_numbers[count++] = (unsigned int)number;
	}
	return count;
}

__u32 slot_generation_root_id(const char *chain_dir, unsigned int number)
{
	_cleanup_close_ int fd = -1;
	char dir[PATH_MAX];
	__u32 id = 0;

	if (slot_generation_dir(chain_dir, number, dir))
		return 0;
	fd = slot_pin_open(dir, SLOT_PIN_ROOT);
	return fd < 0 || slot_xdp_prog_id(fd, &id) ? 0 : id;
}

bool slot_generation_has_root(const char *chain_dir, __u32 prog_id)
{
	unsigned int numbers[SLOT_GENERATIONS_MAX];
	size_t count = slot_generation_list(chain_dir, numbers, SLOT_GENERATIONS_MAX);
	size_t i;

	for (i = 0; i < count; i++)
		if (slot_generation_root_id(chain_dir, numbers[i]) == prog_id)
			return true;
	return false;
}

void slot_generation_name(unsigned int number, char *ret_name, size_t size)
{
	snprintf(ret_name, size, "generation-%u.json", number);
}

static json_t *list_numbers(const __u32 numbers[ROOT_SLOTS])
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++)
		json_array_append_new(list, json_integer(numbers[i]));
	return list;
}

int slot_generation_write(const struct slot_generation *generation, const struct slot_store *store,
			  const char *interface, struct slot_reason *why)
{
	_cleanup_json_ json_t *json = NULL;
	char name[48];

	json = json_pack("{s:I, s:s, s:i, s:b, s:I, s:s, s:o, s:o, s:o, s:o}", "number",
			 (json_int_t)generation->number, "engine", generation->engine->name,
			 "root_abi", (int)generation->root_abi, "frags", (int)generation->has_frags,
			 "created", (json_int_t)generation->created, "reason", generation->reason,
			 "state", slot_chain_state_to_json(&generation->state), "overrides",
			 slot_overrides_to_json(&generation->overrides), "canary_since",
			 list_numbers(generation->canary_since), "watches",
			 slot_watches_to_json(&generation->watches));
	if (!json)
		return slot_reason_set(why, -ENOMEM, "cannot write a record: out of memory");
	slot_generation_name(generation->number, name, sizeof(name));
	return slot_store_write(store, interface, name, json, why);
}

/* Records from before there were canaries have no such member. */
static void get_canaries(const json_t *json, struct slot_generation *ret_generation)
{
	const json_t *list = json_object_get(json, "canary_since");
	unsigned int i;

	for (i = 0; i < ROOT_SLOTS; i++)
		ret_generation->canary_since[i] =
			(__u32)json_integer_value(json_array_get(list, i));
}

int slot_generation_from_json(const json_t *json, const char *name, struct slot_reason *why,
			      struct slot_generation *ret_generation)
{
	const char *engine;
	const char *reason;
	json_t *state;
	json_t *overrides;
	json_int_t created;
	int frags;
	int abi;
	int err;

	if (json_unpack((json_t *)json, "{s:s, s:i, s:b, s:I, s:s, s:o, s:o}", "engine", &engine,
			"root_abi", &abi, "frags", &frags, "created", &created, "reason", &reason,
			"state", &state, "overrides", &overrides))
		return slot_reason_set(why, -EBADMSG, "record '%s' is damaged", name);
	ret_generation->engine = slot_engine_find(engine);
	if (!ret_generation->engine)
		return slot_reason_set(why, -EBADMSG, "record '%s' names an unknown engine '%s'",
				       name, engine);
	ret_generation->root_abi = (unsigned int)abi;
	ret_generation->has_frags = frags;
	ret_generation->created = created;
	get_canaries(json, ret_generation);
	snprintf(ret_generation->reason, sizeof(ret_generation->reason), "%s", reason);
	err = slot_chain_state_from_json(state, why, &ret_generation->state);
	if (!err)
		err = slot_overrides_from_json(overrides, why, &ret_generation->overrides);
	if (!err)
		err = slot_watches_from_json(json_object_get(json, "watches"), why,
					     &ret_generation->watches);
	return err ? slot_reason_prefix(why, -EBADMSG, "record '%s' is damaged: ", name) : 0;
}

static int open_pins(const char *chain_dir, struct slot_generation *generation,
		     struct slot_reason *why)
{
	char dir[PATH_MAX];
	int err = slot_generation_dir(chain_dir, generation->number, dir);

	if (!err) {
		generation->root_fd = slot_pin_open(dir, SLOT_PIN_ROOT);
		err = generation->root_fd < 0 ? generation->root_fd : 0;
	}
	if (!err)
		err = slot_xdp_prog_id(generation->root_fd, &generation->root_id);
	if (err)
		return slot_reason_set(why, err, "generation %u has no root pinned in '%s': %s",
				       generation->number, dir, strerror(-err));
	generation->counters_fd = slot_pin_open(dir, SLOT_PIN_COUNTERS);
	return 0;
}

int slot_generation_open(const char *chain_dir, unsigned int number, const struct slot_store *store,
			 const char *interface, struct slot_reason *why,
			 struct slot_generation **ret_generation)
{
	_cleanup_(cleanup_generation) struct slot_generation *generation =
		slot_generation_new(number);
	_cleanup_json_ json_t *json = NULL;
	char name[48];
	int err;

	if (!generation)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	slot_generation_name(number, name, sizeof(name));
	err = open_pins(chain_dir, generation, why);
	if (!err)
		err = slot_store_read(store, interface, name, why, &json);
	if (!err)
		err = slot_generation_from_json(json, name, why, generation);
	if (err)
		return err;
	*ret_generation = TAKE_PTR(generation);
	return 0;
}

int slot_generation_remove(const char *chain_dir, unsigned int number,
			   const struct slot_store *store, const char *interface)
{
	char dir[PATH_MAX];
	char name[48];
	int err = slot_generation_dir(chain_dir, number, dir);

	if (!err)
		err = slot_pin_remove_all(dir);
	if (err)
		return err;
	slot_generation_name(number, name, sizeof(name));
	return slot_store_del(store, interface, name);
}
