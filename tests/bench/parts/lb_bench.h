/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load balancer is measured on: its VIPs and reals, the packets, and who runs them. */
#ifndef BENCH_LB_BENCH_H
#define BENCH_LB_BENCH_H

#include <stdbool.h>

#include "programs/lb/lb_abi.h"
#include "tests/bench/parts/restore_abi.h"
#include "tests/support/lb_case.h"

#define LB_BENCH_REALS 100 /* of each family */

/* One kind of packets. */
struct lb_bench_case {
	const char *name;
	unsigned int flows; /* that packets are of, in turn; 0: each packet is of a new one */
	__u8 proto;
	__u8 tcp_flags;
	__u16 port;
	bool is_ip6;
	bool is_to_ip6; /* the reals are IPv6, the packets are not */
	bool is_flood;	/* more new flows than are remembered */
	bool is_quic;	/* the payload is QUIC's, with the id of a server */
	/* What has to count every packet, and what none, or the case is not what it says. */
	enum lb_counter counted[LB_TABLES];
	enum lb_counter not_counted[LB_TABLES];
};

extern const struct lb_bench_case lb_bench_cases[];
extern const size_t lb_bench_case_count;

/* A case in one of the ways to treat it. */
struct lb_bench_row {
	const struct lb_bench_case *kind;
	enum lb_encap encap;
	enum lb_hash hash;
	enum lb_table table;
	__u64 runs; /* so far: new flows are new in every run */
};

struct lb_bench {
	struct lb_case lbs[LB_HASHES];
	struct bpf_object *restore;
	bool is_flood; /* what the maps say at present */
};

/* lb_bench_has - whether the case can be treated in that way at all. */
bool lb_bench_has(const struct lb_bench_row *row);

/* lb_bench_open - all programs loaded, their maps filled; one of them attached to @ifindex. */
int lb_bench_open(struct lb_bench *bench, unsigned int ifindex);

/*
 * lb_bench_run - @repeat packets of @row, to the load balancer or, where not @is_tested,
 * to a stub. @ret_took is the time of the call, @ret_each what the kernel says
 * that a run took, ns. Returns 0 or -errno; -EBADMSG: a packet was not treated as it
 * must be.
 */
int lb_bench_run(struct lb_bench *bench, struct lb_bench_row *row, bool is_tested,
		 unsigned int repeat, double *ret_took, double *ret_each);

/* lb_bench_check - whether the row's packets go the way that its case names. */
bool lb_bench_check(struct lb_bench *bench, struct lb_bench_row *row);

#endif
