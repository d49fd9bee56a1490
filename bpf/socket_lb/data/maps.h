/* SPDX-License-Identifier: GPL-2.0-only */
/* socket_lb's maps. */
#ifndef SOCKET_LB_DATA_MAPS_H
#define SOCKET_LB_DATA_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"
#include "bpf/socket_lb/socket_lb_abi.h"

/* Written by the control plane. A hash: the sockets' address is looked up for every packet. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_VIPS_MAX);
	__type(key, struct sl_vip_key);
	__type(value, struct sl_vip);
} sl_vips SEC(".maps") SLOT_TOGETHER("instances");

/* Written by server processes; an array, so that it can be mapped into them and watched. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SL_VIPS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sl_active);
} sl_active SEC(".maps") SLOT_TOGETHER("instances");

/* Written by server processes, each its own element. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SL_VIPS_MAX *SL_INSTANCES);
	__type(key, __u32);
	__type(value, struct sl_instance);
} sl_instances SEC(".maps") SLOT_TOGETHER("instances");

/*
 * Written by server processes, and by the kernel when a socket is closed. One array for all, no map
 * of maps: known flows are the old process's, so the arrays of both and which is active would have
 * to be found anyway: the outer map would be sl_active once more, with two maps a VIP to be made.
 * 64-bit values, so that user space can look up the cookies.
 */
struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, SL_VIPS_MAX *SL_INSTANCES *SL_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} sl_sockets SEC(".maps") SLOT_TOGETHER("instances");

/* Written here, read by who counts what is left to drain. LRU: of floods the oldest give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SL_FLOWS_MAX);
	__type(key, struct sl_flow_key);
	__type(value, struct sl_flow);
} sl_flows SEC(".maps") SLOT_ENTRIES("flows_max");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SL_COUNT_INDEX(SL_NO_VIP + 1, 0));
	__type(key, __u32);
	__type(value, struct slot_count);
} sl_counts SEC(".maps");

/* What the parts of the program hand on. */
struct sl_run {
	struct sk_reuseport_md *md;
	const struct sl_vip *vip;
	__u32 index; /* the VIP's */
};

/*
 * Unlike at the other hooks of sockets nothing else counts in between: the kernel asks for a packet
 * in a softirq, and for a connection of a listener that closes with softirqs off.
 */
static __always_inline void count(const struct sl_run *run, enum sl_counter counter)
{
	count_packet(&sl_counts, SL_COUNT_INDEX(run->index, counter), run->md->len);
}

#endif
