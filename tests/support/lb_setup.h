/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VIPs and reals by their addresses, on top of lb_case: indexes, epochs, rings and
 * what transitions need, as the control plane would write them.
 */
#ifndef TEST_LB_SETUP_H
#define TEST_LB_SETUP_H

#include <stdbool.h>

#include "programs/lb/ring/lb_transition.h"
#include "tests/support/lb_case.h"

#define LB_SETUP_VIPS 40
#define LB_SETUP_REALS 64
#define LB_SETUP_MEMBERS 16

/* Its index is its place in the table and 1. */
struct lb_setup_real {
	struct lb_real real; /* as in the map; users: VIPs alone, counted anew at every change */
	bool is_pinned;	     /* a server id or a source prefix names it, for good */
};

struct lb_setup_vip {
	struct lb_case_vip spec;
	char addr[64]; /* spec.addr */
	enum lb_ring_kind kind;
	__u32 window; /* s */
	struct lb_member_weight {
		__u32 index;
		__u32 weight;
	} members[LB_SETUP_MEMBERS];
	unsigned int count;
	bool has_changed; /* since lb_setup_commit() */
	bool is_there;	  /* was committed */
	__u32 *entries;	  /* LB_RING_SIZE, as in the ring that counts */
	struct lb_previous *previous;
};

struct lb_setup {
	struct lb_case lb;
	struct lb_setup_vip vips[LB_SETUP_VIPS]; /* by number */
	unsigned int vip_count;
	struct lb_setup_real reals[LB_SETUP_REALS];
	unsigned int real_count;
};

/* lb_setup_start - nothing but defaults in @object, whoever used it before. */
void lb_setup_start(struct lb_setup *setup, struct bpf_object *object);

/* lb_setup_real - the index of the real @addr, which becomes one if it is not. */
__u32 lb_setup_real(struct lb_setup *setup, const char *addr);

/* lb_setup_vip - a new one, to be filled in; or the one at this address, port and protocol. */
struct lb_setup_vip *lb_setup_vip_new(struct lb_setup *setup);
struct lb_setup_vip *lb_setup_vip_get(struct lb_setup *setup, const struct lb_case_vip *spec);

/* lb_setup_member - real @index takes part in @vip with @weight; _gone: no longer. */
void lb_setup_member(struct lb_setup_vip *vip, __u32 index, __u32 weight);
void lb_setup_member_gone(struct lb_setup_vip *vip, __u32 index);

/* lb_setup_commit - everything since the last time becomes what packets see; one change a VIP. */
void lb_setup_commit(struct lb_setup *setup);

/* lb_setup_close - frees what it holds; the object is not its own. */
void lb_setup_close(struct lb_setup *setup);

#endif
