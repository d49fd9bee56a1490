/* SPDX-License-Identifier: GPL-2.0-only */
/* Which real a packet goes to. */
#ifndef LB_DATA_CHOOSE_H
#define LB_DATA_CHOOSE_H

#include "programs/lb/data/ring.h"
#include "programs/lb/data/table.h"

struct lb_choice {
	const struct lb_real *real;
	__u32 index;
};

static __always_inline const struct lb_real *find_real(__u32 index)
{
	const struct lb_real *real = bpf_map_lookup_elem(&lb_reals, &index);

	return real && real->flags & LB_REAL_USED ? real : NULL;
}

/* Destination-port-only VIPs know neither clients nor their ports, here and in the table. */
static __always_inline void forget_client(const struct lb_run *run, struct lb_packet *packet)
{
	packet->sport = packet->dport;
	packet->src[0] = run->zero;
	packet->src[1] = run->zero;
	packet->src[2] = run->zero;
	packet->src[3] = run->zero;
	packet->client = run->zero;
}

static __always_inline bool is_down(const struct lb_vip *vip, const struct lb_packet *packet,
				    __u32 index)
{
	struct lb_down_key key = { .vip = vip->number, .real = index };

	return packet->proto == IPPROTO_UDP && vip->flags & LB_FLOW_MIGRATION &&
	       bpf_map_lookup_elem(&lb_down, &key);
}

/* By the flow table; false where it knows no real, or one that has gone. */
static __always_inline bool choose_by_table(const struct lb_run *run,
					    const struct lb_packet *packet,
					    const struct lb_vip *vip, const struct lb_place *place,
					    struct lb_choice *choice)
{
	__u64 flow = recall_flow(run, place);
	__u32 index = flow & LB_FLOW_REAL;

	if (!flow)
		return false;
	choice->index = index;
	choice->real = find_real(index);
	if (!choice->real || choice->real->epoch != (__u8)(flow >> 24))
		return false;
	if (!is_down(vip, packet, index))
		return true;
	run->count[LB_MIGRATED]++;
	return false;
}

/* By the client's prefix; 0 where none names a real. */
static __always_inline __u32 find_source(const struct lb_run *run, const struct lb_packet *packet)
{
	struct lb_source4_key key4 = { .prefix_len = 32, .addr = packet->src[0] };
	struct lb_source6_key key6 = { .prefix_len = 128 };
	__u32 *index;

	if (packet->is_ip6) {
		__builtin_memcpy(key6.addr, packet->src, sizeof(key6.addr));
		index = bpf_map_lookup_elem(&lb_sources6, &key6);
	} else {
		index = bpf_map_lookup_elem(&lb_sources4, &key4);
	}
	run->count[index ? LB_SOURCE_HITS : LB_SOURCE_MISSES]++;
	return index ? *index : 0;
}

/* The ring alone decides what the table does not have to know: TCP, unless its client does. */
static __always_inline bool has_transitions(const struct lb_packet *packet,
					    const struct lb_vip *vip)
{
	return vip->table == LB_TABLE_TRANSITIONS && packet->proto == IPPROTO_TCP &&
	       !(vip->flags & LB_SRC_ROUTING);
}

static __always_inline bool can_record(const struct lb_packet *packet)
{
	return !(packet->flags & (PACKET_RST | PACKET_ICMP));
}

/*
 * The entry changed of late, and the table does not know the flow. A SYN goes where
 * the ring points now; everything else belongs to a connection that began before the
 * changes, as those that began after them were recorded by their SYN.
 */
static __always_inline void
choose_in_transition(const struct lb_run *run, const struct lb_packet *packet,
		     const struct lb_vip *vip, const struct lb_place *place, struct lb_entry *entry)
{
	__u32 previous = 0;

	if (packet->flags & PACKET_SYN || !(entry->value & LB_ENTRY_PREVIOUS) ||
	    place->now >= vip->previous_until)
		return;
	previous = find_previous(vip, entry->position);
	if (!previous || !find_real(previous))
		return;
	run->count[LB_TO_PREVIOUS]++;
	entry->value = previous;
}

static __always_inline void count_miss(const struct lb_run *run, const struct lb_packet *packet)
{
	run->count[LB_TABLE_MISSES]++;
	if (packet->proto == IPPROTO_TCP)
		run->count[packet->flags & PACKET_SYN ? LB_MISSES_SYN : LB_MISSES_OTHER]++;
}

/* By source prefix and ring, for what the table does not know; records it. */
static __always_inline int choose_anew(const struct lb_run *run, const struct lb_packet *packet,
				       const struct lb_vip *vip, const struct lb_place *place,
				       struct lb_choice *choice)
{
	bool flooded = join(run, is_flooded(run, place->now));
	bool is_transition = join(run, has_transitions(packet, vip));
	struct lb_entry entry = {};

	count_miss(run, packet);
	if (vip->flags & LB_SRC_ROUTING && !flooded)
		entry.value = find_source(run, packet);
	if (!entry.value)
		entry = find_entry(run, packet, vip);
	if (is_transition)
		choose_in_transition(run, packet, vip, place, &entry);

	choice->index = entry.value & LB_ENTRY_REAL;
	if (!choice->index)
		return LB_NO_REAL;
	choice->real = find_real(choice->index);
	if (!choice->real)
		return LB_UNKNOWN_REAL;
	if (!flooded && can_record(packet) && !(vip->flags & LB_NO_TABLE))
		record_flow(place, choice->real, choice->index);
	return LB_GO_ON;
}

/* choose_by_tuple - by flow table, source prefix and ring, or the end of the packet's way. */
static __always_inline int choose_by_tuple(const struct lb_run *run, struct lb_packet *packet,
					   const struct lb_vip *vip, struct lb_choice *choice)
{
	struct lb_place place = {};
	__u32 era = 0;

	if (vip->flags & LB_DST_PORT_ONLY)
		forget_client(run, packet);
	if (has_transitions(packet, vip)) {
		struct lb_entry entry = find_entry(run, packet, vip);

		if (!(entry.value & LB_ENTRY_TABLE) || vip->flags & LB_NO_TABLE) {
			choice->index = entry.value & LB_ENTRY_REAL;
			choice->real = find_real(choice->index);
			return choice->real ? LB_GO_ON : LB_NO_REAL;
		}
		era = LB_ERA_TAG(entry.value & LB_ENTRY_ERA, vip->life);
	}
	if (!find_place(run, packet, &place))
		return LB_NO_REAL;
	/* What was recorded before the entry was last left alone may be of another connection. */
	place.tag ^= join(run, era);
	packet->flags = join(run, packet->flags);
	run->count[LB_TABLE_PACKETS]++;
	if (!(packet->flags & PACKET_SYN) && !(vip->flags & LB_NO_TABLE) &&
	    choose_by_table(run, packet, vip, &place, choice))
		return LB_GO_ON;
	return choose_anew(run, packet, vip, &place, choice);
}

#endif
