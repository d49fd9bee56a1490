/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes its id into the packet, so that the packet itself tells which
 * instances it met, and in which order: no map to share. Only frames of the
 * local experimental ethertype are touched: after the Ethernet header one byte
 * holds the number of stamps, the next STAMPS_MAX bytes the ids.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define STAMP_ETHERTYPE 0x88b5
#define STAMPS_MAX 24

const volatile struct stamp_config {
	__u8 id;
	__s32 verdict;
} stamp_config = {
	.id = 0,
	.verdict = XDP_PASS,
};

struct stamped_frame {
	struct ethhdr eth;
	__u8 stamps;
	__u8 id[STAMPS_MAX];
};

SEC("xdp")
int stamp(struct xdp_md *ctx)
{
	struct stamped_frame *frame = (void *)(long)ctx->data;
	__u8 *id;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return stamp_config.verdict;
	if (frame->eth.h_proto != bpf_htons(STAMP_ETHERTYPE))
		return stamp_config.verdict;

	if (frame->stamps >= STAMPS_MAX)
		return stamp_config.verdict;
	/* A variable offset: the verifier wants the pointer itself compared. */
	id = frame->id + frame->stamps;
	if ((void *)(id + 1) > (void *)(long)ctx->data_end)
		return stamp_config.verdict;
	*id = stamp_config.id;
	frame->stamps++;
	return stamp_config.verdict;
}

char LICENSE[] SEC("license") = "GPL";
