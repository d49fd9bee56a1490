/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header of Generic UDP Encapsulation (draft-ietf-intarea-gue), behind UDP.
 *
 * Variant 1 has none: the first bits are those of the inner IP header. Variant 0 has
 * four bytes and extension fields, whose length it tells, so that nobody has to know
 * them to look behind them.
 */
#ifndef SLOT_BPF_GUE_H
#define SLOT_BPF_GUE_H

#include <linux/in.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define GUE_VERSION_SHIFT 6
#define GUE_CONTROL_BIT 0x20
#define GUE_EXTRA_WORDS 0x1f /* of 32 bits, behind the first one */

enum gue_error {
	GUE_MALFORMED = -1, /* cut short, of another version, or there is no IP inside */
	GUE_CONTROL = -2,   /* a control message: nothing for anyone but the tunnel's end */
};

struct gue_header {
	__u8 first; /* version, control bit, extra words; in variant 1 the inner IP header's */
	__u8 proto; /* IPPROTO_*; of a control message its type */
	__be16 flags;
};

/*
 * gue_header_len - the bytes in front of the inner packet, which is of @ret_proto
 * (IPPROTO_IPIP or IPPROTO_IPV6), or a negative enum gue_error. Whether that many are
 * there is for the caller to find out.
 */
static __always_inline int gue_header_len(const struct gue_header *gue, const void *end,
					  __u8 *ret_proto)
{
	if ((void *)(&gue->first + 1) > end)
		return GUE_MALFORMED;
	if (gue->first >> GUE_VERSION_SHIFT) {
		*ret_proto = gue->first >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
		return gue->first >> 4 == 4 || gue->first >> 4 == 6 ? 0 : GUE_MALFORMED;
	}
	if ((void *)(gue + 1) > end)
		return GUE_MALFORMED;
	if (gue->first & GUE_CONTROL_BIT)
		return GUE_CONTROL;
	*ret_proto = gue->proto;
	if (gue->proto != IPPROTO_IPIP && gue->proto != IPPROTO_IPV6)
		return GUE_MALFORMED;
	return sizeof(*gue) + (gue->first & GUE_EXTRA_WORDS) * 4;
}

#endif
