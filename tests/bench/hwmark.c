/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet pays that the device marked, and one that it did not, through hwmark and lb
 * in a chain. One JSON object on stdout; see docs/benchmarks.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "programs/hwmark/hwmark_abi.h"
#include "programs/lb/ring/lb_ring.h"
#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/course.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/remark_abi.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/chainrun.h"
#include "tests/support/lb_case.h"

#define FLOWS_MAX 1000000
#define REALS 64
#define VIP "203.0.113.1"
#define CLIENT "198.18.0.0"
#define ROWS 12
#define TCP_ACK 0x10
#define ALL_NEW_FLOWS 0xffffffffU

/* What is behind the slot that makes the packets. */
enum bed_chain {
	CHAIN_STUB, /* as much as anybody who encapsulates has to do */
	CHAIN_LB,   /* alone */
	CHAIN_FLOW, /* hwmark, by flows, and lb */
	CHAIN_DESTINATION,
	CHAINS,
};

struct row {
	const char *mode;
	enum remark_kind kind;
	enum bed_chain chain;
	unsigned int flows;
	__u32 flow;	/* the next packet's: runs go on where the last one ended */
	double *tested; /* by trial */
	double *stub;
};

struct bench {
	struct bench_settings settings;
	struct lb_case lb;
	struct chainrun chains[CHAINS];
	struct row rows[ROWS];
	unsigned int count;
	unsigned int ifindex;
	int link_fd;
};

/* --- the chains ------------------------------------------------------------------------------ */

static int fill_lb(struct lb_case *lb)
{
	struct lb_ring_real reals[REALS] = {};
	__u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring)), i;
	struct lb_case_vip vip = {
		.addr = VIP, .port = 80, .proto = IPPROTO_TCP, .vip = { .has_ring = 1 }
	};
	char text[INET_ADDRSTRLEN];

	lb_case_open(lb);
	lb_case_load(lb, NULL);
	lb->control.new_flows_max = ALL_NEW_FLOWS;
	for (i = 0; i < REALS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		lb_case_real(lb, 1 + i, text, 0);
		reals[i].addr[15] = (__u8)i;
		reals[i].is_ip6 = true;
		reals[i].weight = 1;
		reals[i].index = 1 + i;
	}
	if (!ring || lb_ring_build(LB_MAGLEV2, reals, REALS, ring))
		return -ENOMEM;
	lb_case_ring(lb, 0, 0, ring);
	lb_case_vip(lb, &vip);
	free(ring);
	return 0;
}

/* A slot that works with the maps that fill_lb() filled. */
static int add_slot(struct bench *b, struct chainrun *chain, unsigned int slot, const char *program,
		    const char *settings)
{
	int err = chainrun_add(chain, slot, program, settings);

	if (!err)
		chainrun_share(chain, slot, b->lb.object);
	return err;
}

static int add_slots(struct bench *b, struct chainrun *chain, enum bed_chain which)
{
	static const char *const settings[CHAINS] = {
		/* A million flows are each slower here than the slowest that anybody marks. */
		[CHAIN_FLOW] = "mode=flow marks=1000001 refresh=1000000",
		[CHAIN_DESTINATION] = "mode=destination marks=65536",
	};
	int err;

	if (which == CHAIN_STUB)
		return chainrun_add(chain, 1, "tests/bench/progs/grow", NULL);
	if (which == CHAIN_LB)
		return add_slot(b, chain, 1, "bpf/lb", NULL);
	err = add_slot(b, chain, 1, "bpf/hwmark", settings[which]);
	return err ? err : add_slot(b, chain, 2, "bpf/lb", NULL);
}

static int open_chain(struct bench *b, enum bed_chain which)
{
	struct chainrun *chain = &b->chains[which];
	int err;

	chainrun_start(chain, &slot_engines_fused[ROOT_KIND_XDP]);
	err = chainrun_add(chain, 0, "tests/bench/progs/remark", NULL);
	err = err ? err : add_slots(b, chain, which);
	if (!err)
		err = chainrun_build(chain);
	if (err)
		fprintf(stderr, "hwmark: %s\n", chain->why.text);
	return err;
}

static int find_map(const struct bench *b, enum bed_chain which, unsigned int slot,
		    const char *name)
{
	return bpf_object__find_map_fd_by_name(b->chains[which].build.programs[slot]->object, name);
}

/* --- entries --------------------------------------------------------------------------------- */

static struct hwmark_entry make_entry(const struct lb_case *lb, __u32 number)
{
	struct hwmark_entry entry = { .real = 1 + number % REALS,
				      .proto = IPPROTO_TCP,
				      .encap = LB_IPIP,
				      .sport = htons(31337),
				      .dport = htons(80),
				      .refreshed = (__u32)((__u64)bench_clock_ns() >> 30) };
	__u32 zero = 0, client;

	bpf_map_lookup_elem(lb_case_map(lb, LB_GENERATION_NAME), &zero, &entry.generation);
	inet_pton(AF_INET, VIP, entry.dst);
	inet_pton(AF_INET, CLIENT, &client);
	entry.src[0] = htonl(ntohl(client) + number);
	return entry;
}

static int fill_entries(struct bench *b)
{
	int flows = find_map(b, CHAIN_FLOW, 1, HWMARK_ENTRIES_NAME), err = 0;
	int reals = find_map(b, CHAIN_DESTINATION, 1, HWMARK_ENTRIES_NAME);
	__u32 i, mark;

	for (i = 0; !err && i < FLOWS_MAX; i++) {
		struct hwmark_entry entry = make_entry(&b->lb, i);

		mark = i + 1;
		err = bpf_map_update_elem(flows, &mark, &entry, BPF_ANY);
		if (!err && i < REALS)
			err = bpf_map_update_elem(reals, &mark, &entry, BPF_ANY);
	}
	return err;
}

/* --- runs ------------------------------------------------------------------------------------ */

static void build_packet(struct packet *p)
{
	struct packet_ip4 ip = { .src = CLIENT, .dst = VIP };
	unsigned char payload[32] = {};

	packet_start(p, payload, sizeof(payload));
	packet_tcp(p, 31337, 80, TCP_ACK);
	packet_ip4(p, &ip);
	packet_eth(p);
}

/* About the golden section of all: the flows of packets one behind the other are far apart. */
static __u32 choose_step(__u32 flows)
{
	__u32 step = (__u32)(flows * 0.618);

	while (step % 2 == 0 || step % 5 == 0)
		step++;
	return step;
}

static int set_state(const struct bench *b, const struct row *row, enum bed_chain chain,
		     struct packet *p)
{
	struct remark_state state = { .kind = row->kind,
				      .len = (__u32)p->len,
				      .flows = row->flows,
				      .step = choose_step(row->flows),
				      .flow = row->flow,
				      .reals = REALS };
	__u32 zero = 0;

	inet_pton(AF_INET, CLIENT, &state.client);
	memcpy(state.head, packet_bytes(p), sizeof(state.head));
	return bpf_map_update_elem(find_map(b, chain, 0, "remark_state"), &zero, &state, BPF_ANY);
}

static int get_flow(const struct bench *b, enum bed_chain chain, __u32 *ret_flow)
{
	struct remark_state state;
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(find_map(b, chain, 0, "remark_state"), &zero, &state);

	*ret_flow = state.flow;
	return err;
}

/* @repeat packets; what each took, ns. */
static int run_row(struct bench *b, struct row *row, enum bed_chain chain, unsigned int repeat,
		   double *ret_ns)
{
	struct xdp_md ctx = { .data = sizeof(struct hwmark_meta) };
	unsigned char in[PACKET_SIZE_MAX] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)repeat, .data_in = in, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	struct packet p;
	double start;
	int err;

	build_packet(&p);
	memcpy(in + ctx.data, packet_bytes(&p), p.len);
	opts.data_size_in = ctx.data_end = (__u32)(ctx.data + p.len);
	err = set_state(b, row, chain, &p);
	if (!err)
		err = bench_attach(b->ifindex, b->chains[chain].root_fd, &b->link_fd);
	if (err)
		return err;
	start = bench_clock_ns();
	err = bpf_prog_test_run_opts(b->chains[chain].root_fd, &opts);
	*ret_ns = (bench_clock_ns() - start) / repeat;
	if (!err && b->settings.has_instruction_clock)
		*ret_ns = opts.duration;
	if (!err)
		err = get_flow(b, chain, &row->flow);
	if (err)
		return err;
	return opts.retval == XDP_TX ? 0 : -EBADMSG;
}

static __u64 count_sent(const struct bench *b, const struct row *row)
{
	int cpus = libbpf_num_possible_cpus(), i;
	struct hwmark_counts counts[cpus];
	__u32 zero = 0;
	__u64 sum = 0;

	if (row->chain == CHAIN_LB)
		return 0;
	bpf_map_lookup_elem(find_map(b, row->chain, 1, HWMARK_COUNTS_NAME), &zero, counts);
	for (i = 0; i < cpus; i++)
		sum += counts[i].count[HWMARK_SENT4];
	return sum;
}

/* Whether marks do what the row says: nearly all of its packets are sent by them, or none. */
static int check_row(struct bench *b, struct row *row)
{
	unsigned int repeat = row->flows < 1000 ? 1000 : row->flows;
	__u64 before = count_sent(b, row), sent;
	double ignored;
	int err = run_row(b, row, row->chain, repeat, &ignored);

	sent = count_sent(b, row) - before;
	if (err)
		return err;
	if (row->kind == REMARK_NONE ? sent > 0 : sent < repeat / 100 * 95)
		return -EBADMSG;
	return 0;
}

static int add_row(struct bench *b, const struct row *kind, unsigned int flows)
{
	struct row row = *kind;

	row.flows = flows;
	row.tested = calloc(b->settings.trials, sizeof(double));
	row.stub = calloc(b->settings.trials, sizeof(double));
	if (!row.tested || !row.stub)
		return -ENOMEM;
	if (flows > b->settings.size_max || !bench_settings_want(&b->settings, row.mode))
		return 0;
	b->rows[b->count++] = row;
	return check_row(b, &row);
}

static int open_bench(void *bench, unsigned int ifindex)
{
	static const unsigned int flows[] = { 100, 10000, FLOWS_MAX };
	static const struct row kinds[] = {
		{ .mode = "lb", .kind = REMARK_NONE, .chain = CHAIN_LB },
		{ .mode = "unmarked", .kind = REMARK_NONE, .chain = CHAIN_FLOW },
		{ .mode = "flow", .kind = REMARK_FLOW, .chain = CHAIN_FLOW },
		{ .mode = "destination", .kind = REMARK_DESTINATION, .chain = CHAIN_DESTINATION },
	};
	struct bench *b = bench;
	int err;

	b->ifindex = ifindex;
	b->link_fd = -1;
	err = fill_lb(&b->lb);
	for (enum bed_chain i = 0; !err && i < CHAINS; i++)
		err = open_chain(b, i);
	if (!err)
		err = fill_entries(b);
	for (size_t i = 0; !err && i < ROWS; i++)
		err = add_row(b, &kinds[i % 4], flows[i / 4]);
	return err;
}

/*
 * Other rows took the caches since. Of few flows all come back first; of many, which no cache
 * holds, other ones come each time.
 */
static int measure_row(struct bench *b, struct row *row, unsigned int trial)
{
	unsigned int repeat = b->settings.repeat;
	unsigned int warm_up = row->flows < repeat ? row->flows + repeat / 5 : repeat / 5;
	double ignored;
	int err = run_row(b, row, row->chain, warm_up, &ignored);

	if (!err)
		err = run_row(b, row, row->chain, repeat, &row->tested[trial]);
	return err ? err : run_row(b, row, CHAIN_STUB, repeat, &row->stub[trial]);
}

static int measure_round(void *bench, unsigned int trial)
{
	struct bench *b = bench;
	int err = 0;

	for (unsigned int i = 0; !err && i < b->count; i++)
		err = measure_row(b, &b->rows[i], trial);
	return err;
}

/* The whole is what the chain took with the slot that makes the packets. */
static json_t *make_row(const struct bench *b, const struct row *row)
{
	unsigned int trials = b->settings.trials, i;
	double stub = bench_least(row->stub, trials), whole = bench_least(row->tested, trials);
	json_t *out = json_pack("{s:s, s:i}", "mode", row->mode, "flows", (int)row->flows);
	double above[trials];

	if (b->settings.has_instruction_clock) {
		json_object_set_new(out, "instructions", json_integer((json_int_t)(whole - stub)));
		json_object_set_new(out, "whole", json_integer((json_int_t)whole));
		return out;
	}
	for (i = 0; i < trials; i++)
		above[i] = row->tested[i] - row->stub[i];
	bench_sort(above, trials);
	bench_sort(row->tested, trials);
	json_object_set_new(out, "ns", bench_number(above[trials / 2], 10));
	json_object_set_new(out, "ns_min", bench_number(whole - stub, 10));
	json_object_set_new(out, "whole_ns", bench_number(row->tested[trials / 2], 10));
	json_object_set_new(out, "whole_ns_min", bench_number(whole, 10));
	json_object_set_new(out, "stub_ns_min", bench_number(stub, 10));
	return out;
}

static json_t *make_results(void *bench)
{
	const struct bench *b = bench;
	json_t *rows = json_array();

	for (unsigned int i = 0; i < b->count; i++)
		json_array_append_new(rows, make_row(b, &b->rows[i]));
	return json_pack("{s:o}", "rows", rows);
}

int main(int argc, char **argv)
{
	static const struct bench_course course = { "hwmark", open_bench, measure_round,
						    make_results };
	static struct bench b = { .settings = {
					  .repeat = 20000, .trials = 101, .size_max = FLOWS_MAX } };

	return bench_course_run(&course, &b, &b.settings, argc, argv);
}
