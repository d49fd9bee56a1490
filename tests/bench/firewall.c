/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet pays for the firewall's ruleset by its size, beside nftables with the same
 * rules, and what loading it takes. One JSON object on stdout; see docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "loader/lib/program/settings.h"
#include "programs/firewall/maps/fw_bank.h"
#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/fw_nft.h"
#include "tests/bench/parts/fw_rules.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/progrun.h"

/* nft asks its rules one after the other: so many of them, over all packets of a kind. */
#define NFT_RULES_ASKED 3000000U
#define NFT_PACKETS 4
#define NFT_TRIALS 5
#define NFT_REPEAT_MIN 64U
#define NFT_REPEAT_MAX 20000U

#define SIZES_MAX 8

/* A ruleset, and a firewall that has it. */
struct size {
	struct fw_bench_rules rules;
	struct bpf_object *object;
	int prog_fd;
	double least[FW_BENCH_MATCHES][FW_BENCH_PACKETS];
};

struct bench {
	struct bench_settings settings;
	unsigned int ifindex;
	struct fw_nft nft;
	bool has_nft;
	int link_fd;
	struct size sizes[SIZES_MAX];
	int size_count;
	json_t *rows, *loads;
};

static json_t *make_ms(double ns)
{
	return bench_number(ns / 1e6, 10);
}

static int open_firewall(struct size *size)
{
	struct slot_setting setting = { .key = (char *)"rules_max" };
	const struct slot_settings settings = { .items = &setting, .count = 1 };
	struct slot_reason why = {};
	char number[24];
	int err;

	size->object = progrun_open("bpf/firewall.bpf.o");
	if (!size->object)
		return -ENOENT;
	snprintf(number, sizeof(number), "%zu", size->rules.entries.count * 4 / 3);
	setting.value = number;
	err = progrun_apply(size->object, &settings, &why);
	if (!err)
		err = bpf_object__load(size->object);
	size->prog_fd = progrun_fd(size->object, "firewall");
	return err;
}

static void get_maps(struct bpf_object *object, int fds[FW_MAP_COUNT])
{
	enum fw_map map;

	for (map = 0; map < FW_MAP_COUNT; map++)
		fds[map] = bpf_object__find_map_fd_by_name(object, fw_maps[map].name);
}

static int parse_rules(const struct fw_bench_rules *rules, struct fw_build *ret_build)
{
	struct slot_reasons errors = {};
	struct slot_reason why = {};
	struct fw_ruleset set = {};
	int err = fw_ruleset_parse("bench", rules->text, rules->text_len, &errors, &set);

	if (!err)
		err = fw_compile(&set, &why, ret_build);
	if (err)
		fprintf(stderr, "firewall: %s\n",
			why.text[0]  ? why.text :
			errors.count ? errors.lines[0] :
				       strerror(-err));
	slot_reasons_free(&errors);
	fw_ruleset_free(&set);
	return err;
}

static int load_rules(struct bench *b, const struct size *size)
{
	const struct fw_bench_rules *rules = &size->rules;
	double start = bench_clock_ns(), compiled_at;
	struct slot_reason why = {};
	struct fw_build build = {};
	int fds[FW_MAP_COUNT];
	int err = parse_rules(rules, &build);

	if (err)
		return err;
	get_maps(size->object, fds);
	compiled_at = bench_clock_ns();
	err = fw_bank_load(fds, &build, &why);
	if (err)
		fprintf(stderr, "firewall: %s\n", why.text);
	json_array_append_new(b->loads,
			      json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:I}", "implementation",
					"slotd", "rules", (json_int_t)rules->entries.count,
					"compile_ms", make_ms(compiled_at - start), "swap_ms",
					make_ms(bench_clock_ns() - compiled_at), "trees",
					(json_int_t)build.forest4.head.count, "nodes",
					(json_int_t)build.forest4.node_count, "items",
					(json_int_t)build.forest4.item_count));
	fw_build_free(&build);
	return err;
}

static int run_packet(const struct bench *b, int prog_fd, const struct fw_bench_packet *packet,
		      double *ret_ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes,
		    .data_size_in = (__u32)packet->len, .repeat = (int)b->settings.repeat);
	double start = bench_clock_ns();
	int err = bpf_prog_test_run_opts(prog_fd, &opts);
	double took = bench_clock_ns() - start;

	if (!err && opts.retval != XDP_PASS)
		return -EPROTO;
	/* Whole nanoseconds: exact where these are instructions, too coarse for real time. */
	*ret_ns = b->settings.has_instruction_clock ? opts.duration : took / b->settings.repeat;
	return err;
}

static void add_row(struct bench *b, const char *implementation, size_t rules,
		    enum fw_bench_match match, double ns)
{
	json_array_append_new(b->rows,
			      json_pack("{s:s, s:I, s:s, s:o}", "implementation", implementation,
					"rules", (json_int_t)rules, "match",
					fw_bench_match_names[match], "ns", bench_number(ns, 10)));
}

static int measure_size(struct bench *b, struct size *size, unsigned int trial)
{
	enum fw_bench_match match;
	double ns = 0;
	int i, err = bench_attach(b->ifindex, size->prog_fd, &b->link_fd);

	for (match = 0; match < FW_BENCH_MATCHES; match++) {
		for (i = 0; i < FW_BENCH_PACKETS && !err; i++) {
			double *least = &size->least[match][i];

			err = run_packet(b, size->prog_fd, &size->rules.packets[match][i], &ns);
			if (!trial || ns < *least)
				*least = ns;
		}
	}
	return err;
}

/* Of each packet its quietest trial, of a kind the mean. */
static void add_rows(struct bench *b, const struct size *size)
{
	enum fw_bench_match match;
	double sum;
	int i;

	for (match = 0; match < FW_BENCH_MATCHES; match++) {
		for (i = 0, sum = 0; i < FW_BENCH_PACKETS; i++)
			sum += size->least[match][i];
		add_row(b, "slotd", size->rules.entries.count, match, sum / FW_BENCH_PACKETS);
	}
}

/* A round goes through all sizes once, so that a slow moment of the machine hits all alike. */
static int bench_firewall(struct bench *b)
{
	unsigned int trial;
	int i, err = 0;

	for (i = 0; i < b->size_count && !err; i++) {
		err = open_firewall(&b->sizes[i]);
		if (!err)
			err = load_rules(b, &b->sizes[i]);
	}
	for (trial = 0; trial < b->settings.trials; trial++)
		for (i = 0; i < b->size_count && !err; i++)
			err = measure_size(b, &b->sizes[i], trial);
	for (i = 0; i < b->size_count && !err; i++) {
		add_rows(b, &b->sizes[i]);
		bpf_object__close(b->sizes[i].object);
	}
	if (b->link_fd >= 0)
		close(b->link_fd);
	return err;
}

static int run_nft_kind(struct bench *b, const struct fw_bench_rules *rules,
			enum fw_bench_match match, bool has_rules, double *ret_ns)
{
	unsigned int repeat = has_rules && match != FW_BENCH_FIRST ?
				      NFT_RULES_ASKED / (unsigned int)rules->entries.count :
				      NFT_REPEAT_MAX;
	double least = 0, sum = 0, ns = 0;
	unsigned int trial, i;
	int err = 0;

	repeat = repeat < NFT_REPEAT_MIN ? NFT_REPEAT_MIN :
		 repeat > NFT_REPEAT_MAX ? NFT_REPEAT_MAX :
					   repeat;
	for (i = 0; i < NFT_PACKETS; i++, sum += least)
		for (trial = 0; trial < NFT_TRIALS && !err; trial++) {
			err = fw_nft_run(&b->nft, &rules->packets[match][i], repeat, &ns);
			if (!trial || ns < least)
				least = ns;
		}
	*ret_ns = sum / NFT_PACKETS;
	return err;
}

/* What the stack takes without a chain of nft is not nft's. */
static int bench_nft(struct bench *b, const struct fw_bench_rules *rules)
{
	double bare[FW_BENCH_MATCHES], ns = 0, load_ms = 0;
	enum fw_bench_match match;
	int err = 0;

	fw_nft_clear();
	for (match = 0; match < FW_BENCH_MATCHES && !err; match++)
		err = run_nft_kind(b, rules, match, false, &bare[match]);
	if (!err)
		err = fw_nft_load(&b->nft, rules, &load_ms);
	for (match = 0; match < FW_BENCH_MATCHES && !err; match++) {
		err = run_nft_kind(b, rules, match, true, &ns);
		add_row(b, "nft", rules->entries.count, match, ns - bare[match]);
	}
	fw_nft_clear();
	if (!err)
		json_array_append_new(b->loads,
				      json_pack("{s:s, s:I, s:o}", "implementation", "nft", "rules",
						(json_int_t)rules->entries.count, "load_ms",
						bench_number(load_ms, 10)));
	return err;
}

static int make_sizes(struct bench *b)
{
	size_t count;
	int err = 0;

	for (count = 10; !err && count <= b->settings.size_max && b->size_count < SIZES_MAX;
	     count *= 10)
		err = fw_bench_rules_make(count, &b->sizes[b->size_count++].rules);
	return err;
}

static int print_results(const struct bench *b)
{
	struct utsname host;
	json_t *all;

	uname(&host);
	all = json_pack("{s:s, s:i, s:i, s:i, s:O, s:O}", "kernel", host.release, "repeat",
			(int)b->settings.repeat, "trials", (int)b->settings.trials, "packets",
			FW_BENCH_PACKETS, "rows", b->rows, "loads", b->loads);
	if (!all || json_dumpf(all, stdout, JSON_INDENT(1) | JSON_SORT_KEYS))
		return -EIO;
	putchar('\n');
	json_decref(all);
	return 0;
}

static int open_bed(struct bench *b)
{
	struct bpf_object *pass;
	int err = bench_bed_open(&b->ifindex);

	if (!err)
		err = bench_cpu_pin();
	if (err || !bench_settings_want(&b->settings, "nft"))
		return err;
	pass = progrun_open("bpf/pass.bpf.o");
	if (!pass || bpf_object__load(pass))
		return -ENOENT;
	b->nft = (struct fw_nft){ .ifindex = b->ifindex, .pass_fd = progrun_fd(pass, "pass") };
	b->has_nft = fw_nft_is_there(&b->nft);
	if (!b->has_nft)
		fputs("firewall: no nft here (package nftables, or the kernel has no chains at "
		      "devices): rows of slotd only\n",
		      stderr);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.settings = { .repeat = 20000, .trials = 15, .size_max = 100000 },
		.link_fd = -1,
	};
	int i, err;

	if (bench_settings_parse(argc, argv, &b.settings))
		return 2;
	b.rows = json_array();
	b.loads = json_array();
	err = open_bed(&b);
	if (!err)
		err = make_sizes(&b);
	if (!err && bench_settings_want(&b.settings, "slotd"))
		err = bench_firewall(&b);
	for (i = 0; i < b.size_count && !err && b.has_nft; i++)
		err = bench_nft(&b, &b.sizes[i].rules);
	if (!err)
		err = print_results(&b);
	if (err)
		fprintf(stderr, "firewall: %s\n", strerror(-err));
	return err ? 1 : 0;
}
