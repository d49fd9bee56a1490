/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings: which real each of the LB_RING_SIZE positions belongs to. Pure: no system
 * call but for memory.
 *
 * A ring follows from addresses and weights alone, not from indexes or the order
 * of the reals, and is made with integers only: hosts that share nothing build the
 * same one, whatever their machine.
 *
 * LB_MAGLEV1 and LB_MAGLEV2 are Katran's, bit for bit; the reals' shares are even
 * to about one position, and a change moves a little more than it must. LB_HRW is
 * weighted rendezvous hashing: a change moves what it must and no more, the shares
 * are even to the accuracy of chance.
 */
#ifndef LB_RING_H
#define LB_RING_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "programs/lb/lb_abi.h"

struct lb_ring_real {
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes */
	bool is_ip6;
	__u32 weight; /* 0: takes no part */
	__u32 index;  /* what the ring says, not 0 */
};

/*
 * lb_ring_build - the ring of @reals, none of which is there twice.
 *
 * @ret_ring has room for LB_RING_SIZE indexes; all of them are 0 when no real has
 * a weight. Weights count against each other: 1 and 1 are 50 and 50 (in LB_MAGLEV1
 * a real's weight is how many positions it takes in its first turn, so there small
 * weights hardly differ from equal ones; LB_MAGLEV2 mends that). Takes milliseconds,
 * for LB_HRW 65537 times the reals at about 1.5 ns.
 *
 * Returns 0, -EINVAL for an unknown @kind, -ENOMEM.
 */
int lb_ring_build(enum lb_ring_kind kind, const struct lb_ring_real *reals, size_t count,
		  __u32 *ret_ring);

#endif
