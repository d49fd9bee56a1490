/* SPDX-License-Identifier: GPL-2.0-only */
/* A firewall of its own, of either direction, with a compiled ruleset in force. */
#ifndef TEST_FW_CASE_H
#define TEST_FW_CASE_H

#include "programs/firewall/firewall_abi.h"
#include "programs/firewall/maps/fw_bank.h"

struct bpf_object;

/* What a ruleset is made of, not yet compiled; entries in the order of their rules. */
struct fw_case_rules {
	const struct fw_entry *entries4, *entries6;
	size_t count4, count6;
	const struct fw_action *actions;
	size_t action_count;
	__u32 policy; /* enum fw_verdict */
	__u32 rules;
};

/* fw_case_open - a loaded firewall with room for @rules_max; the caller closes it. */
struct bpf_object *fw_case_open(size_t rules_max);

/* fw_case_open_egress - the same of the program for packets that go out. */
struct bpf_object *fw_case_open_egress(size_t rules_max);

/* fw_case_load - compile @rules and put them in force. */
void fw_case_load(struct bpf_object *object, const struct fw_case_rules *rules);

/* By the name that fw_case_text() knows it by. */
struct fw_case_interface {
	const char *name;
	__u32 ifindex;
};

/*
 * fw_case_text - read, compile and put in force the ruleset @text; its interfaces are those of
 * @interfaces, up to one without a name.
 */
void fw_case_text(struct bpf_object *object, const char *text,
		  const struct fw_case_interface *interfaces);

/* fw_case_hits - what the rule's counters say of the ruleset in force. */
void fw_case_hits(struct bpf_object *object, __u32 rule, __u64 *ret_packets, __u64 *ret_bytes);

/* fw_case_scale - what to multiply draws with: @all where SLOTD_FAULTS=all, on the host, else 1. */
int fw_case_scale(int all);

#endif
