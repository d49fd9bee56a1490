/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fw_egress's BPF side and its control plane agree on, beside bpf/fw_flow_abi.h, and
 * programs/firewall/fw_abi.h, whose maps it has as well.
 */
#ifndef FW_EGRESS_ABI_H
#define FW_EGRESS_ABI_H

#include <linux/types.h>

#define FW_EGRESS_COUNTS_NAME "fw_flow_counts"
#define FW_EGRESS_COUNTS_SIZE 32
/* Counters from here on are of dropped packets. */
#define FW_EGRESS_FIRST_DROP 16

/* By default it has less room than the firewall: most hosts' rules are about what comes in. */
#define FW_EGRESS_RULES_DEFAULT 1024
#define FW_EGRESS_SOURCES_DEFAULT 1024

/* Elements of fw_flow_counts (per-CPU array of struct slot_count). Every packet counts once. */
enum fw_egress_counter {
	FW_EGRESS_NEW,	     /* of a flow that was not known, or not any more */
	FW_EGRESS_KNOWN,     /* of one that was */
	FW_EGRESS_NOT_IP,    /* neither IPv4 nor IPv6 */
	FW_EGRESS_NONE,	     /* begins none: answers, ICMP other than echoes, parts without ports */
	FW_EGRESS_UNREAD,    /* headers that could not be read to the end, and no ruleset */
	FW_EGRESS_NEIGHBOUR, /* IPv6 neighbour discovery that the policy would drop */

	/* Dropped by the ruleset. */
	FW_EGRESS_DENY_RULE = FW_EGRESS_FIRST_DROP,
	FW_EGRESS_DENY_DEFAULT, /* policy drop, and no rule accepts it */
	FW_EGRESS_DENY_LIMIT,	/* more than the limit of the rule that accepts it, or of a guard */
	FW_EGRESS_DENY_UNREAD,	/* headers that could not be read to the end */
	FW_EGRESS_COUNTER_COUNT,
};

/* Load-time settings, by these names in `settings { }` of slots.conf: sizes of maps. */
struct fw_egress_config {
	__u32 flows_max; /* flows that are kept; the one that was quiet the longest gives way */
	__u32 rules_max; /* room for rules of a ruleset */
	__u32 limited_sources_max; /* sources that have a limit of their own */
};

_Static_assert(FW_EGRESS_COUNTER_COUNT <= FW_EGRESS_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct fw_egress_config) == 12, "layout of fw_egress_config");

#endif
