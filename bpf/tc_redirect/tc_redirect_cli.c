/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl tc_redirect: which addresses lead to which device, and counters, as commands. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bpf/tc_redirect/tc_redirect.h"
#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"
#include "programs/shared/prefix.h"

static const struct program_counter counters[TC_REDIRECT_COUNTS_SIZE] = {
	[TC_REDIRECT_TO_PEER] = { "peer", "sent" },
	[TC_REDIRECT_TO_NEIGH] = { "neigh", "sent" },
	[TC_REDIRECT_OTHER_HOST] = { "other_host", "left" },
	[TC_REDIRECT_TAGGED] = { "tagged", "left" },
	[TC_REDIRECT_NO_DEVICE] = { "no_device", "left" },
	[TC_REDIRECT_TOO_LONG] = { "too_long", "left" },
};

static const char *const helpers[TC_REDIRECT_HELPERS] = {
	[TC_REDIRECT_PEER] = "peer",
	[TC_REDIRECT_NEIGH] = "neigh",
};

/* --- add and del ----------------------------------------------------------------------------- */

static int parse_helper(const char *text, struct slot_reason *why,
			enum tc_redirect_helper *ret_helper)
{
	for (int i = 0; i < TC_REDIRECT_HELPERS; i++) {
		if (!strcmp(helpers[i], text)) {
			*ret_helper = (enum tc_redirect_helper)i;
			return 0;
		}
	}
	return slot_reason_set(why, -EINVAL, "'%.80s': expected peer or neigh", text);
}

/* DEVICE [peer|neigh]: into the container where that is to be had */
static int parse_device(int argc, char **argv, struct slot_reason *why, unsigned int *ret_ifindex,
			enum tc_redirect_helper *ret_helper)
{
	struct tc_redirect_device device;
	enum tc_redirect_helper helper;
	int err = tc_redirect_device_get(argv[0], &device);

	if (err)
		return slot_reason_set(why, err, "cannot lead packets to '%.80s': %s", argv[0],
				       err == -ENODEV ? "no such interface here" : strerror(-err));
	helper = device.has_peer ? TC_REDIRECT_PEER : TC_REDIRECT_NEIGH;
	err = argc > 1 ? parse_helper(argv[1], why, &helper) : 0;
	if (err)
		return err;
	if (helper == TC_REDIRECT_PEER && !device.has_peer)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s' is no veth or netkit whose other end is in another "
				       "network namespace: expected neigh",
				       argv[0]);
	*ret_ifindex = device.ifindex;
	*ret_helper = helper;
	return 0;
}

static int cmd_add(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(tc_redirect_close) struct tc_redirect_maps maps = TC_REDIRECT_MAPS_CLOSED;
	enum tc_redirect_helper helper = TC_REDIRECT_PEER;
	_cleanup_close_ int lock = -1;
	struct slot_prefix prefix;
	unsigned int ifindex = 0;
	struct slot_reason why;
	int err;

	if (argc < 2 || argc > 3)
		return PROGRAM_USAGE;
	err = program_prefix_parse(argv[0], &why, &prefix);
	err = err ? err : parse_device(argc - 1, argv + 1, &why, &ifindex, &helper);
	err = err ? err : program_maps_lock(ctx->map_dir, &why, &lock);
	err = err ? err : tc_redirect_open(ctx->map_dir, true, &why, &maps);
	err = err ? err : tc_redirect_route_set(&maps, &prefix, ifindex, helper, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

/* Every word that is no prefix is told before anything is deleted. */
static int parse_prefixes(int argc, char **argv, struct slot_prefix *prefixes)
{
	struct slot_reason why;
	int wrong = 0;

	for (int i = 0; i < argc; i++) {
		if (program_prefix_parse(argv[i], &why, &prefixes[i])) {
			wrong++;
			program_fail(&why);
		}
	}
	return wrong ? -EINVAL : 0;
}

static int cmd_del(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(tc_redirect_close) struct tc_redirect_maps maps = TC_REDIRECT_MAPS_CLOSED;
	_cleanup_free_ struct slot_prefix *prefixes = NULL;
	_cleanup_close_ int lock = -1;
	struct slot_reason why;
	int err;

	if (!argc)
		return PROGRAM_USAGE;
	prefixes = calloc((size_t)argc, sizeof(*prefixes));
	if (!prefixes || parse_prefixes(argc, argv, prefixes))
		return PROGRAM_FAILED;
	err = program_maps_lock(ctx->map_dir, &why, &lock);
	err = err ? err : tc_redirect_open(ctx->map_dir, true, &why, &maps);
	for (int i = 0; !err && i < argc; i++) {
		err = tc_redirect_route_del(&maps, &prefixes[i], &why);
		if (err)
			slot_reason_prefix(&why, err, "cannot delete '%s': ", argv[i]);
	}
	return err ? program_fail(&why) : PROGRAM_OK;
}

/* --- list and stats -------------------------------------------------------------------------- */

struct state {
	struct tc_redirect_route *routes;
	size_t count;
	struct slot_count *hits;
};

static void free_state(struct state *state)
{
	free(state->routes);
	free(state->hits);
}

static int read_state(const struct program_context *ctx, struct slot_reason *why,
		      struct state *state)
{
	_cleanup_(tc_redirect_close) struct tc_redirect_maps maps = TC_REDIRECT_MAPS_CLOSED;
	_cleanup_close_ int share = program_maps_share(ctx->map_dir);
	int err = tc_redirect_open(ctx->map_dir, false, why, &maps);

	(void)share; /* held until this returns */
	err = err ? err : tc_redirect_routes_get(&maps, why, &state->routes, &state->count);
	if (err)
		return err;
	state->hits = calloc(TC_REDIRECT_DESTS_MAX, sizeof(*state->hits));
	if (!state->hits)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return program_counts_get(maps.hits, TC_REDIRECT_DESTS_MAX, why, state->hits);
}

/* A route in words. Whoever owns the map can write anything there. */
struct route_text {
	char prefix[PROGRAM_PREFIX_TEXT_MAX];
	char device[IF_NAMESIZE];
	bool is_there;
	const char *helper;
	struct slot_count hits;
};

static void describe(const struct state *state, const struct tc_redirect_route *route,
		     struct route_text *text)
{
	const struct tc_redirect_dest *dest = &route->dest;

	program_prefix_format(&route->prefix, text->prefix);
	text->is_there = if_indextoname(dest->ifindex, text->device) != NULL;
	text->helper = dest->helper < TC_REDIRECT_HELPERS ? helpers[dest->helper] : "unknown";
	text->hits = (struct slot_count){};
	if (dest->number < TC_REDIRECT_DESTS_MAX)
		text->hits = state->hits[dest->number];
}

static json_t *route_to_json(const struct tc_redirect_route *route, const struct route_text *text)
{
	return json_pack("{s:s, s:s?, s:I, s:s, s:I, s:I}", "prefix", text->prefix, "device",
			 text->is_there ? text->device : NULL, "ifindex",
			 (json_int_t)route->dest.ifindex, "helper", text->helper, "packets",
			 (json_int_t)text->hits.packets, "bytes", (json_int_t)text->hits.bytes);
}

static void print_route(FILE *out, const struct tc_redirect_route *route, struct route_text *text)
{
	if (!text->is_there)
		snprintf(text->device, sizeof(text->device), "#%u gone", route->dest.ifindex);
	fprintf(out, "%-24s  %-15s  %-6s  %12" PRIu64 "  %15" PRIu64 "\n", text->prefix,
		text->device, text->helper, (uint64_t)text->hits.packets,
		(uint64_t)text->hits.bytes);
}

static int cmd_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(free_state) struct state state = {};
	json_t *list = NULL;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (read_state(ctx, &why, &state))
		return program_fail(&why);
	if (ctx->json)
		list = json_array();
	else
		fprintf(ctx->out, "%-24s  %-15s  %-6s  %12s  %15s\n", "prefix", "device", "helper",
			"packets", "bytes");
	for (size_t i = 0; i < state.count; i++) {
		struct route_text text;

		describe(&state, &state.routes[i], &text);
		if (ctx->json)
			json_array_append_new(list, route_to_json(&state.routes[i], &text));
		else
			print_route(ctx->out, &state.routes[i], &text);
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "prefixes", list)) :
			   PROGRAM_OK;
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, TC_REDIRECT_COUNTS_NAME, counters, TC_REDIRECT_COUNTS_SIZE);
}

static int claim_addresses(const struct program_claims *claims, struct slot_reason *why)
{
	_cleanup_(tc_redirect_close) struct tc_redirect_maps maps = TC_REDIRECT_MAPS_CLOSED;
	_cleanup_free_ struct tc_redirect_route *routes = NULL;
	size_t count = 0;
	int err = tc_redirect_open(claims->map_dir, false, why, &maps);

	err = err ? err : tc_redirect_routes_get(&maps, why, &routes, &count);
	for (size_t i = 0; !err && i < count; i++) {
		const struct slot_prefix *prefix = &routes[i].prefix;
		struct program_claim claim = {
			.kind = PROGRAM_CLAIM_REDIRECT,
			.is_ip6 = prefix->family == 6,
			.len = (__u8)(prefix->len - SLOT_PREFIX_FAMILY_BITS),
			.ifindex = routes[i].dest.ifindex,
			.is_peer = routes[i].dest.helper == TC_REDIRECT_PEER,
		};

		memcpy(claim.addr, prefix->addr, sizeof(claim.addr));
		err = claims->add(claims, &claim);
	}
	return err;
}

static const struct program_command commands[] = {
	{ "add", cmd_add, "PREFIX DEVICE [peer|neigh]", "lead packets to PREFIX to DEVICE's peer" },
	{ "del", cmd_del, "PREFIX...", "leave them to the host again" },
	{ "list", cmd_list, "", "which prefix leads where, and how much went there" },
	{ "stats", cmd_stats, "", "packets and bytes handed over, and why some were not" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli tc_redirect_cli = {
	.name = "tc_redirect",
	.summary = "hand packets for containers' addresses to their network namespaces",
	.commands = commands,
	.claim = claim_addresses,
};
