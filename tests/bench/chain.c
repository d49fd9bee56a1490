/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet pays for a chain: every root attached to a veth, then run on one
 * packet many times with BPF_PROG_TEST_RUN. One JSON object on stdout; see
 * docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "loader/lib/engine/engine.h"
#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/roots.h"
#include "tests/bench/parts/settings.h"

#define ROOTS_MAX 64
#define FIRST(n) ((1U << (n)) - 1) /* slots 0 to n - 1 */
#define EXTRA_PROGRAMS 5
#define SPREAD (1U << 0 | 1U << (ROOT_SLOTS - 1))

struct bench {
	struct bench_settings settings;
	unsigned int ifindex;
	int link_fd; /* moves from root to root: each is measured as the only one attached */
	struct bench_root roots[ROOTS_MAX];
	double *samples[ROOTS_MAX]; /* settings.trials each */
	size_t count;
	json_t *left_out;
};

static void add_root(struct bench *b, const char *engine, const char *program, __u32 slots,
		     bool counters)
{
	if (bench_settings_want(&b->settings, engine) && b->count < ROOTS_MAX)
		b->roots[b->count++] = (struct bench_root){
			.engine = engine,
			.program = program,
			.slots = slots,
			.counters = counters,
			.fd = -1,
		};
}

static void add_engine(struct bench *b, const char *engine)
{
	static const unsigned int sizes[] = { 0, 1, 2, 5, 10, 20 };
	unsigned int counters;
	size_t i;

	if (!bench_settings_want(&b->settings, engine))
		return;
	for (counters = 0; counters < 2; counters++) {
		for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			add_root(b, engine, "trivial", FIRST(sizes[i]), counters);
		add_root(b, engine, "trivial", SPREAD, counters);
	}
	for (i = BENCH_PLAIN + 1; i < BENCH_EXTRAS; i++) {
		add_root(b, engine, "trivial", FIRST(EXTRA_PROGRAMS), true);
		b->roots[b->count - 1].extra = (enum bench_extra)i;
	}
	add_root(b, engine, "varied", FIRST(1), true);
	add_root(b, engine, "varied", FIRST(ROOT_SLOTS), true);
}

static void leave_out(struct bench *b, const char *engine, const char *reason)
{
	json_array_append_new(b->left_out,
			      json_pack("{s:s, s:s}", "engine", engine, "reason", reason));
}

static void choose_roots(struct bench *b)
{
	static const unsigned int sizes[] = { 1, 2, 5, 10, 20 };
	struct slot_reason refused = { 0 };
	bool has_freplace = !slot_engine_freplace.probe(&refused);
	size_t i;

	add_root(b, "alone", "trivial", FIRST(1), false);
	add_root(b, "alone", "varied", FIRST(1), false);
	add_engine(b, "fused");
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		add_root(b, "tailcall", "trivial", FIRST(sizes[i]), false);
	if (!has_freplace) {
		leave_out(b, "freplace", refused.text);
		leave_out(b, "libxdp", refused.text);
		return;
	}
	add_engine(b, "freplace");
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (sizes[i] <= BENCH_LIBXDP_MAX)
			add_root(b, "libxdp", "trivial", FIRST(sizes[i]), false);
}

static int load_roots(struct bench *b)
{
	struct slot_reason why = { 0 };
	size_t i;

	for (i = 0; i < b->count; i++) {
		int err = bench_root_load(&b->roots[i], b->ifindex, &why);

		if (err) {
			fprintf(stderr, "chain: %s, %u programs: %s\n", b->roots[i].engine,
				bench_root_programs(&b->roots[i]), why.text);
			return err;
		}
		b->samples[i] = calloc(b->settings.trials, sizeof(**b->samples));
		if (!b->samples[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * The kernel reports whole nanoseconds per run: exact where these are
 * instructions, too coarse for real time, which is taken around the call.
 */
static int run_root(const struct bench *b, int fd, unsigned int repeat, double *ret_cost)
{
	/* IPv4 and UDP, which only a flow's hash looks at. */
	unsigned char packet[64] = { [12] = 0x08, [14] = 0x45, [17] = 50, [23] = 17 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = (int)repeat);
	double start = bench_clock_ns();
	int err = bpf_prog_test_run_opts(fd, &opts);
	double took = bench_clock_ns() - start;

	if (err)
		return err;
	if (opts.retval != XDP_PASS)
		return -EBADMSG;
	*ret_cost = b->settings.has_instruction_clock ? opts.duration : took / repeat;
	return 0;
}

/* A round goes through all roots once, so that a slow moment of the machine hits all alike. */
static int measure(struct bench *b)
{
	unsigned int warm_up = b->settings.repeat / 10 + 1;
	double ignored;
	unsigned int trial;
	size_t i;

	for (trial = 0; trial < b->settings.trials; trial++) {
		for (i = 0; i < b->count; i++) {
			int fd = b->roots[i].fd;
			int err = bench_attach(b->ifindex, fd, &b->link_fd);

			if (!err)
				err = run_root(b, fd, warm_up, &ignored);
			if (!err)
				err = run_root(b, fd, b->settings.repeat, &b->samples[i][trial]);
			if (err) {
				fprintf(stderr, "chain: cannot run %s with %u programs: %s\n",
					b->roots[i].engine, bench_root_programs(&b->roots[i]),
					strerror(-err));
				return err;
			}
		}
	}
	return 0;
}

static json_t *make_row(const struct bench *b, size_t i, const char *kernel)
{
	const struct bench_root *root = &b->roots[i];
	double *samples = b->samples[i];
	json_t *row = json_pack("{s:s, s:i, s:b, s:n, s:n, s:s}", "engine", root->engine,
				"programs", (int)bench_root_programs(root), "counters",
				root->counters, "instructions", "ns", "kernel", kernel);

	if (root->extra)
		json_object_set_new(row, "with", json_string(bench_extra_name(root->extra)));
	bench_sort(samples, b->settings.trials);
	if (b->settings.has_instruction_clock) {
		json_object_set_new(row, "instructions", json_integer((json_int_t)samples[0]));
		return row;
	}
	json_object_set_new(row, "ns", bench_number(samples[b->settings.trials / 2], 100));
	json_object_set_new(row, "ns_min", bench_number(samples[0], 100));
	return row;
}

/* Which list a row belongs to: rows are chains without gaps of the trivial program. */
static const char *choose_list(const struct bench_root *root)
{
	if (root->extra)
		return "extras";
	if (strcmp(root->program, "trivial"))
		return root->program;
	return root->slots == SPREAD ? "spread" : "rows";
}

static int print_results(struct bench *b)
{
	struct utsname host;
	json_t *all = json_pack("{s:[], s:[], s:[], s:[], s:O}", "rows", "spread", "varied",
				"extras", "left_out", b->left_out);

	uname(&host);
	for (size_t i = 0; i < b->count; i++)
		json_array_append_new(json_object_get(all, choose_list(&b->roots[i])),
				      make_row(b, i, host.release));
	return bench_print(&b->settings, all);
}

int main(int argc, char **argv)
{
	static struct bench b = { .settings = { .repeat = 200000, .trials = 21 }, .link_fd = -1 };
	int err;

	if (bench_settings_parse(argc, argv, &b.settings))
		return 2;
	b.left_out = json_array();
	err = bench_bed_open(&b.ifindex);
	if (!err)
		err = bench_cpu_pin();
	if (err)
		return 1;
	choose_roots(&b);
	err = load_roots(&b);
	if (!err)
		err = measure(&b);
	if (!err)
		err = print_results(&b);
	return err ? 1 : 0;
}
