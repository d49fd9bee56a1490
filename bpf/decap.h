/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking the outer headers of a tunnel off a frame: the Ethernet header and its VLAN
 * tags move up to the inner packet. What a tunnel is, and whether it ends here, whoever
 * calls this has found out before.
 */
#ifndef SLOT_BPF_DECAP_H
#define SLOT_BPF_DECAP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "bpf/parse.h"

/* An Ethernet header with all the tags that parse_eth() looks behind, in 16-bit words. */
#define DECAP_ADDRESS_WORDS (2 * ETH_ALEN / 2)
#define DECAP_TAG_WORDS (sizeof(struct parse_vlan) / 2)

struct decap_link {
	__be16 addresses[DECAP_ADDRESS_WORDS];
	__be16 type; /* of the packet, or of the first tag */
	__be16 tags[PARSE_VLAN_MAX][DECAP_TAG_WORDS];
};

static __always_inline void decap_set_type(struct decap_link *link, __u32 tags, __be16 proto)
{
	if (tags == 0)
		link->type = proto;
	else if (tags == 1)
		link->tags[0][1] = proto;
	else
		link->tags[1][1] = proto;
}

/* Only as many tags as there are: the inner packet follows at once. */
static __always_inline void decap_copy_link(struct decap_link *to, const struct decap_link *from,
					    __u32 tags)
{
	__builtin_memcpy(to->addresses, from->addresses, sizeof(to->addresses));
	to->type = from->type;
	if (tags > 0)
		__builtin_memcpy(to->tags[0], from->tags[0], sizeof(to->tags[0]));
	if (tags > 1)
		__builtin_memcpy(to->tags[1], from->tags[1], sizeof(to->tags[1]));
}

/* Without tags, as nearly all frames are: in words, and with nothing left to choose. */
static __always_inline int decap_remove_plain(struct xdp_md *ctx, __u32 len, __be16 proto)
{
	void *eth = (void *)(long)ctx->data;
	__u64 addresses;
	__u32 source;

	if (eth + ETH_HLEN > (void *)(long)ctx->data_end)
		return -1;
	addresses = *(__u64 *)eth;
	source = *(__u32 *)(eth + sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, len))
		return -1;
	eth = (void *)(long)ctx->data;
	if (eth + ETH_HLEN > (void *)(long)ctx->data_end)
		return -1;
	*(__u64 *)eth = addresses;
	*(__u32 *)(eth + sizeof(addresses)) = source;
	*(__be16 *)(eth + sizeof(addresses) + sizeof(source)) = proto;
	return 0;
}

/*
 * decap_remove_outer - move the first @link_len bytes, an Ethernet header and its tags,
 * up to the inner packet, which begins @len bytes behind the outer one, and set the
 * ethertype to @proto. Packet pointers are void afterwards. Returns 0, or -1 where the
 * inner packet has less than 8 bytes or the kernel would not move the packet's head.
 */
static __always_inline int decap_remove_outer(struct xdp_md *ctx, __u32 link_len, __u32 len,
					      __be16 proto)
{
	__u32 tags = (link_len - ETH_HLEN) / sizeof(struct parse_vlan);
	struct decap_link *link = (void *)(long)ctx->data, saved;

	if (!tags)
		return decap_remove_plain(ctx, len, proto);
	/* May be longer than the header, but not than the header and the packet behind it. */
	if ((void *)(link + 1) > (void *)(long)ctx->data_end)
		return -1;
	saved = *link;
	if (bpf_xdp_adjust_head(ctx, len))
		return -1;
	link = (void *)(long)ctx->data;
	if ((void *)(link + 1) > (void *)(long)ctx->data_end)
		return -1;

	decap_set_type(&saved, tags, proto);
	decap_copy_link(link, &saved, tags);
	return 0;
}

#endif
