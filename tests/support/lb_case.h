/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load balancer with its maps filled directly, without its control plane: VIPs,
 * reals and rings as a test says.
 */
#ifndef TEST_LB_CASE_H
#define TEST_LB_CASE_H

#include <linux/types.h>

#include "programs/lb/lb_abi.h"
#include "tests/support/packet.h"
#include "tests/support/progrun.h"

struct bpf_object;

#define LB_CASE_GATEWAY "\x00\x00\xde\xad\xbe\xaf"
#define LB_CASE_SOURCE4 "192.0.2.37"
#define LB_CASE_SOURCE6 "2001:db8:2307::1337"

struct lb_case {
	struct bpf_object *object;
	struct lb_control control; /* what lb_control holds */
};

/* A VIP to put in place. Its number is the caller's choice. */
struct lb_case_vip {
	const char *addr; /* of either family */
	__u8 prefix_len;  /* 0: no CIDR VIP */
	__u16 port;	  /* host byte order; 0: all */
	__u8 proto;
	struct lb_vip vip; /* as in the map; has_ring and the rest are the caller's */
};

/* lb_case_open - not loaded yet. lb_case_load - with @config, or the object's own if NULL. */
void lb_case_open(struct lb_case *lb);
void lb_case_load(struct lb_case *lb, const struct lb_config *config);
void lb_case_close(struct lb_case *lb);

/* lb_case_map - the map @name of the loaded object. */
int lb_case_map(const struct lb_case *lb, const char *name);

/* lb_case_raise - the generation, as after each change of VIPs, rings and server ids. */
void lb_case_raise(const struct lb_case *lb);

/* lb_case_control - what @lb->control says now holds. */
void lb_case_control(struct lb_case *lb);

/* lb_case_real - @addr, of either family, becomes the real @index. */
void lb_case_real(const struct lb_case *lb, __u32 index, const char *addr, __u8 flags);

/* lb_case_real_epoch - the real @index with another epoch, as if given to another address. */
void lb_case_real_epoch(const struct lb_case *lb, __u32 index, __u8 epoch);

/* lb_case_vip - put it in place or in the place of another, and into the filter. */
void lb_case_vip(struct lb_case *lb, const struct lb_case_vip *spec);

/* lb_case_ring - LB_RING_SIZE entries for ring @ring of VIP @number. */
void lb_case_ring(const struct lb_case *lb, __u32 number, __u32 ring, const __u32 *entries);
/* lb_case_ring_of - the same, all entries @entry. */
void lb_case_ring_of(const struct lb_case *lb, __u32 number, __u32 entry);
/* lb_case_previous - @real in every entry of lb_previous. */
void lb_case_previous(const struct lb_case *lb, __u32 number, __u32 real);

/* lb_case_run - one packet through; asserts that it can be run. */
void lb_case_run(const struct lb_case *lb, struct packet *p, struct progrun *ret_run);

/* lb_case_count - of all CPUs so far. */
__u64 lb_case_count(const struct lb_case *lb, enum lb_counter counter);

#endif
