/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a packet's mark is read. */
#ifndef HWMARK_DATA_MARK_H
#define HWMARK_DATA_MARK_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "programs/hwmark/data/maps.h"

/* No mark, and the counter of why (enum hwmark_counter). */
#define MARK_FAILED(counter) (-1LL - (counter))
#define MARK_FAILURE(mark) (-1LL - (mark))

/* The kernel's own, as far as they are read here: where its types have their members. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct net_device;

struct sk_buff {
	struct net_device *dev;
	__u32 mark;
};

struct sk_buff_list {
	struct sk_buff *next;
};

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	struct xdp_rxq_info *rxq;
};

struct veth_xdp_buff {
	struct sk_buff *skb;
};

#ifdef __clang__
#pragma clang attribute pop
#endif

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;
/* NOLINTNEXTLINE(readability-redundant-declaration): libbpf has it since 1.4 only */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

static __always_inline __s64 read_meta(const struct xdp_md *ctx)
{
	const struct hwmark_meta *meta = (void *)(long)ctx->data_meta;
	const void *data = (void *)(long)ctx->data;

	if ((const void *)meta == data)
		return 0;
	if ((const void *)(meta + 1) > data || data - (const void *)meta != sizeof(*meta))
		return MARK_FAILED(HWMARK_OTHER_META);
	return meta->mark;
}

/*
 * The skb is what stands behind a veth's struct xdp_buff (Linux 6.3). veth may be a module,
 * whose types no cast takes: what is there is read as the first pointer of a list. Behind a
 * buffer that is no veth's stands anything: it is an skb if it came to the same device.
 */
static __always_inline __s64 read_veth(struct xdp_md *ctx)
{
	const struct sk_buff_list *behind;
	const struct xdp_buff *xdp;
	const struct sk_buff *skb;

	if (!bpf_ksym_exists(bpf_cast_to_kern_ctx) || !bpf_ksym_exists(bpf_rdonly_cast) ||
	    !bpf_core_field_exists(struct veth_xdp_buff, skb))
		return MARK_FAILED(HWMARK_NO_SOURCE);
	xdp = bpf_cast_to_kern_ctx(ctx);
	behind = bpf_rdonly_cast((const void *)xdp +
					 bpf_core_field_offset(struct veth_xdp_buff, skb),
				 bpf_core_type_id_kernel(struct sk_buff_list));
	skb = behind->next;
	if (!skb || skb->dev != xdp->rxq->dev)
		return 0;
	return skb->mark;
}

/* read_mark - 0: the packet has none; less: MARK_FAILED(). */
static __always_inline __s64 read_mark(struct xdp_md *ctx)
{
	return hwmark_config.mark_from == HWMARK_VETH ? read_veth(ctx) : read_meta(ctx);
}

#endif
