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

/*
 * Turns that flows of a mark that is many flows' take: 32 in the time that a flow table keeps
 * UDP for certain. TCP is forgotten only where others need its place: 64 times as
 * many, as the way of the few that go on is not in the CPU's caches and costs a hundred others.
 */
#define TURNS_SHIFT 5
#define TURNS_UDP (1U << TURNS_SHIFT)
#define TURNS_TCP (1U << 11)

static __always_inline __u32 find_turn(__u64 now)
{
	if (hwmark_config.mode == HWMARK_FLOW)
		return now >> LB_SECOND_SHIFT;
	return (__u32)(now >> (LB_SECOND_SHIFT - TURNS_SHIFT)) / hwmark_config.refresh;
}

/* Found anew once a tick and CPU, which is when the clock changes: see lb's read_clock(). */
static __always_inline __u32 read_turn(struct hwmark_clock *clock)
{
	__u64 tick = bpf_jiffies64();

	if (clock->tick != tick) {
		clock->turn = find_turn(bpf_ktime_get_coarse_ns());
		clock->tick = tick;
	}
	return clock->turn;
}

/* One packet of a flow, which the entry is of: any CPU's, once in so many seconds. */
static __always_inline bool is_entry_due(struct hwmark_entry *entry, __u32 second)
{
	if (second - entry->refreshed < hwmark_config.refresh)
		return false;
	entry->refreshed = second;
	return true;
}

/*
 * All packets of a flow while it has its turn: nothing has to be kept for each flow, which
 * would be a cache line for each of them.
 */
static __always_inline bool is_flow_due(const struct hwmark_entry *entry,
					const struct lb_packet *packet, __u32 turn)
{
	__u32 own = (packet->client + packet->outer_sport) * 2654435761U >> 16;
	__u32 mask = entry->proto == IPPROTO_UDP ? TURNS_UDP - 1 : TURNS_TCP - 1;

	return !((turn ^ own) & mask);
}

/* is_refresh - whether @packet, which is as its entry says, is to pass. */
static __always_inline bool is_refresh(struct hwmark_clock *clock, const struct hwmark_entry *entry,
				       const struct lb_packet *packet)
{
	__u32 turn;

	if (!hwmark_config.refresh)
		return false;
	turn = read_turn(clock);
	if (hwmark_config.mode == HWMARK_FLOW)
		return is_entry_due((struct hwmark_entry *)entry, turn);
	return is_flow_due(entry, packet, turn);
}

#endif
