/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark stats. */
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/agent/hwmark_view.h"
#include "programs/hwmark/cli/hwmark_cli.h"
#include "programs/lb/maps/lb_stats.h"
#include "programs/shared/json.h"

#define RATIO_SCALE 1000.0

static const char *const counter_names[LB_COUNTERS] = {
	[HWMARK_REFRESH] = "refresh",
	[HWMARK_SYN] = "syn",
	[HWMARK_OFF] = "off",
	[HWMARK_UNKNOWN] = "unknown",
	[HWMARK_STALE] = "stale",
	[HWMARK_OTHER_VIP] = "other_vip",
	[HWMARK_OTHER_FLOW] = "other_flow",
	[HWMARK_NOT_IP] = "not_ip",
	[HWMARK_OPTIONS] = "options",
	[HWMARK_FRAGMENT] = "fragment",
	[HWMARK_TOO_LONG] = "too_long",
	[HWMARK_CUT] = "cut",
	[HWMARK_NOT_SENT] = "not_sent",
	[HWMARK_OTHER_META] = "other_meta",
	[HWMARK_NO_SOURCE] = "no_source",
	[HWMARK_SENT4] = "sent4",
	[HWMARK_SENT6] = "sent6",
	[HWMARK_SENT_LONG] = "sent_long",
};

/* A number that is told under a name. */
struct field {
	const char *name;
	__u64 value;
};

struct numbers {
	__u64 counts[LB_COUNTERS]; /* enum hwmark_counter */
	struct hwmark_agent agent;
	bool has_lb;
	__u64 lb[LB_COUNTERS]; /* enum lb_counter */
};

/* "" for an event. */
static const char *get_verdict(__u32 counter)
{
	if (counter == HWMARK_SENT_LONG)
		return "";
	return counter < HWMARK_PASSED_COUNT ? "pass" : "tx";
}

/* Who may not read the load balancer's maps does without them. */
static void read_lb(const struct program_context *ctx, const struct hwmark_maps *maps,
		    struct numbers *numbers)
{
	_cleanup_free_ struct hwmark_view *view = calloc(1, sizeof(*view));
	_cleanup_free_ struct lb_stats *stats = malloc(sizeof(*stats));
	struct lb_maps lb;

	if (!view || !stats || hwmark_view_find(ctx->map_dir, maps, NULL, view) ||
	    lb_maps_open(view->lb_dir, false, NULL, &lb))
		return;
	numbers->has_lb = !lb_stats_get(&lb, NULL, stats);
	for (__u32 i = 0; i < LB_COUNTERS; i++)
		numbers->lb[i] = stats->counts[i];
	lb_maps_close(&lb);
}

/* In thousandths, of what was sent to reals by either. */
static __u64 get_hit_ratio(const struct numbers *numbers)
{
	__u64 sent = numbers->counts[HWMARK_SENT4] + numbers->counts[HWMARK_SENT6];
	__u64 all = sent + numbers->lb[LB_SENT4] + numbers->lb[LB_SENT6];

	return all ? sent * 1000 / all : 0;
}

#define AGENT_FIELDS(agent)                                                                        \
	{                                                                                          \
		{ "events", (agent)->events },                                                     \
		{ "taken", (agent)->taken },                                                       \
		{ "known", (agent)->known },                                                       \
		{ "refused", (agent)->refused },                                                   \
		{ "full", (agent)->full },                                                         \
		{ "paused", (agent)->paused },                                                     \
		{ "mismatched", (agent)->mismatched },                                             \
		{ "pending", (agent)->pending },                                                   \
		{ "installed", (agent)->installed },                                               \
		{ "failed", (agent)->failed },                                                     \
		{ "cancelled", (agent)->cancelled },                                               \
		{ "removed", (agent)->removed },                                                   \
		{ "not_removed", (agent)->not_removed },                                           \
		{ "aged", (agent)->aged },                                                         \
		{ "outdated", (agent)->outdated },                                                 \
		{ "ended", (agent)->ended },                                                       \
		{ "vanished", (agent)->vanished },                                                 \
	}

#define LB_FIELDS(lb)                                                                              \
	{                                                                                          \
		{ "mark_events", (lb)[LB_MARK_EVENTS] },                                           \
		{ "mark_limited", (lb)[LB_MARK_LIMITED] },                                         \
		{ "mark_lost", (lb)[LB_MARK_LOST] },                                               \
		{ "mark_no_mark", (lb)[LB_MARK_NO_MARK] },                                         \
		{ "mark_kept", (lb)[LB_MARK_KEPT] },                                               \
		{ "sent4", (lb)[LB_SENT4] },                                                       \
		{ "sent6", (lb)[LB_SENT6] },                                                       \
	}

static json_t *fields_json(const struct field *fields, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, fields[i].name,
				    json_integer((json_int_t)fields[i].value));
	return object;
}

static json_t *counters_json(const __u64 *counts)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < LB_COUNTERS; i++)
		if (counter_names[i])
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:I}", "name", counter_names[i],
							"verdict", get_verdict(i), "packets",
							(json_int_t)counts[i]));
	return list;
}

static json_t *latency_json(const struct hwmark_agent *agent)
{
	json_t *list = json_array();

	for (int i = 0; i < HWMARK_LATENCIES; i++)
		if (agent->latency[i])
			json_array_append_new(list, json_pack("{s:I, s:I}", "below_us",
							      (json_int_t)1 << i, "rules",
							      (json_int_t)agent->latency[i]));
	return list;
}

static json_t *numbers_json(const struct numbers *numbers)
{
	const struct field agent[] = AGENT_FIELDS(&numbers->agent);
	const struct field lb[] = LB_FIELDS(numbers->lb);
	json_t *object = json_pack("{s:o, s:o, s:o}", "counters", counters_json(numbers->counts),
				   "agent", fields_json(agent, sizeof(agent) / sizeof(agent[0])),
				   "latency", latency_json(&numbers->agent));

	if (numbers->has_lb) {
		json_object_set_new(object, "lb", fields_json(lb, sizeof(lb) / sizeof(lb[0])));
		json_object_set_new(object, "hit_ratio",
				    json_real((double)get_hit_ratio(numbers) / RATIO_SCALE));
	}
	return object;
}

static void print_fields(FILE *out, const char *title, const struct field *fields, size_t count)
{
	fprintf(out, "\n%-12s  %14s\n", title, "number");
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%-12s  %14" PRIu64 "\n", fields[i].name, (uint64_t)fields[i].value);
}

static void print_numbers(FILE *out, const struct numbers *numbers)
{
	const struct field agent[] = AGENT_FIELDS(&numbers->agent);
	const struct field lb[] = LB_FIELDS(numbers->lb);

	fprintf(out, "%-12s  %-7s  %14s\n", "counter", "verdict", "packets");
	for (__u32 i = 0; i < LB_COUNTERS; i++)
		if (counter_names[i])
			fprintf(out, "%-12s  %-7s  %14" PRIu64 "\n", counter_names[i],
				get_verdict(i), (uint64_t)numbers->counts[i]);
	print_fields(out, "agent", agent, sizeof(agent) / sizeof(agent[0]));
	fprintf(out, "\n%-12s  %14s\n", "installed in", "rules");
	for (int i = 0; i < HWMARK_LATENCIES; i++)
		if (numbers->agent.latency[i])
			fprintf(out, "< %7llu us  %14" PRIu64 "\n", 1ULL << i,
				(uint64_t)numbers->agent.latency[i]);
	if (!numbers->has_lb)
		return;
	print_fields(out, "lb", lb, sizeof(lb) / sizeof(lb[0]));
	fprintf(out, "\nhit_ratio %.3f\n", (double)get_hit_ratio(numbers) / RATIO_SCALE);
}

int hwmark_cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	struct numbers numbers = {};
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (hwmark_maps_open(ctx->map_dir, false, &why, &maps) ||
	    hwmark_counts_get(&maps, &why, numbers.counts) ||
	    hwmark_agent_get(&maps, &why, &numbers.agent))
		return program_fail(&why);
	read_lb(ctx, &maps, &numbers);
	if (ctx->json)
		return program_json_print(ctx, numbers_json(&numbers));
	print_numbers(ctx->out, &numbers);
	return PROGRAM_OK;
}
