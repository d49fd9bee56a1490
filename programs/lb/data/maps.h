/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's maps and its settings. Only lb.bpf.c includes this, through its parts. */
#ifndef LB_DATA_MAPS_H
#define LB_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/tcp_id_abi.h"
#include "programs/lb/data/send_maps.h"

const volatile struct lb_config lb_config = {
	.hash = LB_JHASH,
	.tcp_option_kind = TCP_ID_KATRAN,
	.mtu = 1500,
	.tcp_option_magic = TCP_ID_MAGIC,
	.hwmark_packets = 32,
	.hwmark_seconds = 4,
	.hwmark_rate = 1000,
};

/* Written by the control plane, read here, for packets that the filter lets through. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_VIPS_MAX);
	__type(key, struct lb_vip4_key);
	__type(value, struct lb_vip);
} lb_vips4 SEC(".maps");

/* As lb_vips4. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_VIPS_MAX);
	__type(key, struct lb_vip6_key);
	__type(value, struct lb_vip);
} lb_vips6 SEC(".maps");

/* As lb_vips4, asked only where there are any (LB_HAS_CIDRS). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_CIDRS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_cidr4_key);
	__type(value, struct lb_vip);
} lb_cidrs4 SEC(".maps");

/* As lb_cidrs4. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_CIDRS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_cidr6_key);
	__type(value, struct lb_vip);
} lb_cidrs6 SEC(".maps");

/*
 * Written by the control plane, read here. In pages, as only root may create a map
 * for each VIP; not allocated in advance, as few VIPs have all that room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_PAGES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct lb_ring_page);
} lb_rings SEC(".maps");

/* As lb_rings. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_VIPS_MAX * 2 * LB_PREVIOUS_PAGES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct lb_previous_page);
} lb_previous SEC(".maps");

/*
 * Written and read here, by all CPUs, without locks. An array that could be mapped begins
 * at a page, others 8 bytes before a cache line ends: a bucket would be in two of them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_bucket);
} lb_flows SEC(".maps");

/* Written by the control plane, read here, for VIPs with LB_SRC_ROUTING. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_SOURCES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_source4_key);
	__type(value, __u32);
} lb_sources4 SEC(".maps");

/* As lb_sources4. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_SOURCES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_source6_key);
	__type(value, __u32);
} lb_sources6 SEC(".maps");

/* Written by the control plane, read here, for packets that carry an id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_SERVER_IDS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} lb_server_ids SEC(".maps");

/* Written by the control plane, read here, for VIPs with LB_FLOW_MIGRATION. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MEMBERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_down_key);
	__type(value, __u8);
} lb_down SEC(".maps");

/* Written by the control plane, read here where there are any (LB_HAS_RETURNS). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MEMBERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_return4_key);
	__type(value, __be32);
} lb_returns4 SEC(".maps");

/* As lb_returns4. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MEMBERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_return6_key);
	__type(value, struct lb_address);
} lb_returns6 SEC(".maps");

/* Written by the control plane, read here for tunnel packets (lb_config.decap). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_TUNNELS_MAX);
	__type(key, struct lb_address);
	__type(value, __u8);
} lb_tunnels SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_counts);
} lb_counts SEC(".maps");

/* Written and read here: how many flows are new in this second, on each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_rate);
} lb_rate SEC(".maps");

/*
 * What a look-up led to of late: a hash map costs as much as half of all else that is
 * done with a packet, an element of an array next to nothing.
 */
#define KNOWN_VIPS 256
#define KNOWN_IDS 512

struct lb_known_vip {
	__u64 stamp; /* lb_run's when it was looked up */
	__u32 dst[4];
	__u32 ports;	     /* destination port, protocol and family: see vip_ports() */
	__u32 has_all_ports; /* it was found by port 0 */
	struct lb_vip vip;
	__u64 pad; /* to a cache line */
};

struct lb_known_id {
	__u64 stamp;
	__u32 id;
	__u32 index;
};

/* This CPU's own. Places are chosen by a hash: who comes later has the place. */
struct lb_known {
	struct lb_known_vip vips[KNOWN_VIPS];
	struct lb_known_id ids[KNOWN_IDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_known);
} lb_known SEC(".maps");

/*
 * The same of entries of rings, for all CPUs: in the upper half what entry it is of which
 * ring (ring_tag()), in the lower one the entry. Room for the rings of 16 VIPs.
 */
#define KNOWN_ENTRIES (1 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KNOWN_ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} lb_entries SEC(".maps");

/* Written and read here, with `hwmark`: this CPU's flows that may be worth a mark. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_CANDIDATES);
	__type(key, __u32);
	__type(value, struct lb_candidate);
} lb_candidates SEC(".maps");

/* Written and read here, with `hwmark`: how many of them there were in this second. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_mark_rate);
} lb_mark_rate SEC(".maps");

/*
 * With `hwmark`: marks that user space puts and this CPU takes, in memory that both map, as a
 * queue map would take a call for each mark, and a lock.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MARK_POOL_CPUS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_mark_pool);
} lb_mark_pool SEC(".maps");

/*
 * Written here, with `hwmark`, read by user space, which sleeps until something comes. One
 * for all CPUs: flows that are told of are few (`hwmark_rate`).
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, LB_MARKS_WANTED_BYTES);
} lb_marks_wanted SEC(".maps");

/* The control plane's own: what VIPs are, and which reals they have. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_VIPS_MAX);
	__type(key, __u32);
	__type(value, struct lb_note);
} lb_notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MEMBERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_member_key);
	__type(value, struct lb_member);
} lb_members SEC(".maps");

#endif
