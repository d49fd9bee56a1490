/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl sk_steer socket: the sockets of groups. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "bpf/sk_steer/sk_steer.h"
#include "bpf/sk_steer/sk_steer_cli.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"
#include "programs/shared/words.h"

/* Descriptors of other processes' sockets. */
struct sockets {
	int fds[SK_STEER_PLACES_MAX];
	size_t count;
};

static void close_sockets(struct sockets *sockets)
{
	while (sockets->count)
		close(sockets->fds[--sockets->count]);
}

static int open_source(const char *text, struct slot_reason *why, struct sockets *sockets)
{
	int fds[SK_STEER_SOURCE_SOCKETS], err;
	struct sk_steer_source source;
	size_t count = 0;

	err = sk_steer_source_parse(text, why, &source);
	if (err)
		return err;
	err = sk_steer_sockets_open(&source, why, fds, &count);
	if (err)
		return slot_reason_prefix(why, err, "cannot take socket '%s': ", text);
	for (size_t i = 0; i < count; i++) {
		if (sockets->count < SK_STEER_PLACES_MAX) {
			sockets->fds[sockets->count++] = fds[i];
			continue;
		}
		close(fds[i]);
		err = slot_reason_set(why, -ENOSPC, "a group has at most %d sockets",
				      SK_STEER_PLACES_MAX);
	}
	return err;
}

static int open_sources(int argc, char **argv, struct slot_reason *why, struct sockets *sockets)
{
	int err = 0;

	for (int i = 0; !err && i < argc; i++)
		err = open_source(argv[i], why, sockets);
	return err;
}

static int put_sockets(const struct program_context *ctx, int argc, char **argv, bool is_set)
{
	_cleanup_(sk_steer_change_end) struct sk_steer_change change = SK_STEER_CHANGE_NONE;
	_cleanup_(close_sockets) struct sockets sockets = {};
	char name[SK_STEER_NAME_MAX];
	struct slot_reason why;
	__u32 group = 0;
	int err;

	if (argc < 2)
		return PROGRAM_USAGE;
	err = sk_steer_group_parse(argv[0], &why, name);
	err = err ? err : open_sources(argc - 1, argv + 1, &why, &sockets);
	err = err ? err : sk_steer_change_begin(ctx->map_dir, &why, &change);
	err = err ? err : sk_steer_group_take(&change, name, &why, &group);
	if (err)
		return program_fail(&why);
	if (is_set)
		err = sk_steer_sockets_set(&change.maps, group, sockets.fds, sockets.count, &why);
	for (size_t i = 0; !err && !is_set && i < sockets.count; i++)
		err = sk_steer_socket_add(&change.maps, group, sockets.fds[i], &why);
	if (err) {
		slot_reason_prefix(&why, err, "cannot put a socket into group '%s': ", name);
		sk_steer_groups_give_back(&change);
		return program_fail(&why);
	}
	sk_steer_note_new(&change, "rule");
	return PROGRAM_OK;
}

static int add_sockets(const struct program_context *ctx, int argc, char **argv)
{
	return put_sockets(ctx, argc, argv, false);
}

static int set_sockets(const struct program_context *ctx, int argc, char **argv)
{
	return put_sockets(ctx, argc, argv, true);
}

static int del_sockets(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sk_steer_change_end) struct sk_steer_change change = SK_STEER_CHANGE_NONE;
	struct sk_steer_groups groups;
	struct slot_reason why;
	__u64 cookie = 0;
	__u32 group = 0;
	int err = 0;

	if (argc < 2)
		return PROGRAM_USAGE;
	for (int i = 1; !err && i < argc; i++)
		err = sk_steer_cookie_parse(argv[i], &why, &cookie);
	err = err ? err : sk_steer_change_begin(ctx->map_dir, &why, &change);
	err = err ? err : sk_steer_groups_get(&change.maps, &why, &groups);
	err = err ? err : sk_steer_group_find(&groups, argv[0], &why, &group);
	for (int i = 1; !err && i < argc; i++) {
		err = sk_steer_cookie_parse(argv[i], &why, &cookie);
		err = err ? err : sk_steer_socket_del(&change.maps, group, cookie, &why);
		if (err)
			slot_reason_prefix(&why, err, "cannot delete socket %s: ", argv[i]);
	}
	return err ? program_fail(&why) : PROGRAM_OK;
}

/* --- list ------------------------------------------------------------------------------------ */

struct state {
	struct sk_steer_groups groups;
	__u64 cookies[SK_STEER_GROUPS_MAX][SK_STEER_PLACES_MAX];
	struct sk_steer_listener *listeners; /* of this netns; what is elsewhere has no address */
	size_t listener_count;
};

static void free_state(struct state **state)
{
	if (*state)
		free((*state)->listeners);
	free(*state);
}

static int read_state(const struct program_context *ctx, struct slot_reason *why,
		      struct state *state)
{
	_cleanup_(sk_steer_close) struct sk_steer_maps maps = SK_STEER_MAPS_CLOSED;
	_cleanup_close_ int share = program_maps_share(ctx->map_dir);
	int err = sk_steer_open(ctx->map_dir, false, why, &maps);

	(void)share; /* held until this returns */
	err = err ? err : sk_steer_groups_get(&maps, why, &state->groups);
	for (__u32 i = 0; !err && i < SK_STEER_GROUPS_MAX; i++)
		err = sk_steer_cookies_get(&maps, i, why, state->cookies[i]);
	if (!err)
		(void)sk_steer_listeners_get(&state->listeners, &state->listener_count);
	return err;
}

static bool find_bound(const struct state *state, __u64 cookie,
		       char ret_text[SK_STEER_MATCH_TEXT_MAX])
{
	for (size_t i = 0; i < state->listener_count; i++) {
		if (state->listeners[i].cookie != cookie)
			continue;
		slot_endpoint_format(&state->listeners[i].bound, ret_text);
		return true;
	}
	return false;
}

static json_t *group_to_json(const struct state *state, size_t group)
{
	json_t *sockets = json_array();

	for (size_t i = 0; i < SK_STEER_PLACES_MAX; i++) {
		__u64 cookie = state->cookies[group][i];
		char text[SK_STEER_MATCH_TEXT_MAX];

		if (cookie)
			json_array_append_new(
				sockets,
				json_pack("{s:I, s:s?}", "cookie", (json_int_t)cookie, "bound",
					  find_bound(state, cookie, text) ? text : NULL));
	}
	return json_pack("{s:s, s:o}", "group", state->groups.groups[group].name, "sockets",
			 sockets);
}

static void print_group(FILE *out, const struct state *state, size_t group)
{
	size_t count = 0;

	for (size_t i = 0; i < SK_STEER_PLACES_MAX; i++) {
		__u64 cookie = state->cookies[group][i];
		char text[SK_STEER_MATCH_TEXT_MAX] = "elsewhere";

		if (!cookie)
			continue;
		count++;
		find_bound(state, cookie, text);
		fprintf(out, "%-15s  %20" PRIu64 "  %s\n", state->groups.groups[group].name,
			(uint64_t)cookie, text);
	}
	if (!count)
		fprintf(out, "%-15s  %20s  %s\n", state->groups.groups[group].name, "-", "none");
}

static int list_sockets(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(free_state) struct state *state = calloc(1, sizeof(*state));
	struct slot_reason why;
	json_t *list = NULL;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (!state)
		return PROGRAM_FAILED;
	if (read_state(ctx, &why, state))
		return program_fail(&why);
	if (ctx->json)
		list = json_array();
	else
		fprintf(ctx->out, "%-15s  %20s  %s\n", "group", "cookie", "bound to");
	for (size_t i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		if (!*state->groups.groups[i].name)
			continue;
		if (list)
			json_array_append_new(list, group_to_json(state, i));
		else
			print_group(ctx->out, state, i);
	}
	return list ? program_json_print(ctx, json_pack("{s:o}", "groups", list)) : PROGRAM_OK;
}

int sk_steer_cmd_socket(const struct program_context *ctx, int argc, char **argv)
{
	static const struct program_verb verbs[] = {
		{ "add", add_sockets },	  { "set", set_sockets }, { "del", del_sockets },
		{ "list", list_sockets }, { NULL, NULL },
	};

	return program_verb_run(verbs, ctx, argc, argv);
}
