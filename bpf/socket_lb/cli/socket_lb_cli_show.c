/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl socket_lb: instances, flows and counters. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/count_abi.h"
#include "bpf/socket_lb/cli/socket_lb_cli.h"
#include "bpf/socket_lb/maps/sl_flows.h"
#include "bpf/socket_lb/maps/sl_instance.h"
#include "bpf/socket_lb/maps/sl_process.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"

static const struct program_counter counters[SL_COUNTS_SIZE] = {
	[SL_BY_ID] = { "by_id", "socket" },
	[SL_BY_FLOW] = { "by_flow", "socket" },
	[SL_NEW] = { "new", "socket" },
	[SL_UNKNOWN] = { "unknown", "socket" },
	[SL_SYN] = { "syn", "socket" },
	[SL_SEGMENT] = { "segment", "socket" },
	[SL_MIGRATED] = { "migrated", "socket" },
	[SL_NOT_OURS] = { "not_ours", "pass" },
	[SL_NO_ACTIVE] = { "no_active", "drop" },
	[SL_NO_SOCKET] = { "no_socket", "drop" },
	[SL_OTHER_SOCKET] = { "other_socket", "event" },
	[SL_OTHER_INSTANCE] = { "other_instance", "event" },
	[SL_STALE_ID] = { "stale_id", "event" },
	[SL_BAD_ID] = { "bad_id", "event" },
	[SL_BAD_WORKER] = { "bad_worker", "event" },
	[SL_STALE_FLOW] = { "stale_flow", "event" },
	[SL_NOT_RECORDED] = { "not_recorded", "event" },
};

/* --- instances ------------------------------------------------------------------------------- */

/* An instance, and what is known of it beyond its element. */
struct seen {
	char vip[SL_VIP_TEXT_MAX];
	struct sl_instance instance;
	__u32 number;
	size_t sockets;
	size_t flows;
	enum sl_life life;
	bool is_active;
};

static int look_at(const struct sl_maps *maps, const struct sl_vip_entry *entry, __u32 number,
		   struct slot_reason *why, struct seen *seen)
{
	const struct sl_vip *vip = &entry->vip;
	struct sl_process process;
	int active = -1;
	int err = sl_instance_get(maps, vip->index, number, why, &seen->instance);

	err = err ? err : sl_sockets_count(maps, vip->index, number, why, &seen->sockets);
	err = err ? err : sl_flows_count(maps, vip, number, why, &seen->flows);
	err = err ? err : sl_active_get(maps, vip->index, why, &active);
	if (err)
		return err;
	sl_vip_format(&entry->key, seen->vip);
	process = (struct sl_process){ seen->instance.pid, seen->instance.pid_start,
				       seen->instance.pid_ns };
	seen->number = number;
	seen->life = sl_process_life(&process);
	seen->is_active = active == (int)number;
	return 0;
}

/* What an operator calls it. */
static const char *role_of(const struct seen *seen)
{
	if (seen->instance.state != SL_SERVING)
		return sl_state_name(seen->instance.state);
	return seen->is_active ? "active" : "draining";
}

static const char *life_of(const struct seen *seen)
{
	if (seen->instance.state == SL_FREE)
		return "-";
	return seen->life == SL_ALIVE ? "alive" : seen->life == SL_DEAD ? "dead" : "hidden";
}

static json_t *weights_to_json(const struct sl_instance *instance)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < instance->sockets && i < SL_SOCKETS_MAX; i++)
		json_array_append_new(list, json_integer(instance->weights[i]));
	return list;
}

/* "-" where each is 1, as without a word of them. */
static void format_weights(const struct sl_instance *instance, char *ret_text)
{
	bool are_named = false;
	size_t len = 0;

	for (__u32 i = 0; i < instance->sockets && i < SL_SOCKETS_MAX; i++) {
		are_named |= instance->weights[i] != 1;
		len += (size_t)sprintf(ret_text + len, i ? ",%u" : "%u", instance->weights[i]);
	}
	if (!are_named)
		strcpy(ret_text, "-");
}

static json_t *seen_to_json(const struct seen *seen)
{
	return json_pack("{s:s, s:I, s:s, s:b, s:I, s:s, s:I, s:I, s:s, s:o, s:I, s:I}", "vip",
			 seen->vip, "instance", (json_int_t)seen->number, "state", role_of(seen),
			 "active", seen->is_active, "pid", (json_int_t)seen->instance.pid,
			 "process", life_of(seen), "sockets", (json_int_t)seen->sockets, "workers",
			 (json_int_t)seen->instance.workers, "policy",
			 sl_policy_name(seen->instance.policy), "weights",
			 weights_to_json(&seen->instance), "flows", (json_int_t)seen->flows,
			 "generation", (json_int_t)seen->instance.generation);
}

static void print_seen(FILE *out, const struct seen *seen)
{
	char weights[SL_SOCKETS_MAX * sizeof("255,")];

	format_weights(&seen->instance, weights);
	fprintf(out, "%-40s  %8u  %-8s  %8u  %-7s  %7zu  %7u  %-6s  %7zu  %s\n", seen->vip,
		seen->number, role_of(seen), seen->instance.pid, life_of(seen), seen->sockets,
		seen->instance.workers, sl_policy_name(seen->instance.policy), seen->flows,
		weights);
}

static int show_instances(const struct program_context *ctx, const struct sl_maps *maps,
			  const struct sl_vip_entry *entry, struct slot_reason *why, json_t *list)
{
	for (__u32 number = 0; number < SL_INSTANCES; number++) {
		struct seen seen = {};
		int err = look_at(maps, entry, number, why, &seen);

		if (err)
			return err;
		if (list)
			json_array_append_new(list, seen_to_json(&seen));
		else
			print_seen(ctx->out, &seen);
	}
	return 0;
}

int sl_cmd_instances(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	struct slot_reason why;
	json_t *list = NULL;
	size_t count = 0;
	int err;

	if (argc > 1)
		return PROGRAM_USAGE;
	err = sl_maps_open(ctx->map_dir, false, &why, &maps);
	err = err ? err : sl_cli_vips(&maps, argc ? argv[0] : NULL, &why, &vips, &count);
	if (err)
		return program_end(err, &why);
	if (ctx->json)
		list = json_array();
	else
		fprintf(ctx->out, "%-40s  %8s  %-8s  %8s  %-7s  %7s  %7s  %-6s  %7s  %s\n", "vip",
			"instance", "state", "pid", "process", "sockets", "workers", "policy",
			"flows", "weights");
	for (size_t i = 0; !err && i < count; i++)
		err = show_instances(ctx, &maps, &vips[i], &why, list);
	if (err) {
		json_decref(list);
		return program_fail(&why);
	}
	return list ? program_json_print(ctx, json_pack("{s:o}", "instances", list)) : PROGRAM_OK;
}

/* --- flows ----------------------------------------------------------------------------------- */

/* What flows are shown with, and how. */
struct flow_view {
	const struct program_context *ctx;
	const struct sl_vip_entry *vips;
	size_t count;
	json_t *list; /* NULL: a table */
	__u32 now_s;
};

static const struct sl_vip_entry *find_vip(const struct flow_view *view, __u32 index)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->vips[i].vip.index == index)
			return &view->vips[i];
	return NULL;
}

static void show_flow(const struct sl_flow_key *key, const struct sl_flow *flow, void *data)
{
	const struct flow_view *view = data;
	const struct sl_vip_entry *entry = find_vip(view, key->vip);
	char client[INET6_ADDRSTRLEN] = "?", server[INET6_ADDRSTRLEN] = "?", vip[SL_VIP_TEXT_MAX];
	int family = key->family == 6 ? AF_INET6 : AF_INET;
	__u32 age_s = view->now_s > flow->seen_s ? view->now_s - flow->seen_s : 0;

	if (!entry)
		return;
	sl_vip_format(&entry->key, vip);
	inet_ntop(family, key->client, client, sizeof(client));
	inet_ntop(family, key->server, server, sizeof(server));
	if (view->list)
		json_array_append_new(
			view->list,
			json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "vip", vip, "client",
				  client, "port", (json_int_t)ntohs(key->client_port), "server",
				  server, "instance", (json_int_t)flow->instance, "generation",
				  (json_int_t)flow->generation, "socket",
				  (json_int_t)flow->position, "age_s", (json_int_t)age_s));
	else
		fprintf(view->ctx->out, "%-40s  %-39s  %5u  %8u  %6u  %5us\n", vip, client,
			ntohs(key->client_port), flow->instance, flow->position, age_s);
}

int sl_cmd_flows(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	struct flow_view view = { .ctx = ctx };
	struct timespec now = {};
	struct slot_reason why;
	int err;

	if (argc > 1)
		return PROGRAM_USAGE;
	err = sl_maps_open(ctx->map_dir, false, &why, &maps);
	err = err ? err : sl_cli_vips(&maps, argc ? argv[0] : NULL, &why, &vips, &view.count);
	if (err)
		return program_end(err, &why);
	clock_gettime(CLOCK_MONOTONIC, &now);
	view.now_s = (__u32)now.tv_sec;
	view.vips = vips;
	if (ctx->json)
		view.list = json_array();
	else
		fprintf(ctx->out, "%-40s  %-39s  %5s  %8s  %6s  %6s\n", "vip", "client", "port",
			"instance", "socket", "age");
	err = sl_flows_each(&maps, show_flow, &view, &why);
	if (err) {
		json_decref(view.list);
		return program_fail(&why);
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "flows", view.list)) :
			   PROGRAM_OK;
}

/* --- stats ----------------------------------------------------------------------------------- */

#define COUNTS SL_COUNT_INDEX(SL_NO_VIP + 1, 0)

/* The row of one VIP, or the sum of all of them. */
static void sum_rows(const struct slot_count *counts, int only, struct slot_count *ret_sums)
{
	for (int row = 0; row <= SL_NO_VIP; row++) {
		if (only >= 0 && row != only)
			continue;
		for (int i = 0; i < SL_COUNTS_SIZE; i++) {
			ret_sums[i].packets += counts[SL_COUNT_INDEX(row, i)].packets;
			ret_sums[i].bytes += counts[SL_COUNT_INDEX(row, i)].bytes;
		}
	}
}

int sl_cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	_cleanup_free_ struct slot_count *counts = calloc(COUNTS, sizeof(*counts));
	struct slot_count sums[SL_COUNTS_SIZE] = {};
	struct sl_vip_entry entry = {};
	struct slot_reason why;
	int err;

	if (argc > 1)
		return PROGRAM_USAGE;
	if (!counts) {
		slot_reason_set(&why, -ENOMEM, "out of memory");
		return program_fail(&why);
	}
	err = sl_maps_open(ctx->map_dir, false, &why, &maps);
	err = err || !argc ? err : sl_cli_vip(&maps, argv[0], &why, &entry);
	err = err ? err : program_counts_get(maps.counts, COUNTS, &why, counts);
	if (err)
		return program_end(err, &why);
	sum_rows(counts, argc ? (int)entry.vip.index : -1, sums);
	return program_counts_print(ctx, counters, sums, SL_COUNTS_SIZE);
}
