/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet pays for the load balancer, and what its rings and maps cost. One
 * JSON object on stdout; see docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/bench/parts/course.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/lb_bench.h"
#include "tests/bench/parts/lb_costs.h"
#include "tests/bench/parts/settings.h"

#define ROWS_MAX 192

/* What a row cost in each trial, and the stub in the same moments. */
struct samples {
	double *tested;
	double *stub;
};

struct bench {
	struct bench_settings settings;
	struct lb_bench lb;
	struct lb_bench_row rows[ROWS_MAX];
	struct samples samples[ROWS_MAX];
	size_t count;
	json_t *left_out;
};

static const char
	*const encap_names[] = { [LB_IPIP] = "ipip", [LB_GUE] = "gue", [LB_REWRITE] = "rewrite" };
static const char *const hash_names[] = { "jhash", "xxhash", "murmur3" };
static const char *const table_names[] = { "flows", "transitions" };

static void leave_out(struct bench *b, const struct lb_bench_row *row)
{
	json_t *entry = json_pack("{s:s, s:s, s:s, s:s}", "case", row->kind->name, "encap",
				  encap_names[row->encap], "hash", hash_names[row->hash], "table",
				  table_names[row->table]);

	json_array_append_new(b->left_out, entry);
}

static int add_row(struct bench *b, const struct lb_bench_row *row)
{
	struct samples samples = {
		.tested = calloc(b->settings.trials, sizeof(double)),
		.stub = calloc(b->settings.trials, sizeof(double)),
	};

	if (b->count == ROWS_MAX || !samples.tested || !samples.stub)
		return -ENOMEM;
	if (!bench_settings_want(&b->settings, row->kind->name))
		return 0;
	b->rows[b->count] = *row;
	b->samples[b->count] = samples;
	if (lb_bench_check(&b->lb, &b->rows[b->count]))
		b->count++;
	else
		leave_out(b, row);
	return 0;
}

/* All hashes in tunnels; rewriting, which nobody else does, with the one. */
static int choose_rows(struct bench *b)
{
	static const enum lb_encap encaps[] = { LB_IPIP, LB_IPIP, LB_IPIP,   LB_GUE,
						LB_GUE,	 LB_GUE,  LB_REWRITE };
	struct lb_bench_row row = {};
	size_t i, way;
	int err = 0;

	for (i = 0; i < lb_bench_case_count; i++) {
		row.kind = &lb_bench_cases[i];
		for (way = 0; !err && way < LB_TABLES * sizeof(encaps) / sizeof(*encaps); way++) {
			row.table = (enum lb_table)(way % LB_TABLES);
			row.hash = (enum lb_hash)(way / LB_TABLES % LB_HASHES);
			row.encap = encaps[way / LB_TABLES];
			if (lb_bench_has(&row))
				err = add_row(b, &row);
		}
	}
	return err;
}

static int run_row(struct bench *b, struct lb_bench_row *row, bool is_tested, double *ret_cost)
{
	unsigned int repeat = b->settings.repeat;
	double took, each;
	int err = lb_bench_run(&b->lb, row, is_tested, repeat, &took, &each);

	if (err)
		return err;
	/* Whole nanoseconds: exact where these are instructions, too coarse for real time. */
	*ret_cost = b->settings.has_instruction_clock ? each : took / repeat;
	return 0;
}

static int measure_round(void *bench, unsigned int trial)
{
	struct bench *b = bench;
	double ignored;
	size_t i;

	for (i = 0; i < b->count; i++) {
		struct lb_bench_row *row = &b->rows[i];
		/* Other rows took the caches since, and the table's room. */
		unsigned int warm_up = row->kind->flows + b->settings.repeat / 5 + 1;
		int err = lb_bench_run(&b->lb, row, true, warm_up, &ignored, &ignored);

		if (!err)
			err = run_row(b, row, true, &b->samples[i].tested[trial]);
		if (!err)
			err = run_row(b, row, false, &b->samples[i].stub[trial]);
		if (err) {
			fprintf(stderr, "lb: cannot run '%s': %s\n", row->kind->name,
				strerror(-err));
			return err;
		}
	}
	return 0;
}

/* Of the differences, trial by trial. */
static double median_above(const struct samples *samples, size_t count)
{
	double values[count];
	size_t i;

	for (i = 0; i < count; i++)
		values[i] = samples->tested[i] - samples->stub[i];
	bench_sort(values, count);
	return values[count / 2];
}

static json_t *make_row(const struct bench *b, size_t i)
{
	const struct lb_bench_row *row = &b->rows[i];
	const struct samples *samples = &b->samples[i];
	unsigned int trials = b->settings.trials;
	double stub = bench_least(samples->stub, trials);
	double above = bench_least(samples->tested, trials) - stub;
	json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:i}", "case", row->kind->name, "encap",
				encap_names[row->encap], "hash", hash_names[row->hash], "table",
				table_names[row->table], "flows", (int)row->kind->flows);

	if (b->settings.has_instruction_clock) {
		json_object_set_new(out, "instructions", json_integer((json_int_t)above));
		return out;
	}
	json_object_set_new(out, "ns", bench_number(median_above(samples, trials), 10));
	json_object_set_new(out, "ns_min", bench_number(above, 10));
	json_object_set_new(out, "stub_ns_min", bench_number(stub, 10));
	return out;
}

static int open_bench(void *bench, unsigned int ifindex)
{
	struct bench *b = bench;
	int err = lb_bench_open(&b->lb, ifindex);

	b->left_out = json_array();
	return err ? err : choose_rows(b);
}

static json_t *make_results(void *bench)
{
	const struct bench *b = bench;
	json_t *rows = json_array(), *costs = NULL;
	size_t i;

	/* Time and memory of the control plane are the host's, not the guest's. */
	if (!b->settings.has_instruction_clock && !b->settings.only) {
		costs = lb_costs_measure();
		if (!costs)
			return NULL;
	}
	for (i = 0; i < b->count; i++)
		json_array_append_new(rows, make_row(b, i));
	return json_pack("{s:o, s:O, s:o*}", "rows", rows, "left_out", b->left_out, "costs", costs);
}

int main(int argc, char **argv)
{
	static const struct bench_course course = { "lb", open_bench, measure_round, make_results };
	static struct bench b = { .settings = { .repeat = 100000, .trials = 25 } };

	return bench_course_run(&course, &b, &b.settings, argc, argv);
}
