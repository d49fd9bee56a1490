/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl decap and slotctl tc_decap: addresses, ids, settings and counters, as commands. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/decap/decap.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/id.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

static const struct program_counter counters[DECAP_COUNTS_SIZE] = {
	[DECAP_IP4_IN_IP4] = { "ip4_in_ip4", "pass" },
	[DECAP_IP6_IN_IP6] = { "ip6_in_ip6", "pass" },
	[DECAP_IP4_IN_IP6] = { "ip4_in_ip6", "pass" },
	[DECAP_IP6_IN_IP4] = { "ip6_in_ip4", "pass" },
	[DECAP_GUE4_IN_IP4] = { "gue4_in_ip4", "pass" },
	[DECAP_GUE6_IN_IP6] = { "gue6_in_ip6", "pass" },
	[DECAP_GUE4_IN_IP6] = { "gue4_in_ip6", "pass" },
	[DECAP_GUE6_IN_IP4] = { "gue6_in_ip4", "pass" },
	[DECAP_NOT_LOCAL] = { "not_local", "left" },
	[DECAP_BAD_OUTER] = { "bad_outer", "left" },
	[DECAP_BAD_INNER] = { "bad_inner", "left" },
	[DECAP_FRAGMENT] = { "fragment", "left" },
	[DECAP_OPTIONS] = { "options", "left" },
	[DECAP_NESTED] = { "nested", "left" },
	[DECAP_NOT_SERVED] = { "not_served", "left" },
	[DECAP_BAD_GUE] = { "bad_gue", "left" },
	[DECAP_GUE_CONTROL] = { "gue_control", "left" },
	[DECAP_TAGGED] = { "tagged", "left" },
	[DECAP_STRICT_BAD_INNER] = { "drop_bad_inner", "drop" },
	[DECAP_STRICT_FRAGMENT] = { "drop_fragment", "drop" },
	[DECAP_STRICT_OPTIONS] = { "drop_options", "drop" },
	[DECAP_STRICT_NESTED] = { "drop_nested", "drop" },
	[DECAP_STRICT_NOT_SERVED] = { "drop_not_served", "drop" },
	[DECAP_STRICT_BAD_GUE] = { "drop_bad_gue", "drop" },
	[DECAP_CONGESTED] = { "congested", "drop" },
	[DECAP_REFUSED] = { "refused", "drop" },
	[DECAP_PART] = { "part", "drop" },
	[DECAP_SERVER_ID] = { "server_id", "noted" },
	[DECAP_MISROUTED] = { "misrouted", "noted" },
};

/* --- lists ----------------------------------------------------------------------------------- */

/* One word of a list, whatever list that is. */
union item {
	struct slot_prefix prefix;
	__u32 id;
};

/* What may be added to and deleted from a list, as in decap.h. */
struct list {
	int (*parse)(const char *text, struct slot_reason *why, union item *ret_item);
	int (*add)(const struct decap_maps *maps, const union item *item, struct slot_reason *why);
	int (*del)(const struct decap_maps *maps, const union item *item, struct slot_reason *why);
};

static int parse_prefix(const char *text, struct slot_reason *why, union item *ret_item)
{
	return program_prefix_parse(text, why, &ret_item->prefix);
}

static int parse_id(const char *text, struct slot_reason *why, union item *ret_item)
{
	return program_id_parse(text, why, &ret_item->id);
}

static int add_end(const struct decap_maps *maps, const union item *item, struct slot_reason *why)
{
	return decap_end_add(maps, &item->prefix, why);
}

static int del_end(const struct decap_maps *maps, const union item *item, struct slot_reason *why)
{
	return decap_end_del(maps, &item->prefix, why);
}

static int add_served(const struct decap_maps *maps, const union item *item,
		      struct slot_reason *why)
{
	return decap_served_add(maps, &item->prefix, why);
}

static int del_served(const struct decap_maps *maps, const union item *item,
		      struct slot_reason *why)
{
	return decap_served_del(maps, &item->prefix, why);
}

static int add_id(const struct decap_maps *maps, const union item *item, struct slot_reason *why)
{
	return decap_id_add(maps, item->id, why);
}

static int del_id(const struct decap_maps *maps, const union item *item, struct slot_reason *why)
{
	return decap_id_del(maps, item->id, why);
}

/* Every wrong word is told, not just the first. */
static int parse_words(const struct list *list, int argc, char **argv, union item *items)
{
	struct slot_reason why;
	int i, wrong = 0;

	for (i = 0; i < argc; i++) {
		if (list->parse(argv[i], &why, &items[i])) {
			wrong++;
			program_fail(&why);
		}
	}
	return wrong ? -EINVAL : 0;
}

/* add|del WORD...: nothing is changed where one of the words is wrong. */
static int change_list(const struct program_context *ctx, const struct list *list, int argc,
		       char **argv)
{
	_cleanup_(decap_maps_close) struct decap_maps maps = DECAP_MAPS_CLOSED;
	bool is_add = argc > 0 && !strcmp(argv[0], "add");
	_cleanup_free_ union item *items = NULL;
	_cleanup_close_ int lock = -1;
	struct slot_reason why;
	int i, err;

	if (argc < 2 || (!is_add && strcmp(argv[0], "del") != 0))
		return PROGRAM_USAGE;
	items = calloc((size_t)argc - 1, sizeof(*items));
	if (!items || parse_words(list, argc - 1, argv + 1, items))
		return PROGRAM_FAILED;
	err = program_maps_lock(ctx->map_dir, &why, &lock);
	err = err ? err : decap_maps_open(ctx->map_dir, true, &why, &maps);
	for (i = 0; !err && i < argc - 1; i++)
		err = is_add ? list->add(&maps, &items[i], &why) :
			       list->del(&maps, &items[i], &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static int cmd_addr(const struct program_context *ctx, int argc, char **argv)
{
	static const struct list ends = { parse_prefix, add_end, del_end };

	return change_list(ctx, &ends, argc, argv);
}

static int cmd_serve(const struct program_context *ctx, int argc, char **argv)
{
	static const struct list served = { parse_prefix, add_served, del_served };

	return change_list(ctx, &served, argc, argv);
}

static int cmd_server_id(const struct program_context *ctx, int argc, char **argv)
{
	static const struct list ids = { parse_id, add_id, del_id };

	return change_list(ctx, &ids, argc, argv);
}

/* --- what is set ----------------------------------------------------------------------------- */

/* All that the maps say, but the counters. */
struct state {
	struct slot_prefix *ends;
	struct slot_prefix *served;
	size_t end_count, served_count, id_count;
	__u32 ids[DECAP_IDS_MAX];
	struct decap_control control;
};

static void free_state(struct state *state)
{
	free(state->ends);
	free(state->served);
}

static int read_state(const struct program_context *ctx, struct slot_reason *why,
		      struct state *state)
{
	_cleanup_(decap_maps_close) struct decap_maps maps = DECAP_MAPS_CLOSED;
	_cleanup_close_ int share = program_maps_share(ctx->map_dir);
	int err = decap_maps_open(ctx->map_dir, false, why, &maps);

	(void)share; /* held until this returns */
	err = err ? err : decap_ends_get(&maps, why, &state->ends, &state->end_count);
	err = err ? err : decap_served_get(&maps, why, &state->served, &state->served_count);
	err = err ? err : decap_ids_get(&maps, why, state->ids, &state->id_count);
	return err ? err : decap_control_get(&maps, why, &state->control);
}

static json_t *prefixes_to_json(const struct slot_prefix *prefixes, size_t count)
{
	json_t *list = json_array();
	char text[PROGRAM_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		program_prefix_format(&prefixes[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *ids_to_json(const struct state *state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < state->id_count; i++)
		json_array_append_new(list, json_integer(state->ids[i]));
	return list;
}

static int cmd_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(free_state) struct state state = {};
	char text[PROGRAM_PREFIX_TEXT_MAX];
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (read_state(ctx, &why, &state))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx,
					  json_pack("{s:o}", "addresses",
						    prefixes_to_json(state.ends, state.end_count)));
	for (size_t i = 0; i < state.end_count; i++) {
		program_prefix_format(&state.ends[i], text);
		fprintf(ctx->out, "%s\n", text);
	}
	return PROGRAM_OK;
}

static __u8 option_of(const struct decap_control *control)
{
	return control->tcp_option ? control->tcp_option : DECAP_TCP_OPTION;
}

static int show_json(const struct program_context *ctx, const struct state *state)
{
	const struct decap_control *control = &state->control;
	json_t *port = control->gue_port ? json_integer(ntohs(control->gue_port)) : json_null();

	return program_json_print(ctx,
				  json_pack("{s:o, s:b, s:i, s:b, s:o, s:b, s:o}", "gue_port", port,
					    "strict", (control->flags & DECAP_STRICT) != 0,
					    "tcp_option", (int)option_of(control), "serves_listed",
					    (control->flags & DECAP_HAS_SERVED) != 0, "served",
					    prefixes_to_json(state->served, state->served_count),
					    "compares_ids", (control->flags & DECAP_HAS_IDS) != 0,
					    "server_ids", ids_to_json(state)));
}

/* As a command leaves it that was killed between the list and its flag. */
static void show_off(const struct program_context *ctx, const struct state *state, __u8 flag,
		     size_t count, const char *command)
{
	if (count && !(state->control.flags & flag))
		fprintf(ctx->out, "%s is off, a change was cut short: '%s add' one of them again\n",
			command, command);
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(free_state) struct state state = {};
	char text[PROGRAM_PREFIX_TEXT_MAX] = "off";
	struct slot_reason why;
	size_t i;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (read_state(ctx, &why, &state))
		return program_fail(&why);
	if (ctx->json)
		return show_json(ctx, &state);
	if (state.control.gue_port)
		snprintf(text, sizeof(text), "%u", ntohs(state.control.gue_port));
	fprintf(ctx->out, "gue-port %s\nstrict %s\ntcp-option 0x%02x\n", text,
		state.control.flags & DECAP_STRICT ? "yes" : "no", option_of(&state.control));
	for (i = 0; i < state.served_count; i++) {
		program_prefix_format(&state.served[i], text);
		fprintf(ctx->out, "serve %s\n", text);
	}
	show_off(ctx, &state, DECAP_HAS_SERVED, state.served_count, "serve");
	for (i = 0; i < state.id_count; i++)
		fprintf(ctx->out, "server-id %u\n", state.ids[i]);
	show_off(ctx, &state, DECAP_HAS_IDS, state.id_count, "server-id");
	return PROGRAM_OK;
}

/* One command may set several: all of them or none. */
static int cmd_set(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(decap_maps_close) struct decap_maps maps = DECAP_MAPS_CLOSED;
	_cleanup_close_ int lock = -1;
	struct decap_control control;
	struct slot_reason why;
	int i, err;

	if (!argc)
		return PROGRAM_USAGE;
	err = program_maps_lock(ctx->map_dir, &why, &lock);
	err = err ? err : decap_maps_open(ctx->map_dir, true, &why, &maps);
	err = err ? err : decap_control_get(&maps, &why, &control);
	for (i = 0; !err && i < argc; i++)
		err = decap_control_parse(argv[i], &why, &control);
	err = err ? err : decap_control_set(&maps, &control, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, DECAP_COUNTS_NAME, counters, DECAP_COUNTS_SIZE);
}

#define IP4_HEADER 20
#define IP6_HEADER 40
#define GUE_HEADERS 12 /* UDP, and GUE without extensions */

static int claim_addresses(const struct program_claims *claims, struct slot_reason *why)
{
	const struct program_context ctx = { .map_dir = claims->map_dir };
	_cleanup_(free_state) struct state state = {};
	int err = read_state(&ctx, why, &state);

	for (size_t i = 0; !err && i < state.end_count; i++) {
		const struct slot_prefix *end = &state.ends[i];
		struct program_claim claim = {
			.kind = PROGRAM_CLAIM_TUNNEL,
			.is_ip6 = end->family == 6,
			.len = (__u8)(end->len - SLOT_PREFIX_FAMILY_BITS),
			.overhead = end->family == 6 ? IP6_HEADER : IP4_HEADER,
		};

		if (state.control.gue_port)
			claim.overhead += GUE_HEADERS;
		memcpy(claim.addr, end->addr, sizeof(claim.addr));
		err = claims->add(claims, &claim);
	}
	return err;
}

static const struct program_command commands[] = {
	{ "addr", cmd_addr, "add|del PREFIX...", "take tunnels to these addresses apart, or not" },
	{ "list", cmd_list, "", "the addresses whose tunnels are taken apart" },
	{ "set", cmd_set, "gue-port=N|off | strict=yes|no | tcp-option=N",
	  "GUE's port; drop what is left of such tunnels; the option with the server's id" },
	{ "serve", cmd_serve, "add|del PREFIX...", "inner destinations; where none is, all" },
	{ "server-id", cmd_server_id, "add|del ID...", "count TCP that came with another id" },
	{ "show", cmd_show, "", "what set, serve and server-id said" },
	{ "stats", cmd_stats, "", "packets and bytes by kind of tunnel, and why some were left" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli decap_cli = {
	.name = "decap",
	.summary = "take packets out of IPv4 and IPv6 tunnels that end here",
	.commands = commands,
	.claim = claim_addresses,
	.sync_ids = decap_sync_ids,
};

const struct program_cli tc_decap_cli = {
	.name = "tc_decap",
	.summary = "the same at TC ingress, for one container's netns",
	.commands = commands,
	.claim = claim_addresses,
	.sync_ids = decap_sync_ids,
};
