/* SPDX-License-Identifier: GPL-2.0-only */
/* The Ethernet header of what is sent. */
#ifndef LB_DATA_LINK_H
#define LB_DATA_LINK_H

#include "programs/lb/data/packet.h"

/* An Ethernet header in words that are aligned within it. */
struct lb_link {
	__u32 dst_first;
	__u16 dst_last;
	__u16 src_first;
	__u32 src_last;
	__be16 proto;
};

/* The size of struct lb_link is rounded up. */
#define LINK_LEN (offsetof(struct lb_link, proto) + sizeof(__be16))

struct lb_mac {
	__u32 first;
	__u16 last;
};

static __always_inline struct lb_mac get_gateway(const struct lb_run *run)
{
	const __u8 *mac = run->control->gateway;

	return (struct lb_mac){ *(const __u32 *)mac, *(const __u16 *)(mac + 4) };
}

/* Where frames to the real itself go: where it says, or where all others do. */
static __always_inline struct lb_mac get_mac(const struct lb_run *run, const struct lb_real *real)
{
	const __u8 *mac = real->mac;
	struct lb_mac own = { *(const __u32 *)mac, *(const __u16 *)(mac + 4) };

	return own.first | own.last ? own : get_gateway(run);
}

/* What is sent as long as it came. */
static __always_inline void count_long(const struct lb_run *run)
{
	if (packet_end(run) - packet_at(run, ETH_HLEN) > *run->mtu)
		run->count[LB_SENT_LONG]++;
}

/* Sends come from the address that the frame came to. */
static __always_inline void turn_link(struct lb_link *link, struct lb_mac dest)
{
	__u32 first = link->dst_first;
	__u16 last = link->dst_last;

	link->src_first = first;
	link->src_last = first >> 16 | (__u32)last << 16;
	link->dst_first = dest.first;
	link->dst_last = dest.last;
}

#endif
