/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root_kind.h"

#include <linux/pkt_cls.h>

/* What programs of sockets answer, enum sk_action, and what a root of theirs returns. */
#define SOCK_KNOWN                                                                                 \
	{                                                                                          \
		{ { SK_PASS }, 1, ROOT_COL_PASS },                                                 \
		{                                                                                  \
			{ SK_DROP }, 1, ROOT_COL_DROP                                              \
		}                                                                                  \
	}
#define SOCK_LEAVES                                                                                \
	{ [ROOT_COL_ABORTED] = SK_DROP,                                                            \
	  [ROOT_COL_DROP] = SK_DROP,                                                               \
	  [ROOT_COL_PASS] = SK_PASS,                                                               \
	  [ROOT_COL_TX] = SK_DROP,                                                                 \
	  [ROOT_COL_REDIRECT] = SK_DROP }

static const struct root_kind_facts facts[ROOT_KIND_COUNT] = {
	[ROOT_KIND_XDP] = {
		.context = "xdp_md",
		.context_size = sizeof(struct xdp_md),
		.set_offset = offsetof(struct xdp_md, ingress_ifindex),
		.leaves = { 0, 1, 2, 3, 4 },
	},
	[ROOT_KIND_TC] = {
		.context = "__sk_buff",
		.context_size = sizeof(struct __sk_buff),
		.set_offset = offsetof(struct __sk_buff, ifindex),
		.known = { { { TC_ACT_UNSPEC, TC_ACT_OK, TC_ACT_PIPE }, 3, ROOT_COL_PASS },
			   { { TC_ACT_SHOT }, 1, ROOT_COL_DROP },
			   { { TC_ACT_REDIRECT }, 1, ROOT_COL_REDIRECT } },
		/* No TC program answers with TX. */
		.leaves = { [ROOT_COL_ABORTED] = TC_ACT_SHOT,
			    [ROOT_COL_DROP] = TC_ACT_SHOT,
			    [ROOT_COL_PASS] = TC_ACT_UNSPEC,
			    [ROOT_COL_TX] = TC_ACT_SHOT,
			    [ROOT_COL_REDIRECT] = TC_ACT_REDIRECT },
	},
	[ROOT_KIND_SOCK_OPS] = {
		.context = "bpf_sock_ops",
		.context_size = sizeof(struct bpf_sock_ops),
		.set_offset = offsetof(struct bpf_sock_ops, family),
		.is_nesting = true,
		.known = SOCK_KNOWN,
		.leaves = SOCK_LEAVES,
	},
	[ROOT_KIND_SK_LOOKUP] = {
		.context = "bpf_sk_lookup",
		.context_size = sizeof(struct bpf_sk_lookup),
		.set_offset = offsetof(struct bpf_sk_lookup, family),
		.is_nesting = true,
		.known = SOCK_KNOWN,
		.leaves = SOCK_LEAVES,
	},
	[ROOT_KIND_SK_REUSEPORT] = {
		.context = "sk_reuseport_md",
		.context_size = sizeof(struct sk_reuseport_md),
		.set_offset = offsetof(struct sk_reuseport_md, ip_protocol),
		.is_nesting = true,
		.known = SOCK_KNOWN,
		.leaves = SOCK_LEAVES,
	},
};

const struct root_kind_facts *slot_root_kind_get(enum root_kind kind)
{
	return &facts[kind];
}
