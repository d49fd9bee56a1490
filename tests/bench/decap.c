/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet pays for being taken out of its tunnel, in XDP and in TC. One JSON object
 * on stdout; see docs/benchmarks.md.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/course.h"
#include "tests/bench/parts/decap_restore_abi.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/decap_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define TRIALS_MAX 100

static void no_tunnel(struct packet *p)
{
	decap_start4(p);
	packet_eth(p);
}

/* Within one family, or putting a packet back would cost more than taking it out. */
static const struct kind {
	const char *name;
	void (*build)(struct packet *p);
	unsigned int outer_len;
} kinds[] = {
	{ "ip4_in_ip4", decap_ip4_in_ip4, 20 },
	{ "ip6_in_ip6", decap_ip6_in_ip6, 40 },
	{ "gue4_in_ip4", decap_gue4_in_ip4, 28 },
	{ "gue6_in_ip6", decap_gue6_in_ip6, 48 },
	{ "no_tunnel", no_tunnel, 0 },
};

enum path {
	PATH_XDP,
	PATH_TC,
	PATHS,
};

static const struct path_names {
	const char *name, *object, *program, *restore, *pass, *cut, *progs;
	unsigned int verdict;
} paths[PATHS] = {
	{ "xdp", "bpf/decap.bpf.o", "decap", "restore_xdp", "pass_xdp", "cut_xdp", "progs_xdp",
	  XDP_PASS },
	{ "tc", "bpf/tc_decap.bpf.o", "tc_decap", "restore_tc", "pass_tc", "cut_tc", "progs_tc",
	  (unsigned int)TC_ACT_UNSPEC },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct bench {
	struct bench_settings settings;
	struct bpf_object *restore;
	struct bpf_object *tested[PATHS];
	double ns[PATHS][KINDS][DECAP_BENCH_TARGETS][TRIALS_MAX];
};

static int set_program(const struct bench *b, const char *map, __u32 target, int fd)
{
	int map_fd = bpf_object__find_map_fd_by_name(b->restore, map);

	return fd < 0 ? -ENOENT : bpf_map_update_elem(map_fd, &target, &fd, BPF_ANY);
}

static int open_path(struct bench *b, enum path path)
{
	const struct path_names *names = &paths[path];
	struct decap_maps maps;
	int err;

	b->tested[path] = progrun_open(names->object);
	if (!b->tested[path])
		return -errno;
	decap_case_load(b->tested[path]);
	maps = decap_case_maps(b->tested[path]);
	decap_case_set(&maps, "gue-port=6080");
	err = set_program(b, names->progs, DECAP_BENCH_PASS, progrun_fd(b->restore, names->pass));
	err = err ? err :
		    set_program(b, names->progs, DECAP_BENCH_CUT,
				progrun_fd(b->restore, names->cut));
	return err ? err :
		     set_program(b, names->progs, DECAP_BENCH_TESTED,
				 progrun_fd(b->tested[path], names->program));
}

/* A program that is not attached is called through a retpoline. */
static int open_bench(void *bench, unsigned int ifindex)
{
	struct bench *b = bench;
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int err = 0, link_fd;

	b->restore = progrun_open("tests/bench/progs/decap_restore.bpf.o");
	if (!b->restore)
		return -errno;
	err = bpf_object__load(b->restore);
	for (int path = 0; !err && path < PATHS; path++)
		err = open_path(b, (enum path)path);
	if (err)
		return err;
	link_fd = bpf_link_create(progrun_fd(b->restore, "restore_xdp"), (int)ifindex, BPF_XDP,
				  &opts);
	return link_fd < 0 ? link_fd : 0;
}

/* @ret_ns: of one packet. -EBADMSG: it did not become what it has to. */
static int run(struct bench *b, enum path path, const struct kind *kind, __u32 target,
	       double *ret_ns)
{
	unsigned char out[PACKET_SIZE_MAX];
	struct decap_bench_state state = { .target = target, .outer_len = kind->outer_len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)b->settings.repeat, .data_out = out,
		    .data_size_out = sizeof(out));
	struct packet p;
	__u32 zero = 0;
	double start;
	int err;

	kind->build(&p);
	/* All headers are in front of what is put back, and that in front of the end. */
	packet_pad(&p, 128);
	state.len = (__u32)p.len;
	memcpy(state.head, packet_bytes(&p), sizeof(state.head));
	err = bpf_map_update_elem(bpf_object__find_map_fd_by_name(b->restore, "restore_state"),
				  &zero, &state, BPF_ANY);
	if (err)
		return err;
	opts.data_in = packet_bytes(&p);
	opts.data_size_in = (__u32)p.len;
	start = bench_clock_ns();
	err = bpf_prog_test_run_opts(progrun_fd(b->restore, paths[path].restore), &opts);
	*ret_ns = (bench_clock_ns() - start) / b->settings.repeat;
	if (err)
		return err;
	if (opts.retval != paths[path].verdict ||
	    opts.data_size_out != p.len - (target == DECAP_BENCH_PASS ? 0 : kind->outer_len))
		return -EBADMSG;
	return 0;
}

static int measure_round(void *bench, unsigned int trial)
{
	struct bench *b = bench;

	for (int path = 0; path < PATHS; path++) {
		for (size_t i = 0; i < KINDS; i++) {
			if (!bench_settings_want(&b->settings, kinds[i].name))
				continue;
			for (__u32 target = 0; target < DECAP_BENCH_TARGETS; target++) {
				double *ns = &b->ns[path][i][target][trial];
				int err;

				*ns = 0;
				if (target == DECAP_BENCH_CUT && !kinds[i].outer_len)
					continue;
				err = run(b, (enum path)path, &kinds[i], target, ns);
				if (err) {
					fprintf(stderr, "decap: %s, %s, %u: %s\n", paths[path].name,
						kinds[i].name, target, strerror(-err));
					return err;
				}
			}
		}
	}
	return 0;
}

/*
 * Of the packet's way alone: a run less the pass, which puts the head back too, and less
 * half of what cutting and growing again costs, the growing.
 */
static json_t *make_row(struct bench *b, enum path path, size_t i)
{
	unsigned int trials = b->settings.trials;
	double pass = bench_least(b->ns[path][i][DECAP_BENCH_PASS], trials);
	double cut = bench_least(b->ns[path][i][DECAP_BENCH_CUT], trials);
	double tested = bench_least(b->ns[path][i][DECAP_BENCH_TESTED], trials);
	double growing = cut > 0 ? (cut - pass) / 2 : 0;

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "path", paths[path].name, "kind",
			 kinds[i].name, "ns", bench_number(tested - pass - growing, 10), "pass_ns",
			 bench_number(pass, 10), "cut_ns", bench_number(growing, 10));
}

static json_t *make_results(void *bench)
{
	struct bench *b = bench;
	json_t *rows = json_array();

	for (int path = 0; path < PATHS; path++)
		for (size_t i = 0; i < KINDS; i++)
			if (bench_settings_want(&b->settings, kinds[i].name))
				json_array_append_new(rows, make_row(b, (enum path)path, i));
	return json_pack("{s:o}", "rows", rows);
}

int main(int argc, char **argv)
{
	static const struct bench_course course = { "decap", open_bench, measure_round,
						    make_results };
	static struct bench b = {
		.settings = { .repeat = 100000, .trials = 25, .trials_max = TRIALS_MAX }
	};

	return bench_course_run(&course, &b, &b.settings, argc, argv);
}
