/* SPDX-License-Identifier: GPL-2.0-only */
/* What fw_egress's BPF side and its control plane agree on, beside bpf/fw_flow_abi.h. */
#ifndef FW_EGRESS_ABI_H
#define FW_EGRESS_ABI_H

#include <linux/types.h>

#define FW_EGRESS_COUNTS_NAME "fw_flow_counts"
#define FW_EGRESS_COUNTS_SIZE 8

/* Elements of fw_flow_counts (per-CPU array of struct slot_count). Every packet counts once. */
enum fw_egress_counter {
	FW_EGRESS_NEW,	  /* of a flow that was not known, or not any more */
	FW_EGRESS_KNOWN,  /* of one that was */
	FW_EGRESS_NOT_IP, /* neither IPv4 nor IPv6 */
	FW_EGRESS_NONE,	  /* begins none: answers, ICMP other than echoes, parts without ports */
	FW_EGRESS_UNREAD, /* headers that could not be read to the end */
	FW_EGRESS_COUNTER_COUNT,
};

/* Load-time settings, by these names in `settings { }` of slots.conf. */
struct fw_egress_config {
	__u32 flows_max; /* flows that are kept; the one that was quiet the longest gives way */
};

_Static_assert(FW_EGRESS_COUNTER_COUNT <= FW_EGRESS_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct fw_egress_config) == 4, "layout of fw_egress_config");

#endif
