/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/server_id_places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/slotctl/answer.h"
#include "loader/slotctl/cmd_program.h"

bool slot_id_place_is_balancer(const struct slot_id_place *place)
{
	return !strcmp(place->cli->name, "lb");
}

static int add_place(struct slot_id_places *places, json_t *chain, const json_t *slot)
{
	const struct program_cli *cli = slot_cli_find(slot_answer_text(slot, "program"));
	const char *map_dir = json_string_value(json_object_get(slot, "map_dir"));
	struct slot_id_place *list;

	if (!cli || !cli->sync_ids || !map_dir || !*map_dir ||
	    !slot_answer_is_true(slot, "running"))
		return 0;
	list = reallocarray(places->list, places->count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	places->list = list;
	list[places->count++] = (struct slot_id_place){
		.answer = json_incref(chain),
		.chain = slot_answer_text(chain, "interface"),
		.map_dir = map_dir,
		.cli = cli,
	};
	return 0;
}

/* A chain that has never run has no maps that could take ids, and nobody else would say so. */
static void note_waiting(struct slot_id_places *places, const json_t *chain)
{
	const char *name = slot_answer_text(chain, "interface");
	const char *what = json_string_value(json_object_get(chain, "waits_for"));
	const char *refused = json_string_value(json_object_get(chain, "refused"));

	if (what)
		json_array_append_new(places->waiting, json_sprintf("%s waits for %s", name, what));
	else if (refused)
		json_array_append_new(places->waiting,
				      json_sprintf("%s is refused (%s)", name, refused));
}

static int add_places(struct slot_ctl *ctl, struct slot_id_places *places)
{
	json_auto_t *answer = NULL;
	const json_t *results, *slot;
	json_t *result;
	size_t i, k, before;
	int err = slot_ctl_get(ctl, "slots", &answer);

	results = json_object_get(answer, "results");
	for (i = 0; !err && i < (results ? json_array_size(results) : 1); i++) {
		result = results ? json_array_get(results, i) : answer;
		before = places->count;
		json_array_foreach(json_object_get(result, "slots"), k, slot) {
			err = add_place(places, result, slot);
			if (err)
				break;
		}
		if (places->count == before)
			note_waiting(places, result);
	}
	return err;
}

/* Those of --chain, or of all chains. */
static int find_all(struct slot_ctl *ctl, struct slot_id_places *places)
{
	const struct slot_request request = { .method = "GET", .path = "/v1/status" };
	json_auto_t *status = NULL;
	const json_t *chain;
	size_t i;
	int err;

	if (ctl->chain)
		return add_places(ctl, places);
	err = slot_ctl_send(ctl, &request, &status);
	json_array_foreach(json_object_get(status, "chains"), i, chain) {
		ctl->chain = slot_answer_text(chain, "interface");
		err = add_places(ctl, places);
		ctl->chain = NULL;
		if (err)
			break;
	}
	return err;
}

/* Balancers first: they know an id before a server tells it. */
static int compare_places(const void *a, const void *b)
{
	const struct slot_id_place *one = a, *other = b;

	return slot_id_place_is_balancer(other) - slot_id_place_is_balancer(one);
}

int slot_id_places_find(struct slot_ctl *ctl, struct slot_id_places *places)
{
	int err;

	places->waiting = json_array();
	err = find_all(ctl, places);
	if (places->count)
		qsort(places->list, places->count, sizeof(*places->list), compare_places);
	return err;
}

void slot_id_places_free(struct slot_id_places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		json_decref(places->list[i].answer);
		free(places->list[i].list);
	}
	free(places->list);
	json_decref(places->waiting);
	*places = (struct slot_id_places){};
}
