/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb stats. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/maps/lb_stats.h"
#include "programs/shared/json.h"

/* What came since, also where another VIP or real has the number now and began with 0. */
static void subtract_count(struct slot_count *count, const struct slot_count *before)
{
	if (count->packets < before->packets)
		return;
	count->packets -= before->packets;
	count->bytes -= before->bytes;
}

static void subtract(struct lb_stats *stats, const struct lb_stats *before)
{
	for (__u32 i = 0; i < LB_COUNTERS; i++)
		stats->counts[i] -= before->counts[i];
	for (__u32 i = 0; i < LB_VIPS_MAX; i++)
		subtract_count(&stats->vips[i], &before->vips[i]);
	for (__u32 i = 0; i < LB_REAL_INDEXES; i++)
		subtract_count(&stats->reals[i], &before->reals[i]);
}

static void print_row(FILE *out, const char *name, const struct slot_count *count)
{
	fprintf(out, "%-40s  %14" PRIu64 "  %17" PRIu64 "\n", name, (uint64_t)count->packets,
		(uint64_t)count->bytes);
}

static void print_counters(FILE *out, const struct lb_stats *stats)
{
	fprintf(out, "%-18s  %-7s  %14s  %s\n", "counter", "verdict", "packets", "katran");
	for (__u32 i = 0; i < LB_COUNTERS; i++) {
		const struct lb_counter_name *name = lb_counter_name(i);

		if (name->name)
			fprintf(out, "%-18s  %-7s  %14" PRIu64 "  %s\n", name->name,
				lb_counter_verdict(i), (uint64_t)stats->counts[i],
				*name->katran ? name->katran : "-");
	}
}

static void print_stats(FILE *out, const struct lb_model *model, const struct lb_stats *stats)
{
	char name[LB_WORDS_MAX];

	fprintf(out, "%-40s  %14s  %17s\n", "vip", "packets", "bytes");
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		if (!model->vips[n].is_used)
			continue;
		lb_vip_name_format(&model->vips[n].name, name);
		print_row(out, name, &stats->vips[n]);
	}
	fprintf(out, "\n%-40s  %14s  %17s\n", "real", "packets", "bytes");
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++) {
		struct lb_host host = lb_model_host(&model->reals[i]);

		if (!(model->reals[i].flags & LB_REAL_USED))
			continue;
		lb_address_format(&host, name);
		print_row(out, name, &stats->reals[i]);
	}
	fputc('\n', out);
	print_counters(out, stats);
}

static json_t *row_json(const char *what, const char *name, const struct slot_count *count)
{
	return json_pack("{s:s, s:I, s:I}", what, name, "packets", (json_int_t)count->packets,
			 "bytes", (json_int_t)count->bytes);
}

static json_t *counters_json(const struct lb_stats *stats)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < LB_COUNTERS; i++) {
		const struct lb_counter_name *name = lb_counter_name(i);

		if (name->name)
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:I, s:s}", "name", name->name,
							"verdict", lb_counter_verdict(i), "packets",
							(json_int_t)stats->counts[i], "katran",
							name->katran));
	}
	return list;
}

static json_t *stats_json(const struct lb_model *model, const struct lb_stats *stats)
{
	json_t *vips = json_array(), *reals = json_array();
	char name[LB_WORDS_MAX];

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		if (!model->vips[n].is_used)
			continue;
		lb_vip_name_format(&model->vips[n].name, name);
		json_array_append_new(vips, row_json("vip", name, &stats->vips[n]));
	}
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++) {
		struct lb_host host = lb_model_host(&model->reals[i]);

		if (!(model->reals[i].flags & LB_REAL_USED))
			continue;
		lb_address_format(&host, name);
		json_array_append_new(reals, row_json("real", name, &stats->reals[i]));
	}
	return json_pack("{s:o, s:o, s:o}", "vips", vips, "reals", reals, "counters",
			 counters_json(stats));
}

/* Since @before, unless it is NULL. */
static int show_stats(const struct program_context *ctx, const struct lb_stats *before,
		      struct lb_stats *ret_stats)
{
	_cleanup_free_ struct lb_stats *shown = malloc(sizeof(*shown));
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct slot_reason why = { "out of memory" };

	if (!shown || lb_look(ctx->map_dir, &why, &lb) || lb_stats_get(&lb.maps, &why, ret_stats))
		return program_fail(&why);
	*shown = *ret_stats;
	if (before)
		subtract(shown, before);
	if (!ctx->json)
		print_stats(ctx->out, &lb.model, shown);
	else if (program_json_print(ctx, stats_json(&lb.model, shown)) != PROGRAM_OK)
		return PROGRAM_FAILED;
	/* Whoever watches through a pipe shall see each look when it is there. */
	return fflush(ctx->out) || ferror(ctx->out) ? PROGRAM_FAILED : PROGRAM_OK;
}

int lb_cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct lb_stats *looks = calloc(2, sizeof(*looks));
	unsigned int look = 0;
	int ret;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (!looks)
		return program_fail(&(struct slot_reason){ "out of memory" });
	ret = show_stats(ctx, NULL, &looks[0]);
	/* Until somebody ends it, or there is nobody to read any more. */
	while (ret == PROGRAM_OK && ctx->watch_s) {
		sleep(ctx->watch_s);
		if (!ctx->json)
			fprintf(ctx->out, "\nin %u s:\n", ctx->watch_s);
		ret = show_stats(ctx, &looks[look % 2], &looks[(look + 1) % 2]);
		look++;
	}
	return ret;
}
