/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flow's position in the ring, the same in the data plane and in user space.
 *
 * The destination is not hashed: Katran does not either, and a client's flows to
 * one port of many VIPs may as well share a position. With LB_JHASH the numbers
 * are Katran's. Its two seeds follow from its maximum of 512 VIPs and are kept
 * for more, since another seed would send every flow elsewhere.
 */
#ifndef LB_FLOW_HASH_H
#define LB_FLOW_HASH_H

#include <linux/types.h>

#include "bpf/hash.h"
#include "programs/lb/lb_abi.h"

#define LB_HASH_SEED6 512U
#define LB_HASH_SEED (512U * LB_RING_SIZE)

/*
 * lb_flow_hash4 - of an IPv4 flow. @src and @ports as they stand in the packet;
 * @ports is the four bytes of both, or what the VIP's flags make of them.
 */
HASH_INLINE __u32 lb_flow_hash4(enum lb_hash hash, __be32 src, __u32 ports)
{
	const __u32 words[2] = { src, ports };

	if (hash == LB_XXHASH)
		return hash_xxh32(words, 2, LB_HASH_SEED);
	if (hash == LB_MURMUR3)
		return hash_murmur3(words, 2, LB_HASH_SEED);
	return hash_jenkins(words, 2, LB_HASH_SEED);
}

/* lb_flow_hash6 - of an IPv6 flow, likewise. */
HASH_INLINE __u32 lb_flow_hash6(enum lb_hash hash, const __be32 src[4], __u32 ports)
{
	const __u32 words[5] = { src[0], src[1], src[2], src[3], ports };
	const __u32 folded[2] = { hash_jenkins(words, 4, LB_HASH_SEED6), ports };

	if (hash == LB_XXHASH)
		return hash_xxh32(words, 5, LB_HASH_SEED);
	if (hash == LB_MURMUR3)
		return hash_murmur3(words, 5, LB_HASH_SEED);
	return hash_jenkins(folded, 2, LB_HASH_SEED);
}

#endif
