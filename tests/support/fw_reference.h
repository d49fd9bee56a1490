/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a ruleset does to a frame, written plainly from its description: rules are asked
 * one after the other, of the frame's bytes. It shares nothing with the firewall.
 */
#ifndef TEST_FW_REFERENCE_H
#define TEST_FW_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fw_reference_part {
	FW_ANY_PART,
	FW_NO_PART,    /* whole packets only */
	FW_FIRST_PART, /* of a fragmented packet */
	FW_LATER_PART,
};

struct fw_reference_prefix {
	uint8_t addr[16];
	int len; /* bits; -1: any address */
};

struct fw_reference_ports {
	int lo, hi; /* both included; lo -1: any */
};

struct fw_reference_rule {
	int family; /* 4, 6, or 0: both, then without addresses */
	struct fw_reference_prefix src, dst;
	int proto;				/* -1: any */
	struct fw_reference_ports dport, sport; /* of TCP and UDP */
	uint8_t flags, flags_mask;		/* of TCP; mask 0: any */
	int icmp_type, icmp_code;		/* -1: any */
	enum fw_reference_part part;
	unsigned int ifindex; /* 0: any */
	bool is_accept;
};

enum fw_reference_verdict {
	FW_REFERENCE_PASS,
	FW_REFERENCE_DROP,
};

/*
 * fw_reference_judge - the verdict about the frame that came in by @ifindex.
 *
 * @policy_accept: of what no rule matches. @ret_rule: the rule that decided, or -1.
 */
enum fw_reference_verdict fw_reference_judge(const struct fw_reference_rule *rules, size_t count,
					     bool policy_accept, const uint8_t *frame, size_t len,
					     unsigned int ifindex, long *ret_rule);

#endif
