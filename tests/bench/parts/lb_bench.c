/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/lb_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/ring/lb_ring.h"
#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/clock.h"
#include "tests/support/progrun.h"

#define TCP_SYN 0x02
#define TCP_ACK 0x10

#define CLIENT4 "198.18.0.0"
#define CLIENT6 "2001:db8:18::"
#define CLIENT4_AT 26 /* in the frame: the last word of the source address */
#define CLIENT6_AT 34
#define SERVER_ID 1022
#define CHECK_RUNS 1000
#define ALL_NEW_FLOWS 0xffffffffU

const struct lb_bench_case lb_bench_cases[] = {
	{ .name = "v4 hit",
	  .flows = 1,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_ACK,
	  .port = 80,
	  .counted = { LB_TABLE_PACKETS, LB_SENT4 },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_PACKETS } },
	{ .name = "v4 hit, 65,536 flows",
	  .flows = 65536,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_ACK,
	  .port = 80,
	  .counted = { LB_TABLE_PACKETS, LB_SENT4 },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_PACKETS } },
	{ .name = "v4 new",
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_SYN,
	  .port = 80,
	  .counted = { LB_MISSES_SYN, LB_SENT4 },
	  .not_counted = { LB_FLOODED, LB_TABLE_PACKETS } },
	{ .name = "v4 SYN of one flow",
	  .flows = 1,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_SYN,
	  .port = 80,
	  .counted = { LB_MISSES_SYN, LB_SENT4 },
	  .not_counted = { LB_FLOODED, LB_TABLE_PACKETS } },
	{ .name = "v4 SYN flood",
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_SYN,
	  .port = 80,
	  .is_flood = true,
	  .counted = { LB_FLOODED, LB_SENT4 },
	  .not_counted = { LB_SENT6, LB_TABLE_PACKETS } },
	{ .name = "v4 UDP hit",
	  .flows = 1,
	  .proto = IPPROTO_UDP,
	  .port = 53,
	  .counted = { LB_TABLE_PACKETS, LB_TABLE_PACKETS },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_MISSES } },
	{ .name = "v4 QUIC by id",
	  .flows = 1,
	  .proto = IPPROTO_UDP,
	  .port = 443,
	  .is_quic = true,
	  .counted = { LB_QUIC_BY_ID, LB_QUIC_BY_ID },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_MISSES } },
	{ .name = "v4 not a VIP",
	  .flows = 1,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_ACK,
	  .port = 0,
	  .counted = { LB_NOT_A_VIP, LB_NOT_A_VIP },
	  .not_counted = { LB_SENT4, LB_SENT4 } },
	{ .name = "v4 hit, v6 real",
	  .flows = 1,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_ACK,
	  .port = 80,
	  .is_to_ip6 = true,
	  .counted = { LB_TABLE_PACKETS, LB_SENT6 },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_PACKETS } },
	{ .name = "v6 hit",
	  .flows = 1,
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_ACK,
	  .port = 80,
	  .is_ip6 = true,
	  .counted = { LB_TABLE_PACKETS, LB_SENT6 },
	  .not_counted = { LB_TABLE_MISSES, LB_TABLE_PACKETS } },
	{ .name = "v6 new",
	  .proto = IPPROTO_TCP,
	  .tcp_flags = TCP_SYN,
	  .port = 80,
	  .is_ip6 = true,
	  .counted = { LB_MISSES_SYN, LB_SENT6 },
	  .not_counted = { LB_FLOODED, LB_TABLE_PACKETS } },
};
const size_t lb_bench_case_count = sizeof(lb_bench_cases) / sizeof(*lb_bench_cases);

/* What is rewritten stays of its family. */
bool lb_bench_has(const struct lb_bench_row *row)
{
	return row->encap != LB_REWRITE || !row->kind->is_to_ip6;
}

/* --- VIPs and reals -------------------------------------------------------------------------- */

/*
 * VIPs have rings of their own, by encapsulation, table, and the family of their reals: 16
 * of them, and so many are what the program has room for to know their entries.
 */
static __u32 vip_number(const struct lb_bench_row *row)
{
	__u32 family = row->kind->is_ip6 ? 2 : row->kind->is_to_ip6;

	if (row->encap == LB_REWRITE)
		return 12 + (__u32)row->table * 2 + row->kind->is_ip6;
	return ((__u32)row->encap * LB_TABLES + (__u32)row->table) * 3 + family;
}

/* The address of the VIPs of a row; a port that none has makes it no VIP's. */
static const char *vip_address(const struct lb_bench_row *row)
{
	static char text[INET6_ADDRSTRLEN];
	__u32 last = row->kind->port ? 1 + vip_number(row) : 254;

	if (row->kind->is_ip6)
		snprintf(text, sizeof(text), "2001:db8:113::%x", last);
	else
		snprintf(text, sizeof(text), "203.0.113.%u", last);
	return text;
}

static void build_ring(const struct lb_case *lb, __u32 number, bool is_ip6)
{
	struct lb_ring_real reals[LB_BENCH_REALS] = {};
	__u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring)), i;

	for (i = 0; i < LB_BENCH_REALS; i++) {
		reals[i].addr[15] = (__u8)i;
		reals[i].is_ip6 = true;
		reals[i].weight = 1;
		reals[i].index = 1 + i + is_ip6 * LB_BENCH_REALS;
	}
	if (!ring || lb_ring_build(LB_MAGLEV2, reals, LB_BENCH_REALS, ring))
		abort();
	lb_case_ring(lb, number, 0, ring);
	free(ring);
}

static void add_vip(struct lb_case *lb, const struct lb_bench_row *row)
{
	const struct lb_bench_case *kind = row->kind;
	__u32 number = vip_number(row);
	struct lb_case_vip spec = { .addr = vip_address(row),
				    .port = kind->port,
				    .proto = kind->proto,
				    .vip = { .number = number,
					     .flags = kind->is_quic ? LB_QUIC : 0,
					     .encap = (__u8)row->encap,
					     .table = (__u8)row->table,
					     .has_ring = 1 } };

	if (!kind->port)
		return;
	build_ring(lb, number, kind->is_ip6 || kind->is_to_ip6);
	lb_case_vip(lb, &spec);
}

static void add_vips(struct lb_case *lb)
{
	static const enum lb_encap encaps[] = { LB_IPIP, LB_GUE, LB_REWRITE };
	struct lb_bench_row row = {};
	size_t i, way;

	for (i = 0; i < lb_bench_case_count; i++) {
		row.kind = &lb_bench_cases[i];
		for (way = 0; way < LB_TABLES * sizeof(encaps) / sizeof(*encaps); way++) {
			row.encap = encaps[way / LB_TABLES];
			row.table = (enum lb_table)(way % LB_TABLES);
			if (lb_bench_has(&row))
				add_vip(lb, &row);
		}
	}
}

static void add_reals(const struct lb_case *lb)
{
	char text[INET6_ADDRSTRLEN];
	__u32 i;

	for (i = 0; i < LB_BENCH_REALS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		lb_case_real(lb, 1 + i, text, 0);
		snprintf(text, sizeof(text), "2001:db8:2::%x", i + 1);
		lb_case_real(lb, 1 + LB_BENCH_REALS + i, text, 0);
	}
}

static int add_server(const struct lb_case *lb)
{
	__u32 id = SERVER_ID, index = 7;

	return bpf_map_update_elem(lb_case_map(lb, LB_SERVER_IDS_NAME), &id, &index, BPF_ANY);
}

/* --- packets --------------------------------------------------------------------------------- */

static void build_payload(struct packet *p, const struct lb_bench_case *kind)
{
	/* A short header, and version 1 of the ids. */
	unsigned char payload[32] = { 0x40, 1 << 6 | SERVER_ID >> 10, SERVER_ID >> 2 & 0xff,
				      (SERVER_ID & 3) << 6 };

	if (!kind->is_quic)
		memset(payload, 0, sizeof(payload));
	packet_start(p, payload, sizeof(payload));
}

static void build_packet(struct packet *p, const struct lb_bench_row *row)
{
	const struct lb_bench_case *kind = row->kind;
	struct packet_ip4 ip4 = { .src = CLIENT4, .dst = vip_address(row) };
	struct packet_ip6 ip6 = { .src = CLIENT6, .dst = vip_address(row) };
	__u16 port = kind->port ? kind->port : 80;

	build_payload(p, kind);
	if (kind->proto == IPPROTO_TCP)
		packet_tcp(p, 31337, port, kind->tcp_flags);
	else
		packet_udp(p, 31337, port);
	if (kind->is_ip6)
		packet_ip6(p, &ip6);
	else
		packet_ip4(p, &ip4);
	packet_eth(p);
}

/* --- runs ------------------------------------------------------------------------------------ */

static int set_program(int map_fd, __u32 target, const struct bpf_object *object, const char *name)
{
	int fd = progrun_fd(object, name);

	return fd < 0 ? fd : bpf_map_update_elem(map_fd, &target, &fd, BPF_ANY);
}

static int open_restore(struct lb_bench *bench)
{
	int err, map_fd;
	__u32 i;

	bench->restore = progrun_open("tests/bench/progs/restore.bpf.o");
	if (!bench->restore)
		return -errno;
	err = bpf_object__load(bench->restore);
	if (err)
		return err;
	map_fd = bpf_object__find_map_fd_by_name(bench->restore, "restore_progs");
	err = set_program(map_fd, RESTORE_STAY, bench->restore, "restore_stay");
	if (!err)
		err = set_program(map_fd, RESTORE_GROW, bench->restore, "restore_grow");
	for (i = 0; !err && i < LB_HASHES; i++)
		err = set_program(map_fd, RESTORE_TESTED + i, bench->lbs[i].object, "lb");
	return err;
}

int lb_bench_open(struct lb_bench *bench, unsigned int ifindex)
{
	struct lb_config config = { .tcp_option_kind = 0xb7, .mtu = 1500 };
	int err = 0, link_fd = -1;
	__u32 i;

	_Static_assert(RESTORE_TARGETS == RESTORE_TESTED + LB_HASHES, "a target for each hash");
	for (i = 0; !err && i < LB_HASHES; i++) {
		config.hash = (enum lb_hash)i;
		lb_case_open(&bench->lbs[i]);
		lb_case_load(&bench->lbs[i], &config);
		bench->lbs[i].control.new_flows_max = ALL_NEW_FLOWS;
		lb_case_control(&bench->lbs[i]);
		add_reals(&bench->lbs[i]);
		add_vips(&bench->lbs[i]);
		err = add_server(&bench->lbs[i]);
	}
	if (!err)
		err = open_restore(bench);
	return err ? err : bench_attach(ifindex, progrun_fd(bench->restore, "restore"), &link_fd);
}

static void set_flood(struct lb_bench *bench, bool is_flood)
{
	int i;

	if (bench->is_flood == is_flood)
		return;
	for (i = 0; i < LB_HASHES; i++) {
		bench->lbs[i].control.new_flows_max = is_flood ? 0 : ALL_NEW_FLOWS;
		lb_case_control(&bench->lbs[i]);
	}
	bench->is_flood = is_flood;
}

static __u32 choose_target(const struct lb_bench_row *row, bool is_tested)
{
	if (is_tested)
		return RESTORE_TESTED + row->hash;
	return row->kind->port && row->encap != LB_REWRITE ? RESTORE_GROW : RESTORE_STAY;
}

static __u32 choose_verdict(const struct lb_bench_row *row, bool is_tested)
{
	__u32 target = choose_target(row, is_tested);

	return target == RESTORE_STAY || !row->kind->port ? XDP_PASS : XDP_TX;
}

static int set_state(const struct lb_bench *bench, const struct lb_bench_row *row, bool is_tested,
		     struct packet *p)
{
	struct restore_state state = {
		.target = choose_target(row, is_tested),
		.len = (__u32)p->len,
		.vary_at = row->kind->is_ip6 ? CLIENT6_AT : CLIENT4_AT,
		.mask = row->kind->flows ? row->kind->flows - 1 : ~0U,
		.runs = row->runs,
	};
	__u32 zero = 0;

	memcpy(state.head, packet_bytes(p), sizeof(state.head));
	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(bench->restore, "restore_state"),
				   &zero, &state, BPF_ANY);
}

int lb_bench_run(struct lb_bench *bench, struct lb_bench_row *row, bool is_tested,
		 unsigned int repeat, double *ret_took, double *ret_each)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)repeat);
	struct packet p;
	double start;
	int err;

	build_packet(&p, row);
	set_flood(bench, row->kind->is_flood);
	err = set_state(bench, row, is_tested, &p);
	if (err)
		return err;
	opts.data_in = packet_bytes(&p);
	opts.data_size_in = (__u32)p.len;
	start = bench_clock_ns();
	err = bpf_prog_test_run_opts(progrun_fd(bench->restore, "restore"), &opts);
	*ret_took = bench_clock_ns() - start;
	if (err)
		return err;
	*ret_each = opts.duration;
	row->runs += is_tested ? repeat : 0;
	return opts.retval == choose_verdict(row, is_tested) ? 0 : -EBADMSG;
}

bool lb_bench_check(struct lb_bench *bench, struct lb_bench_row *row)
{
	const struct lb_case *lb = &bench->lbs[row->hash];
	enum lb_counter counted = row->kind->counted[row->table];
	enum lb_counter not_counted = row->kind->not_counted[row->table];
	unsigned int repeat = row->kind->flows > CHECK_RUNS ? row->kind->flows : CHECK_RUNS;
	double ignored;
	__u64 before, not_before;

	/* Once for the table to know the flows, where there are any that it can know. */
	if (lb_bench_run(bench, row, true, repeat, &ignored, &ignored))
		return false;
	before = lb_case_count(lb, counted);
	not_before = lb_case_count(lb, not_counted);
	if (lb_bench_run(bench, row, true, repeat, &ignored, &ignored))
		return false;
	/*
	 * Of many flows some share a bucket that has no room for all of them, and the
	 * interface sees a packet of its own now and then.
	 */
	return lb_case_count(lb, counted) - before - repeat <= repeat / 100 &&
	       lb_case_count(lb, not_counted) - not_before <= repeat / 100;
}
