/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets for a load balancer, drawn: what a VIP gets, what stands beside that, tunnels
 * around it, and all of them spoiled. The same seed draws the same ones.
 */
#ifndef TEST_LB_RANDOM_H
#define TEST_LB_RANDOM_H

#include <stdbool.h>

#include "tests/support/lb_case.h"

/* What the draws take for known: the scenario that is drawn for has these. */
#define LB_RANDOM_GUE_PORT 6080
#define LB_RANDOM_TUNNEL4 "203.0.113.250"
#define LB_RANDOM_TUNNEL6 "2001:db8:2::fa"
#define LB_RANDOM_OWN4 "203.0.113.253"
#define LB_RANDOM_OWN6 "2001:db8:2::fd"

struct lb_random {
	uint64_t state; /* begins as the seed */
};

/* lb_random_below - a number from 0 to @below - 1. */
uint32_t lb_random_below(struct lb_random *random, uint32_t below);

/*
 * lb_random_packet - one for @vip or beside it, whose answers come from @real. Returns
 * whether it is as a sender makes it: headers, lengths and checksums are right.
 */
bool lb_random_packet(struct lb_random *random, const struct lb_case_vip *vip, const char *real,
		      struct packet *p);

/*
 * lb_random_is_sound - whether all lengths and checksums from the IP header at @ip on are
 * right, in tunnels too. A UDP checksum of 0 is none.
 */
bool lb_random_is_sound(const unsigned char *ip, size_t len);

#endif
