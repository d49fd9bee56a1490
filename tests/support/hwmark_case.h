/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hwmark with the maps of a load balancer (lb_case.h), and VIPs of every kind that marks
 * may stand for: what the one makes of a packet beside what the other does.
 */
#ifndef TEST_HWMARK_CASE_H
#define TEST_HWMARK_CASE_H

#include <stdbool.h>

#include "programs/hwmark/hwmark_abi.h"
#include "tests/support/lb_case.h"

struct hwmark_case {
	struct lb_case lb;
	struct bpf_object *object;
	struct hwmark_config config; /* to be changed before hwmark_case_load() */
};

/* One kind of VIP, with one real. */
struct hwmark_case_kind {
	const char *name;
	const char *vip;
	__u16 port; /* 0: all */
	__u8 proto;
	enum lb_encap encap;
	const char *real;
	const char *mac; /* of the real, for LB_L2; NULL: the gateway's */
};

extern const struct hwmark_case_kind hwmark_case_kinds[];
extern const size_t hwmark_case_kind_count;

/* A client's packet. */
struct hwmark_case_packet {
	char client[64];
	__u16 sport, dport;
	__u8 tcp_flags;
	__u8 tos;
	size_t payload;
	bool has_no_check; /* UDP without a checksum */
};

/*
 * hwmark_case_open - the load balancer loaded, with all kinds: VIP number and real's index less
 * 1 are the kind's place in the table. hwmark_case_load - hwmark, with @hc->config.
 */
void hwmark_case_open(struct hwmark_case *hc);
void hwmark_case_load(struct hwmark_case *hc);
void hwmark_case_close(struct hwmark_case *hc);

/* hwmark_case_reset - VIPs, reals and the gateway are as hwmark_case_open() made them. */
void hwmark_case_reset(struct hwmark_case *hc);

/* hwmark_case_get - one of @mode for the whole process, reset. */
struct hwmark_case *hwmark_case_get(enum hwmark_mode mode);

/* hwmark_case_draw - a packet of a client at random, to @kind. */
struct hwmark_case_packet hwmark_case_draw(const struct hwmark_case_kind *kind, uint64_t *state);

/* hwmark_case_build - the frame. */
void hwmark_case_build(const struct hwmark_case_kind *kind, const struct hwmark_case_packet *spec,
		       struct packet *p);

/* hwmark_case_entry - of a packet of @kind, in the generation that is in force. */
struct hwmark_entry hwmark_case_entry(const struct hwmark_case *hc,
				      const struct hwmark_case_kind *kind,
				      const struct hwmark_case_packet *spec);

/* hwmark_case_mark - @mark is @entry's from now on. */
void hwmark_case_mark(const struct hwmark_case *hc, __u32 mark, const struct hwmark_entry *entry);

/* hwmark_case_run - one packet with @mark in front, and nothing else. */
void hwmark_case_run(const struct hwmark_case *hc, __u32 mark, struct packet *p,
		     struct progrun *ret_run);

/* hwmark_case_count - of all CPUs so far. */
__u64 hwmark_case_count(const struct hwmark_case *hc, enum hwmark_counter counter);

#endif
