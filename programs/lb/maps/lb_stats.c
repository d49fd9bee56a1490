/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"

/* Katran's are those of its library's getters, MAP[1] or .v1 the first number of a pair. */
static const struct lb_counter_name names[LB_COUNTERS] = {
	[LB_OFF] = { "off", "" },
	[LB_NOT_IP] = { "not_ip", "xdp_pass" },
	[LB_NOT_BALANCED] = { "not_balanced", "xdp_pass" },
	[LB_OTHER_ICMP] = { "other_icmp", "xdp_pass" },
	[LB_NOT_A_VIP] = { "not_a_vip", "xdp_pass" },
	[LB_LOCAL] = { "local", "xdp_pass" },
	[LB_HERE] = { "here", "xdp_pass" },
	[LB_SENT4] = { "sent4", "remote_encap.v1" },
	[LB_SENT6] = { "sent6", "remote_encap.v2" },
	[LB_RETURNED] = { "returned", "" },
	[LB_ECHO_ANSWERED] = { "echo_answered", "xdp_tx" },
	[LB_TOO_BIG_ANSWERED] = { "too_big_answered", "icmp_too_big" },
	[LB_BAD_HEADER] = { "bad_header", "xdp_drop" },
	[LB_OPTIONS] = { "options", "xdp_drop" },
	[LB_FRAGMENT] = { "fragment", "xdp_drop" },
	[LB_TOO_LONG] = { "too_long", "xdp_drop" },
	[LB_NO_REALS] = { "no_reals", "ch_drop.v1" },
	[LB_NO_REAL] = { "no_real", "ch_drop.v2" },
	[LB_UNKNOWN_REAL] = { "unknown_real", "ch_drop.v1" },
	[LB_MIXED_FAMILY] = { "mixed_family", "encap_fail" },
	[LB_NO_ROOM] = { "no_room", "encap_fail" },
	[LB_QUIC_NO_REAL] = { "quic_no_real", "quic.cid_unknown_real_dropped" },
	[LB_EXPIRED] = { "expired", "xdp_drop" },
	[LB_TABLE_PACKETS] = { "table_packets", "lru.v1" },
	[LB_TABLE_MISSES] = { "table_misses", "lru.v2" },
	[LB_MISSES_SYN] = { "misses_syn", "lru_miss.v1" },
	[LB_MISSES_OTHER] = { "misses_other", "lru_miss.v2" },
	[LB_NEW_FLOWS] = { "new_flows", "new_conn_rate" },
	[LB_FLOODED] = { "flooded", "" },
	[LB_TO_PREVIOUS] = { "to_previous", "" },
	[LB_SOURCE_HITS] = { "source_hits", "lpm_src.v2" },
	[LB_SOURCE_MISSES] = { "source_misses", "lpm_src.v1" },
	[LB_MIGRATED] = { "migrated", "udp_flow_migration" },
	[LB_SENT_LONG] = { "sent_long", "" },
	[LB_ICMP_PTB4] = { "icmp_ptb4", "icmp_ptb.v2" },
	[LB_ICMP_PTB6] = { "icmp_ptb6", "icmp_ptb.v1" },
	[LB_DECAP4] = { "decap4", "inline_decap.v1" },
	[LB_DECAP6] = { "decap6", "inline_decap.v2" },
	[LB_QUIC_BY_HASH] = { "quic_by_hash", "quic.ch_routed" },
	[LB_QUIC_INITIAL] = { "quic_initial", "quic.cid_initial" },
	[LB_QUIC_BAD_ID] = { "quic_bad_id", "quic.cid_invalid_server_id" },
	[LB_QUIC_BY_ID] = { "quic_by_id", "quic.cid_routed" },
	[LB_QUIC_V0] = { "quic_v0", "quic.cid_v0" },
	[LB_QUIC_V1] = { "quic_v1", "quic.cid_v1" },
	[LB_QUIC_V2] = { "quic_v2", "quic.cid_v2" },
	[LB_QUIC_V3] = { "quic_v3", "quic.cid_v3" },
	[LB_QUIC_SAME] = { "quic_same", "quic.dst_match_in_lru" },
	[LB_QUIC_OTHER] = { "quic_other", "quic.dst_mismatch_in_lru" },
	[LB_QUIC_NEW] = { "quic_new", "quic.dst_not_found_in_lru" },
	[LB_STABLE_BY_HASH] = { "stable_by_hash", "stable_rt.ch_routed" },
	[LB_STABLE_BY_ID] = { "stable_by_id", "stable_rt.cid_routed" },
	[LB_STABLE_BAD_ID] = { "stable_bad_id", "stable_rt.cid_invalid_server_id" },
	[LB_TCP_ID_BY_HASH] = { "tcp_id_by_hash", "tpr.ch_routed" },
	[LB_TCP_ID_BY_ID] = { "tcp_id_by_id", "tpr.sid_routed" },
	[LB_TCP_ID_BAD_ID] = { "tcp_id_bad_id", "" },
	[LB_TCP_ID_OTHER] = { "tcp_id_other", "tpr.dst_mismatch_in_lru" },
	[LB_TCP_ID_SYN] = { "tcp_id_syn", "tpr.tcp_syn" },
	[LB_MARK_EVENTS] = { "mark_events", "" },
	[LB_MARK_LIMITED] = { "mark_limited", "" },
	[LB_MARK_LOST] = { "mark_lost", "" },
	[LB_MARK_NO_MARK] = { "mark_no_mark", "" },
	[LB_MARK_KEPT] = { "mark_kept", "" },
};

const struct lb_counter_name *lb_counter_name(enum lb_counter counter)
{
	return &names[counter];
}

const char *lb_counter_verdict(enum lb_counter counter)
{
	if (counter >= LB_TABLE_PACKETS)
		return "";
	if (counter >= LB_FIRST_DROP)
		return "drop";
	return counter >= LB_FIRST_SENT ? "tx" : "pass";
}

/* All elements of a per-CPU array: the first @take numbers of each. */
static int sum_map(const struct lb_maps *maps, enum lb_map map, size_t take,
		   struct slot_reason *why, __u64 *ret_sums)
{
	const struct program_map *shape = lb_map_shape(map);
	size_t per = shape->value_size / sizeof(__u64);
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ __u64 *values = NULL;
	int err = cpus < 0 ? cpus : 0;

	if (!err)
		values = calloc((size_t)cpus, shape->value_size);
	if (!err && !values)
		err = -ENOMEM;
	memset(ret_sums, 0, shape->max_entries * take * sizeof(*ret_sums));
	for (__u32 i = 0; !err && i < shape->max_entries; i++) {
		err = bpf_map_lookup_elem(maps->fds[map], &i, values);
		for (size_t k = 0; !err && k < (size_t)cpus * per; k++)
			if (k % per < take)
				ret_sums[i * take + k % per] += values[k];
	}
	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", shape->name,
				     strerror(-err)) :
		     0;
}

int lb_stats_get(const struct lb_maps *maps, struct slot_reason *why, struct lb_stats *ret_stats)
{
	int err = sum_map(maps, LB_MAP_COUNTS, LB_COUNTERS, why, ret_stats->counts);

	if (!err)
		err = sum_map(maps, LB_MAP_VIP_COUNTS, 2, why, &ret_stats->vips[0].packets);
	return err ? err : sum_map(maps, LB_MAP_REAL_COUNTS, 2, why, &ret_stats->reals[0].packets);
}

int lb_stats_reset(const struct lb_maps *maps, enum lb_map map, __u32 index,
		   struct slot_reason *why)
{
	return program_map_clear(maps->fds[map], lb_map_shape(map), index, 1, why);
}
