/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl server-id: one file of servers' ids, loaded into all slots whose programs go by them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/cmd_program.h"
#include "loader/slotctl/server_ids.h"
#include "loader/slotctl/slotctl.h"

#define FILE_SIZE_MAX (8UL << 20)

/* A slot whose program goes by ids. */
struct place {
	char *chain;
	char *map_dir;
	const struct program_cli *cli;
};

struct sync {
	struct slot_server_ids ids;
	const char *path;
	struct place *places;
	size_t count;
	json_t *changes;
	const struct place *now; /* while its program is asked */
};

static void free_sync(struct sync *sync)
{
	for (size_t i = 0; i < sync->count; i++) {
		free(sync->places[i].chain);
		free(sync->places[i].map_dir);
	}
	free(sync->places);
	json_decref(sync->changes);
	slot_server_ids_free(&sync->ids);
}

/* --- the file -------------------------------------------------------------------------------- */

static int read_file(const char *path, struct slot_reason *why, char **ret_text, size_t *ret_len)
{
	_cleanup_fclose_ FILE *file = strcmp(path, "-") ? fopen(path, "re") : fdopen(dup(0), "r");
	_cleanup_free_ char *text = malloc(FILE_SIZE_MAX + 1);
	size_t len;

	if (!text)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	if (!file)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", path, strerror(errno));
	len = fread(text, 1, FILE_SIZE_MAX + 1, file);
	if (ferror(file))
		return slot_reason_set(why, -EIO, "cannot read '%s'", path);
	if (len > FILE_SIZE_MAX)
		return slot_reason_set(why, -E2BIG, "'%s' is larger than %lu bytes", path,
				       FILE_SIZE_MAX);
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

/* --- the slots ------------------------------------------------------------------------------- */

static int add_place(struct sync *sync, const char *chain, const json_t *slot)
{
	const struct program_cli *cli = slot_cli_find(slot_answer_text(slot, "program"));
	const char *map_dir = json_string_value(json_object_get(slot, "map_dir"));
	struct place place = { .cli = cli }, *places;

	if (!cli || !cli->sync_ids || !map_dir || !*map_dir ||
	    !slot_answer_is_true(slot, "running"))
		return 0;
	places = reallocarray(sync->places, sync->count + 1, sizeof(*places));
	if (!places)
		return -ENOMEM;
	sync->places = places;
	place.chain = strdup(chain);
	place.map_dir = strdup(map_dir);
	places[sync->count++] = place;
	return place.chain && place.map_dir ? 0 : -ENOMEM;
}

static int add_places(struct slot_ctl *ctl, struct sync *sync)
{
	json_auto_t *answer = NULL;
	const json_t *results, *result, *slot;
	size_t i, k;
	int err = slot_ctl_get(ctl, "slots", &answer);

	results = json_object_get(answer, "results");
	for (i = 0; !err && i < (results ? json_array_size(results) : 1); i++) {
		result = results ? json_array_get(results, i) : answer;
		json_array_foreach(json_object_get(result, "slots"), k, slot) {
			err = add_place(sync, slot_answer_text(result, "interface"), slot);
			if (err)
				break;
		}
	}
	return err;
}

/* Those of --chain, or of all chains. */
static int find_places(struct slot_ctl *ctl, struct sync *sync)
{
	const struct slot_request request = { .method = "GET", .path = "/v1/status" };
	json_auto_t *status = NULL;
	const json_t *chain;
	size_t i;
	int err;

	if (ctl->chain)
		return add_places(ctl, sync);
	err = slot_ctl_send(ctl, &request, &status);
	json_array_foreach(json_object_get(status, "chains"), i, chain) {
		ctl->chain = slot_answer_text(chain, "interface");
		err = add_places(ctl, sync);
		ctl->chain = NULL;
		if (err)
			break;
	}
	return err;
}

/* Balancers first: they know an id before a server tells it. */
static int compare_places(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	return !strcmp(other->cli->name, "lb") - !strcmp(one->cli->name, "lb");
}

/* --- without a file: what a balancer here has -------------------------------------------------- */

static const struct place *find_balancer(const struct sync *sync, struct slot_reason *why)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < sync->count; i++) {
		if (strcmp(sync->places[i].cli->name, "lb") != 0)
			continue;
		if (found) {
			slot_reason_set(why, -ENOENT,
					"both '%s' and '%s' run lb: name a file of ids",
					found->chain, sync->places[i].chain);
			return NULL;
		}
		found = &sync->places[i];
	}
	if (!found)
		slot_reason_set(why, -ENOENT, "no slot here runs lb: name a file of ids");
	return found;
}

/* By its own command, whose words are such a file. */
static int dump_balancer(const struct place *place, struct slot_reason *why, char **ret_text,
			 size_t *ret_len)
{
	const struct program_command *command = place->cli->commands;
	struct program_context context = { .map_dir = place->map_dir, .json = true };
	int status;

	while (command->name && strcmp(command->name, "dump") != 0)
		command++;
	context.out = command->name ? open_memstream(ret_text, ret_len) : NULL;
	if (!context.out)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	status = command->run(&context, 0, NULL);
	if (fclose(context.out) || status)
		return slot_reason_set(why, -EIO, "cannot tell the ids of lb of '%s'",
				       place->chain);
	return 0;
}

static int take_ids(struct slot_ctl *ctl, struct sync *sync, char **ret_text, size_t *ret_len)
{
	const struct place *place = find_balancer(sync, &ctl->failure.why);

	if (!place)
		return -ENOENT;
	sync->path = "lb";
	return dump_balancer(place, &ctl->failure.why, ret_text, ret_len);
}

static int load_ids(struct slot_ctl *ctl, struct sync *sync, const char *real)
{
	struct slot_reason *why = &ctl->failure.why;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err = sync->path ? read_file(sync->path, why, &text, &len) :
			       take_ids(ctl, sync, &text, &len);

	err = err ? err : slot_server_ids_parse(sync->path, text, len, why, &sync->ids);
	if (err)
		return err;
	return real ? slot_server_ids_claim(&sync->ids, real, why) :
		      slot_server_ids_claim_local(&sync->ids, why);
}

/* --- what changes ---------------------------------------------------------------------------- */

static void tell(const struct program_ids *ids, const char *what, __u32 id)
{
	struct sync *sync = ids->data;
	const struct program_id *known = slot_server_ids_find(&sync->ids, id);
	char real[SLOT_REAL_SIZE];

	json_array_append_new(sync->changes,
			      json_pack("{s:s, s:s, s:s, s:o, s:s?}", "chain", sync->now->chain,
					"program", sync->now->cli->name, "change", what, "id",
					id ? json_integer(id) : json_null(), "real",
					known ? slot_server_id_real(known, real) : NULL));
}

static int ask_places(struct slot_ctl *ctl, struct sync *sync, bool is_dry)
{
	struct program_ids ids = {
		.path = sync->path,
		.list = sync->ids.list,
		.count = sync->ids.count,
		.is_dry = is_dry,
		.tell = tell,
		.data = sync,
	};
	int err = 0;

	json_array_clear(sync->changes);
	for (size_t i = 0; !err && i < sync->count; i++) {
		sync->now = &sync->places[i];
		ids.map_dir = sync->now->map_dir;
		err = sync->now->cli->sync_ids(&ids, &ctl->failure.why);
		if (!err)
			continue;
		slot_reason_prefix(&ctl->failure.why, err, "%s of '%s': ", sync->now->cli->name,
				   sync->now->chain);
		if (is_dry || !i)
			slot_reason_append(&ctl->failure.why, err, "; nothing was changed");
		else
			slot_reason_append(&ctl->failure.why, err,
					   "; slots before it have the new ids: run it again");
	}
	return err;
}

static void print_changes(const struct slot_ctl *ctl, const struct sync *sync)
{
	const json_t *change;
	size_t i;

	if (ctl->json) {
		json_auto_t *all = json_pack("{s:O}", "changes", sync->changes);

		slot_ctl_print_json(ctl, all);
		return;
	}
	json_array_foreach(sync->changes, i, change) {
		const char *real = json_string_value(json_object_get(change, "real"));
		char id[SLOT_COUNT_SIZE];

		printf("%s %s: %s %s%s%s\n", slot_answer_text(change, "chain"),
		       slot_answer_text(change, "program"), slot_answer_text(change, "change"),
		       slot_answer_has(change, "id") ? slot_answer_count(change, "id", id) : "none",
		       real ? " " : "", real ? real : "");
	}
}

/* [FILE] [real=ADDRESS] */
static int take_words(struct slot_ctl *ctl, int argc, char **argv, struct sync *sync,
		      const char **ret_real)
{
	for (int i = 0; i < argc; i++) {
		bool is_real = !strncmp(argv[i], "real=", strlen("real="));

		if (is_real ? *ret_real : sync->path)
			return slot_ctl_refuse(ctl,
					       "server-id: '%s': one FILE and one real=ADDRESS "
					       "are expected",
					       argv[i]);
		if (is_real)
			*ret_real = argv[i] + strlen("real=");
		else
			sync->path = argv[i];
	}
	return 0;
}

int cmd_server_id(struct slot_ctl *ctl, int argc, char **argv)
{
	_cleanup_(free_sync) struct sync sync = { .changes = json_array() };
	bool is_dry = !strcmp(argv[0], "check");
	const char *real = NULL;
	int err;

	if (!is_dry && strcmp(argv[0], "sync") != 0)
		return slot_ctl_refuse(ctl, "server-id '%s': expected check or sync", argv[0]);
	err = take_words(ctl, argc - 1, argv + 1, &sync, &real);
	err = err ? err : find_places(ctl, &sync);
	if (!err && !sync.count)
		return slot_reason_set(&ctl->failure.why, -ENOENT,
				       "no slot here runs what goes by servers' ids: lb, "
				       "tcp_server_id, decap or tc_decap");
	err = err ? err : load_ids(ctl, &sync, real);
	if (err)
		return err;
	qsort(sync.places, sync.count, sizeof(*sync.places), compare_places);
	/* All are asked before one is changed. */
	err = ask_places(ctl, &sync, true);
	err = err || is_dry ? err : ask_places(ctl, &sync, false);
	if (!err)
		print_changes(ctl, &sync);
	return err;
}
