/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows that are worth a mark by the device: those that send enough here although nothing but
 * their addresses and ports says where they go. User space is told of each (lb_mark_abi.h).
 */
#ifndef LB_DATA_MARKS_H
#define LB_DATA_MARKS_H

#include "programs/lb/data/choose.h"
#include "programs/lb/data/run.h"
#include "programs/lb/data/vip.h"

#define TICKS_A_SECOND (1U << (LB_SECOND_SHIFT - LB_TIME_SHIFT))

/* note_tunnel - whether the packet at hand @is_opened: the device sees the outer one. */
static __always_inline void note_tunnel(bool is_opened)
{
	__u32 zero = 0;
	struct lb_mark_rate *rate;

	if (!lb_config.hwmark)
		return;
	rate = bpf_map_lookup_elem(&lb_mark_rate, &zero);
	if (rate)
		rate->opened = is_opened;
}

/* Whether this flow is one too many in this second, on this CPU. */
static __always_inline bool is_limited(struct lb_mark_rate *rate, __u32 second)
{
	if (rate->second != second) {
		rate->second = second;
		rate->events = 0;
	}
	return ++rate->events > lb_config.hwmark_rate;
}

/* This CPU's pool; NULL: it is empty. */
static __always_inline struct lb_mark_pool *find_pool(__u32 cpu)
{
	struct lb_mark_pool *pool = bpf_map_lookup_elem(&lb_mark_pool, &cpu);
	__u64 barrier = 0;

	if (!pool || *(volatile __u32 *)&pool->put == pool->taken)
		return NULL;
	/* What was put is read after the number that says so. */
	start_look_up(&barrier);
	return pool;
}

/* Of a VIP and a real what an event tells of them, each in a word. */
static __always_inline __u64 mark_vip(const struct lb_vip *vip)
{
	return (__u64)vip->life << 48 | (__u64)vip->encap << 32 | vip->number;
}

static __always_inline __u64 mark_real(const struct lb_choice *choice)
{
	return (__u64)choice->real->epoch << 32 | choice->index;
}

static __always_inline void write_event(const struct lb_run *run, const struct lb_packet *packet,
					__u64 vip, __u64 real, struct lb_mark_event *event)
{
	encap_copy_address(packet->src, (__u32 *)event->src);
	encap_copy_address(packet->dst, (__u32 *)event->dst);
	event->sport = packet->sport;
	event->dport = packet->dport;
	event->proto = packet->proto;
	event->is_ip6 = packet->is_ip6;
	event->encap = vip >> 32;
	event->epoch = real >> 32;
	event->vip = vip;
	event->real = real;
	event->generation = run->generation;
	event->life = vip >> 48;
	event->mark = 0;
	event->pad = 0;
}

/* The mark is taken when the event is sure to be sent: user space may fill its place at once. */
static __always_inline void take_mark(struct lb_mark_pool *pool, struct lb_mark_event *event)
{
	event->mark = pool->ids[pool->taken % LB_MARK_POOL_IDS];
	__sync_fetch_and_add(&pool->taken, 1);
}

/* Tells user space. Returns the event that this was. */
static __always_inline enum lb_counter tell(const struct lb_run *run,
					    const struct lb_packet *packet, __u64 vip, __u64 real)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct lb_mark_pool *pool = NULL;
	struct lb_mark_event *event;

	if (lb_config.hwmark == MARKS_FLOW) {
		pool = find_pool(cpu);
		if (!pool)
			return LB_MARK_NO_MARK;
	}
	event = bpf_ringbuf_reserve(&lb_marks_wanted, sizeof(*event), 0);
	if (!event)
		return LB_MARK_LOST;
	write_event(run, packet, vip, real, event);
	if (pool)
		take_mark(pool, event);
	bpf_ringbuf_submit(event, 0);
	return LB_MARK_EVENTS;
}

/*
 * Whether the flow in the place keeps the pace that makes it worth a mark in time. While it
 * does nobody takes its place: flows of one pace would take it from each other for ever.
 */
static __always_inline bool keeps_pace(const struct lb_candidate *flow, __u64 ticks)
{
	return (__u64)flow->packets * lb_config.hwmark_seconds * TICKS_A_SECOND >=
	       ticks * lb_config.hwmark_packets;
}

/*
 * One more packet of the flow @tag: whether it is the one that makes it worth a mark. A flow
 * that was told of leaves its place to whoever comes.
 */
static __always_inline bool count_candidate(struct lb_candidate *flow, __u64 tag, __u32 now)
{
	__u32 ticks = now - flow->began, enough = lb_config.hwmark_packets;
	bool is_fresh = ticks <= lb_config.hwmark_seconds * TICKS_A_SECOND;

	if (flow->tag != tag && is_fresh && flow->packets < enough && keeps_pace(flow, ticks))
		return false;
	if (flow->tag != tag || !is_fresh) {
		flow->tag = tag;
		flow->packets = 0;
		flow->began = now;
	}
	if (flow->packets >= enough)
		return false;
	return ++flow->packets >= enough;
}

/*
 * Of the VIP; what the packet has to be else is seen in lb_offer(). Where no table keeps what an
 * id said, a packet without one tells nothing of where its connection is.
 */
static __always_inline bool can_have_mark(const struct lb_packet *packet, const struct lb_vip *vip)
{
	if (lb_config.tcp_server_id && has_transitions(packet, vip))
		return false;
	return !(vip->flags & LB_MARKLESS_FLAGS) && vip->encap != LB_REWRITE;
}

/* As it is on the wire, whatever the VIP made of its ports. */
static __always_inline bool read_wire(const struct lb_run *run, struct lb_packet *packet)
{
	struct ethhdr *eth = packet_at(run, 0);
	int ret;

	if ((void *)(eth + 1) > packet_end(run))
		return false;
	ret = eth->h_proto == bpf_htons(ETH_P_IP) ? read_ip4(run, packet) : read_ip6(run, packet);
	if (ret != LB_GO_ON || read_transport(run, packet) != LB_GO_ON)
		return false;
	return !(packet->flags & (PACKET_SYN | PACKET_RST));
}

/*
 * Whether the ring leads to the real as well. Else the flow table alone keeps the flow
 * there: it forgets, and the next connection from the same port goes where the ring says, both
 * of which a mark would not. Asked in the generation of the event. The packet was looked up a moment ago:
 * a VIP that is not known any more changed meanwhile. @packet is as the VIP sees it afterwards.
 */
static __always_inline bool is_of_ring(const struct lb_run *run, struct lb_packet *packet,
				       __u64 vip, __u64 real)
{
	const struct lb_known_vip *known = known_vip(run, packet);
	struct lb_entry entry;

	if (!is_known(run, packet, known) || mark_vip(&known->vip) != vip)
		return false;
	hide_ports(run, packet, known);
	entry = find_entry(run, packet, &known->vip);
	return (entry.value & LB_ENTRY_REAL) == (__u32)real;
}

/* Whether the packet is the one that makes its flow worth a mark. */
static __always_inline bool is_worth_it(const struct lb_run *run, const struct lb_packet *packet)
{
	__u32 now = read_clock(run) >> LB_TIME_SHIFT, zero = 0;
	__u64 tag = flow_tag(run, packet);
	__u32 index = (tag >> 32) % LB_CANDIDATES;
	struct lb_candidate *flow = bpf_map_lookup_elem(&lb_candidates, &index);
	struct lb_mark_rate *rate = bpf_map_lookup_elem(&lb_mark_rate, &zero);

	return flow && rate && !(lb_config.decap && rate->opened) &&
	       count_candidate(flow, tag, now);
}

/* What becomes of a flow that is worth it: an event. */
static __always_inline enum lb_counter offer(const struct lb_run *run,
					     const struct lb_packet *packet, __u64 vip, __u64 real)
{
	__u32 zero = 0;
	struct lb_mark_rate *rate = bpf_map_lookup_elem(&lb_mark_rate, &zero);

	if (!rate || is_limited(rate, read_clock(run) >> LB_SECOND_SHIFT))
		return LB_MARK_LIMITED;
	return tell(run, packet, vip, real);
}

/*
 * lb_offer - a packet that goes to a real by its addresses and ports, not by an id. @vip and
 * @real are of mark_vip() and mark_real(). Reads the packet again, and is global, so that
 * packets cost the same without `hwmark` as if it were not there; and reads it for each step,
 * rarely more than one, as to keep all of it over them takes more stack than there is.
 */
__noinline int lb_offer(struct xdp_md *ctx, __u64 vip, __u64 real)
{
	struct lb_run first = { .ctx = ctx, .mtu = &lb_config.mtu }, run = first;
	struct lb_packet counted = {}, chosen = {}, told = {};

	if (!lb_config.hwmark || !start_run(&first) || !read_wire(&first, &counted) ||
	    !is_worth_it(&first, &counted) || !start_run(&run))
		return 0;
	if (!read_wire(&run, &chosen) || !is_of_ring(&run, &chosen, vip, real))
		run.count[LB_MARK_KEPT]++;
	else if (read_wire(&run, &told))
		run.count[offer(&run, &told, vip, real)]++;
	return 0;
}

#endif
