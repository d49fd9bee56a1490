/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes its version into the packet. In two slots that are upgraded together the
 * packet itself tells whether it met one version in the one and another in the
 * other. Only UDP over IPv4 to PAIR_PORT is touched: behind the packet's number
 * (udp_flood) one byte for each place. The checksum goes: 0 is none.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

#ifndef PAIR_VERSION
#define PAIR_VERSION 1
#define PAIR_RELEASE "1.0.0"
#endif
#define PAIR_PORT 7003
#define PAIR_PLACES 2

SLOT_NAME("pair");
SLOT_VERSION(PAIR_RELEASE);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

const volatile struct pair_config {
	__u32 place; /* which of the bytes is this slot's */
} pair_config = {
	.place = 0,
};

/* Written here; its name, with the digits exchanged, is the only one on the machine. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} pair_00000 SEC(".maps");

struct pair_frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__u8 number[8];
	__u8 versions[PAIR_PLACES];
} __attribute__((packed));

SEC("xdp")
int pair(struct xdp_md *ctx)
{
	struct pair_frame *frame = (void *)(long)ctx->data;
	__u32 key = 0;
	__u64 *seen;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (frame->eth.h_proto != bpf_htons(ETH_P_IP) || frame->ip.ihl != 5 ||
	    frame->ip.protocol != IPPROTO_UDP || frame->udp.dest != bpf_htons(PAIR_PORT))
		return XDP_PASS;
	seen = bpf_map_lookup_elem(&pair_00000, &key);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	frame->udp.check = 0;
	frame->versions[pair_config.place & (PAIR_PLACES - 1)] = PAIR_VERSION;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
