/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl server-id: one file of servers' ids, loaded into all slots whose programs go by them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/cgroup.h"
#include "loader/lib/host/netns.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/server_id_places.h"
#include "loader/slotctl/server_ids.h"
#include "loader/slotctl/slotctl.h"

#define FILE_SIZE_MAX (8UL << 20)

struct sync {
	struct slot_server_ids ids;
	const char *path;
	struct slot_id_places places;
	json_t *changes;
	/* While a program is asked. */
	const struct slot_id_place *now;
	size_t told;
};

static void free_sync(struct sync *sync)
{
	slot_id_places_free(&sync->places);
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

/* --- without a file: what a balancer here has -------------------------------------------------- */

static const struct slot_id_place *find_balancer(const struct sync *sync, struct slot_reason *why)
{
	const struct slot_id_place *found = NULL;

	for (size_t i = 0; i < sync->places.count; i++) {
		if (!slot_id_place_is_balancer(&sync->places.list[i]))
			continue;
		if (found) {
			slot_reason_set(why, -ENOENT,
					"both '%s' and '%s' run lb: name a file of ids",
					found->chain, sync->places.list[i].chain);
			return NULL;
		}
		found = &sync->places.list[i];
	}
	if (!found)
		slot_reason_set(why, -ENOENT, "no slot here runs lb: name a file of ids");
	return found;
}

/* By its own command, whose words are such a file. */
static int dump_balancer(const struct slot_id_place *place, struct slot_reason *why,
			 char **ret_text, size_t *ret_len)
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

static int take_ids(struct slot_ctl *ctl, struct sync *sync)
{
	struct slot_reason *why = &ctl->failure.why;
	const struct slot_id_place *place = find_balancer(sync, why);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err;

	if (!place)
		return -ENOENT;
	sync->path = "lb";
	err = dump_balancer(place, why, &text, &len);
	err = err ? err : slot_server_ids_parse(sync->path, text, len, why, &sync->ids);
	return err == -ENODATA ? slot_reason_set(why, err, "lb of '%s' has no ids: name a file",
						 place->chain) :
				 err;
}

static int load_file(struct slot_ctl *ctl, struct sync *sync)
{
	struct slot_reason *why = &ctl->failure.why;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err = read_file(sync->path, why, &text, &len);

	return err ? err : slot_server_ids_parse(sync->path, text, len, why, &sync->ids);
}

/* --- whose ids a slot's are -------------------------------------------------------------------- */

/*
 * To where the chain is, if that is not here. Of a cgroup that is where its processes are; while it
 * has none, or none that may be looked at, it is taken to be here.
 */
static int enter_place(const json_t *chain, int *ret_home)
{
	const char *netns = json_string_value(json_object_get(chain, "netns"));
	const char *cgroup = json_string_value(json_object_get(chain, "cgroup"));
	__u64 cookie = (__u64)slot_answer_number(chain, "netns_cookie"), here = 0;
	_cleanup_close_ int fd = -1;
	int err;

	if (cgroup) {
		fd = slot_cgroup_netns_open(cgroup, 0);
		if (fd == -ENOENT)
			return 0;
		return fd < 0 ? fd : slot_netns_join(fd, ret_home);
	}
	err = slot_netns_cookie(&here);
	if (err || here == cookie)
		return err;
	return netns ? slot_netns_enter(netns, cookie, ret_home) : -EXDEV;
}

static int claim_there(struct sync *sync, struct slot_id_place *place, struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;
	size_t claimed = 0;
	int err = enter_place(place->answer, &home);

	if (err)
		return slot_reason_set(why, err,
				       "cannot tell which real it is by the addresses in its "
				       "network namespace: %s: say real=ADDRESS, or real=none",
				       err == -EXDEV	? "this command is in another one" :
				       err == -ENOTUNIQ ? "its processes are in several" :
							  strerror(-err));
	err = slot_server_ids_claim_local(&sync->ids, why, &claimed);
	place->is_guess = !claimed;
	return err;
}

static int claim_ids(struct sync *sync, struct slot_id_place *place, const char *real,
		     struct slot_reason *why)
{
	size_t size = sync->ids.count * sizeof(*place->list);
	int err = 0;

	if (real)
		err = slot_server_ids_claim(&sync->ids, real, why);
	else if (!slot_id_place_is_balancer(place))
		err = claim_there(sync, place, why);
	if (err)
		return err;
	place->list = malloc(size + 1);
	if (!place->list)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	if (size)
		memcpy(place->list, sync->ids.list, size);
	return 0;
}

static int claim_all(struct slot_ctl *ctl, struct sync *sync, const char *real)
{
	struct slot_reason *why = &ctl->failure.why;
	int err = 0;

	for (size_t i = 0; !err && i < sync->places.count; i++) {
		const struct slot_id_place *place = &sync->places.list[i];

		err = claim_ids(sync, &sync->places.list[i], real, why);
		if (err && !real)
			slot_reason_prefix(why, err, "%s of '%s': ", place->cli->name,
					   place->chain);
	}
	return err;
}

/* --- what changes ---------------------------------------------------------------------------- */

/* What a server tells its clients is changed, all else comes or goes. */
static bool is_told(const char *what)
{
	return strcmp(what, "add") != 0 && strcmp(what, "del") != 0;
}

static void tell(const struct program_ids *ids, const char *what, __u32 id, __u32 before)
{
	struct sync *sync = ids->data;
	const struct program_id *known = slot_server_ids_find(&sync->ids, id);
	char real[SLOT_REAL_SIZE];

	json_t *change = json_pack("{s:s, s:s, s:s, s:o, s:s?}", "chain", sync->now->chain,
				   "program", sync->now->cli->name, "change", what, "id",
				   id ? json_integer(id) : json_null(), "real",
				   known ? slot_server_id_real(known, real) : NULL);

	sync->told++;
	if (is_told(what))
		json_object_set_new(change, "before", before ? json_integer(before) : json_null());
	json_array_append_new(sync->changes, change);
}

/* Where nothing is claimed, what is told is what goes. */
static int refuse_guess(const struct sync *sync, struct slot_reason *why)
{
	return slot_reason_set(why, -ENOENT,
			       "its ids would go, as no address in its network namespace is a "
			       "real of '%s': say real=ADDRESS, or real=none",
			       sync->path);
}

static int ask_place(struct sync *sync, const struct slot_id_place *place, bool is_dry,
		     struct slot_reason *why)
{
	const struct program_ids ids = {
		.map_dir = place->map_dir,
		.path = sync->path,
		.list = place->list,
		.count = sync->ids.count,
		.is_dry = is_dry,
		.tell = tell,
		.data = sync,
	};
	int err;

	sync->now = place;
	sync->told = 0;
	err = place->cli->sync_ids(&ids, why);
	return !err && is_dry && place->is_guess && sync->told ? refuse_guess(sync, why) : err;
}

static int ask_places(struct slot_ctl *ctl, struct sync *sync, bool is_dry)
{
	struct slot_reason *why = &ctl->failure.why;
	int err = 0;

	json_array_clear(sync->changes);
	for (size_t i = 0; !err && i < sync->places.count; i++) {
		const struct slot_id_place *place = &sync->places.list[i];

		err = ask_place(sync, place, is_dry, why);
		if (!err)
			continue;
		slot_reason_prefix(why, err, "%s of '%s': ", place->cli->name, place->chain);
		if (is_dry)
			slot_reason_append(why, err, "; nothing was changed");
		else if (json_array_size(sync->changes))
			slot_reason_append(why, err, "; what came before stands: run it again");
	}
	return err;
}

static void print_change(const json_t *change, bool is_dry)
{
	const char *what = slot_answer_text(change, "change");
	const char *real = json_string_value(json_object_get(change, "real"));
	char id[SLOT_COUNT_SIZE];

	printf("%s %s: %s%s %s%s%s", slot_answer_text(change, "chain"),
	       slot_answer_text(change, "program"),
	       !is_dry	     ? "" :
	       is_told(what) ? "would set " :
			       "would ",
	       what, slot_answer_has(change, "id") ? slot_answer_count(change, "id", id) : "none",
	       real ? " " : "", real ? real : "");
	if (is_dry && is_told(what))
		printf(" (now %s)", slot_answer_has(change, "before") ?
					    slot_answer_count(change, "before", id) :
					    "none");
	putchar('\n');
}

static void print_changes(const struct slot_ctl *ctl, const struct sync *sync, bool is_dry)
{
	const json_t *item;
	size_t i;

	if (ctl->json) {
		json_auto_t *all = json_pack("{s:O}", "changes", sync->changes);

		slot_ctl_print_json(ctl, all);
		return;
	}
	json_array_foreach(sync->changes, i, item)
		print_change(item, is_dry);
	if (!json_array_size(sync->changes))
		puts("no changes");
}

static void print_notes(const struct sync *sync)
{
	const json_t *item;
	size_t i;

	json_array_foreach(sync->places.waiting, i, item)
		fprintf(stderr, "note: %s: where it needs ids, run this again when that is there\n",
			json_string_value(item));
	for (i = 0; i < sync->places.count; i++) {
		const struct slot_id_place *place = &sync->places.list[i];

		if (place->is_guess)
			fprintf(stderr,
				"note: %s %s: no address in its network namespace is a real of "
				"'%s', so it gets no ids: real=ADDRESS says which it is\n",
				place->chain, place->cli->name, sync->path);
	}
}

/* What could have been meant is told. */
static int refuse_nowhere(const struct sync *sync, struct slot_reason *why)
{
	const json_t *item;
	size_t i;

	slot_reason_set(why, -ENOENT,
			"no slot here runs what goes by servers' ids: lb, tcp_server_id, decap or "
			"tc_decap");
	json_array_foreach(sync->places.waiting, i, item)
		slot_reason_append(why, -ENOENT, "; %s", json_string_value(item));
	return -ENOENT;
}

/* [FILE] [real=ADDRESS|none] */
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
	err = err || !sync.path ? err : load_file(ctl, &sync);
	err = err ? err : slot_id_places_find(ctl, &sync.places);
	if (!err && !sync.places.count)
		return refuse_nowhere(&sync, &ctl->failure.why);
	err = err || sync.path ? err : take_ids(ctl, &sync);
	err = err ? err : claim_all(ctl, &sync, real);
	if (err)
		return err;
	/* All are asked before one is changed. */
	err = ask_places(ctl, &sync, true);
	err = err || is_dry ? err : ask_places(ctl, &sync, false);
	if (err)
		return err;
	print_changes(ctl, &sync, is_dry);
	print_notes(&sync);
	return 0;
}
