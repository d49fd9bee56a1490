/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast rules of flower come and go over netlink, on a veth, as the agent of hwmark has them:
 * one by one, several by one message, and through its queue. One JSON object on stdout; see
 * docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <jansson.h>

#include "loader/lib/offload/flower_request.h"
#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/flower_bed.h"

#define BATCH 64 /* as the agent's */
#define FIRST_PORT 1024
#define RULES_MAX (65535 - FIRST_PORT)
#define DRAIN_MS 600000
#define PART_MEDIAN 50
#define PART_MOST 99

enum way {
	WAY_ONE_BY_ONE,
	WAY_BATCHED,
	WAY_QUEUE,
	WAYS,
};

static const char *const way_words[WAYS] = { "one by one", "batched", "queue" };

/* All rules coming, or going: the best trial, and what each rule waited in all of them. */
struct figures {
	double took_ns;
	double *waited_ns; /* by trial and rule */
	size_t count;
};

struct bench {
	struct bench_settings settings;
	struct slot_flower_place place;
	struct slot_flower_request *requests;
	struct slot_queue *queue;
	double began_ns;
	struct figures *reported; /* whose turn it is; the queue's thread fills it in */
	struct figures installs[WAYS], removals[WAYS];
	int err; /* the queue's first */
};

typedef int carry_fn(const struct slot_flower_place *place,
		     const struct slot_flower_rule *const *rules, size_t count,
		     struct slot_answer *answers);

static void note_wait(struct figures *figures, double ns, size_t rules)
{
	while (rules--)
		figures->waited_ns[figures->count++] = ns;
}

static void note_trial(struct figures *figures, double ns)
{
	if (!figures->took_ns || ns < figures->took_ns)
		figures->took_ns = ns;
}

/* --- the kernel's own pace ------------------------------------------------------------------- */

static int carry_out(struct bench *b, carry_fn *carry, size_t batch, struct figures *figures)
{
	const struct slot_flower_rule *rules[BATCH];
	struct slot_answer answers[BATCH];
	double began = bench_clock_ns();

	for (size_t first = 0, count; first < b->settings.repeat; first += count) {
		double asked = bench_clock_ns();
		int err;

		for (count = 0; count < batch && first + count < b->settings.repeat; count++)
			rules[count] = &b->requests[first + count].rule;
		err = carry(&b->place, rules, count, answers);
		if (err)
			return err;
		note_wait(figures, bench_clock_ns() - asked, count);
	}
	note_trial(figures, bench_clock_ns() - began);
	return 0;
}

static int measure_way(struct bench *b, enum way way)
{
	size_t batch = way == WAY_BATCHED ? BATCH : 1;
	int err = carry_out(b, slot_flower_add, batch, &b->installs[way]);

	return err ? err : carry_out(b, slot_flower_del, batch, &b->removals[way]);
}

/* --- through the queue, all at once ---------------------------------------------------------- */

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	const struct bench *b = context;

	slot_flower_install(&b->place, requests, count, ret_answers);
}

static void take_off(void *context, struct slot_queue_request *const *requests, size_t count,
		     struct slot_answer *ret_answers)
{
	const struct bench *b = context;

	slot_flower_remove(&b->place, requests, count, ret_answers);
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	struct bench *b = context;

	(void)request;
	(void)state;
	if (answer->err && !b->err)
		b->err = answer->err;
	note_wait(b->reported, bench_clock_ns() - b->began_ns, 1);
}

static int ask_queue(struct bench *b, int (*ask)(struct slot_queue *, struct slot_queue_request *),
		     struct figures *figures)
{
	int err = 0;

	b->reported = figures;
	b->began_ns = bench_clock_ns();
	for (size_t i = 0; !err && i < b->settings.repeat; i++)
		err = ask(b->queue, &b->requests[i].request);
	err = err ? err : slot_queue_drain(b->queue, DRAIN_MS);
	note_trial(figures, bench_clock_ns() - b->began_ns);
	return err ? err : b->err;
}

static int measure_queue(struct bench *b)
{
	static const struct slot_queue_ops ops = { install, take_off, report };
	const struct slot_queue_settings settings = { b->settings.repeat, BATCH, &ops, b };
	int err = slot_queue_new(&settings, &b->queue);

	err = err ? err : ask_queue(b, slot_queue_add, &b->installs[WAY_QUEUE]);
	err = err ? err : ask_queue(b, slot_queue_cancel, &b->removals[WAY_QUEUE]);
	slot_queue_free(b->queue);
	b->queue = NULL;
	return err;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int make_rules(struct bench *b)
{
	size_t all = (size_t)b->settings.repeat * b->settings.trials;

	b->requests = calloc(b->settings.repeat, sizeof(*b->requests));
	if (!b->requests)
		return -ENOMEM;
	for (unsigned int i = 0; i < b->settings.repeat; i++) {
		const struct flower_flow flow = { AF_INET, IPPROTO_TCP, (__u16)(FIRST_PORT + i),
						  FLOWER_DPORT, 0 };

		b->requests[i].rule = flower_bed_rule(&flow, i + 1);
		b->requests[i].rule.mode = SLOT_FLOWER_SKIP_HW;
	}
	for (enum way way = 0; way < WAYS; way++) {
		b->installs[way].waited_ns = calloc(all, sizeof(double));
		b->removals[way].waited_ns = calloc(all, sizeof(double));
		if (!b->installs[way].waited_ns || !b->removals[way].waited_ns)
			return -ENOMEM;
	}
	return 0;
}

static int open_bench(struct bench *b)
{
	int err = b->settings.repeat > RULES_MAX ? -E2BIG : 0;

	err = err ? err : bench_bed_open(&b->place.ifindex);
	b->place.hook = SLOT_HOOK_TC_EGRESS;
	b->place.pref = FLOWER_PREF;
	err = err ? err : slot_flower_open(&b->place);
	return err ? err : make_rules(b);
}

static int measure_all(struct bench *b)
{
	int err = 0;

	for (unsigned int trial = 0; !err && trial < b->settings.trials; trial++) {
		err = measure_way(b, WAY_ONE_BY_ONE);
		err = err ? err : measure_way(b, WAY_BATCHED);
		err = err ? err : measure_queue(b);
	}
	return err;
}

static json_t *make_row(const struct bench *b, const char *what, enum way way,
			struct figures *figures)
{
	const double *waited = figures->waited_ns;

	bench_sort(figures->waited_ns, figures->count);
	return json_pack("{s:s, s:s, s:i, s:I, s:o, s:o}", "what", what, "how", way_words[way],
			 "rules", (int)b->settings.repeat, "per_s",
			 (json_int_t)(b->settings.repeat * 1e9 / figures->took_ns), "p50_us",
			 bench_number(waited[figures->count * PART_MEDIAN / 100] / 1e3, 10),
			 "p99_us",
			 bench_number(waited[figures->count * PART_MOST / 100] / 1e3, 10));
}

static json_t *make_results(struct bench *b)
{
	json_t *rules = json_array();

	for (enum way way = 0; way < WAYS; way++) {
		json_array_append_new(rules, make_row(b, "install", way, &b->installs[way]));
		json_array_append_new(rules, make_row(b, "remove", way, &b->removals[way]));
	}
	return json_pack("{s:o}", "rules", rules);
}

int main(int argc, char **argv)
{
	static struct bench b = { .settings = { .repeat = 10000, .trials = 3 } };
	int err;

	if (bench_settings_parse(argc, argv, &b.settings))
		return 2;
	err = open_bench(&b);
	err = err ? err : measure_all(&b);
	err = err ? err : bench_print(&b.settings, make_results(&b));
	if (err)
		fprintf(stderr, "flower: %s\n", strerror(-err));
	return err ? 1 : 0;
}
