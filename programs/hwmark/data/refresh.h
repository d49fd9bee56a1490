/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which marked packets go the long way although nothing stands against them, so that the load
 * balancer's flow table, which forgets, keeps knowing their flows. By time: a flow table
 * forgets UDP after 30 s, however few packets there were.
 */
#ifndef HWMARK_DATA_REFRESH_H
#define HWMARK_DATA_REFRESH_H

#include "programs/hwmark/data/maps.h"
#include "programs/lb/data/packet.h"

/* 2^30 ns: near enough to a second, without a division. */
#define SECOND_SHIFT 30
/*
 * Turns that flows of a mark that is many flows' take: 32 in the time that a flow table keeps
 * UDP for certain. TCP is forgotten only where others need its place: eight times as many.
 */
#define TURNS_SHIFT 5
#define TURNS_UDP (1U << TURNS_SHIFT)
#define TURNS_TCP (1U << 8)

/* One packet of a flow, which the entry is of: any CPU's, once in so many seconds. */
static __always_inline bool is_entry_due(struct hwmark_entry *entry, __u64 now)
{
	__u32 second = now >> SECOND_SHIFT;

	if (second - entry->refreshed < hwmark_config.refresh)
		return false;
	entry->refreshed = second;
	return true;
}

/*
 * All packets of a flow while it has its turn: nothing has to be kept for each flow, which
 * would be a cache line for each of them.
 */
static __always_inline bool is_flow_due(const struct lb_packet *packet, __u64 now)
{
	__u32 turn = (__u32)(now >> (SECOND_SHIFT - TURNS_SHIFT)) / hwmark_config.refresh;
	__u32 own = (packet->client ^ packet->outer_sport * 0x85ebca6bU) * 2654435761U;
	__u32 turns = packet->flags & PACKET_UDP ? TURNS_UDP : TURNS_TCP;

	return !((turn ^ own >> 16) % turns);
}

/* is_refresh - whether @packet, which is as its entry says, is to pass. */
static __always_inline bool is_refresh(const struct lb_run *run, const struct hwmark_entry *entry,
				       const struct lb_packet *packet)
{
	__u64 now;

	if (!hwmark_config.refresh)
		return false;
	now = read_clock(run);
	if (hwmark_config.mode == HWMARK_FLOW)
		return is_entry_due((struct hwmark_entry *)entry, now);
	return is_flow_due(packet, now);
}

#endif
