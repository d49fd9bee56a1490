/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps by which packets are sent to reals: the load balancer's, which hwmark's object
 * declares as well, to be given the same ones.
 */
#ifndef LB_DATA_SEND_MAPS_H
#define LB_DATA_SEND_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count_abi.h"
#include "programs/lb/lb_abi.h"

/* What hwmark says of them: SLOT_BORROWED. */
#ifndef LB_SEND_MAP_TAG
#define LB_SEND_MAP_TAG
#endif

/* Written by the control plane, read here: two, of which lb_active names one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct lb_control);
} lb_control LB_SEND_MAP_TAG SEC(".maps");

/* Written by the control plane, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} lb_active LB_SEND_MAP_TAG SEC(".maps");

/* Written by the control plane, read here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} lb_generation LB_SEND_MAP_TAG SEC(".maps");

/* Written by the control plane, read here for every packet that is sent to a real. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_REAL_INDEXES);
	__type(key, __u32);
	__type(value, struct lb_real);
} lb_reals LB_SEND_MAP_TAG SEC(".maps");

/* Written here, read by the control plane, by VIP number; per CPU, so that none waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_VIPS_MAX);
	__type(key, __u32);
	__type(value, struct slot_count);
} lb_vip_counts LB_SEND_MAP_TAG SEC(".maps");

/* As lb_vip_counts, by index of the real. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_REAL_INDEXES);
	__type(key, __u32);
	__type(value, struct slot_count);
} lb_real_counts LB_SEND_MAP_TAG SEC(".maps");

#endif
