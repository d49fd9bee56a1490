/* SPDX-License-Identifier: GPL-2.0-only */
/* What a ruleset says of a packet, whichever way it goes. */
#ifndef FW_DATA_JUDGE_H
#define FW_DATA_JUDGE_H

#include <linux/icmpv6.h>

#include "programs/firewall/data/act.h"
#include "programs/firewall/data/find.h"
#include "programs/firewall/data/read.h"

/* What is left of a packet when it has been read, for the rules. */
struct judged {
	struct fw_key key;
	__u32 len;	 /* of the packet, in bytes */
	__u32 quoted_at; /* of an ICMP error: what it quotes */
	__u32 is_neighbour;
};

struct ruleset {
	const struct fw_head *head;
	__u32 load; /* its number; 0: none has been loaded, it is empty */
};

enum judge_answer {
	JUDGE_NO_RULE,
	JUDGE_ACCEPT,
	JUDGE_DROP,
	JUDGE_LIMIT, /* a rule would accept it, and its limit is exceeded */
};

/* RFC 4861: router and neighbour solicitation and advertisement, redirect; never forwarded. */
static __always_inline bool is_neighbour(const struct parse_payload *payload, __u64 first_word,
					 __u8 hop_limit)
{
	__u8 type = first_word >> (FW_DPORT_SHIFT + 8);

	return payload->proto == IPPROTO_ICMPV6 && first_word >> FW_PORTS_SHIFT & 1 &&
	       payload->len >= sizeof(struct icmp6hdr) && hop_limit == 255 &&
	       type >= FW_NEIGHBOUR_FIRST && type <= FW_NEIGHBOUR_LAST;
}

/* The ruleset in force. */
static __always_inline bool get_ruleset(struct ruleset *ret_ruleset)
{
	__u32 zero = 0;
	struct fw_rulesets *rulesets = bpf_map_lookup_elem(&fw_rulesets, &zero);

	if (!rulesets)
		return false;
	ret_ruleset->load = *(volatile __u32 *)&rulesets->loads;
	ret_ruleset->head = &rulesets->banks[ret_ruleset->load & (FW_BANKS - 1)];
	return true;
}

/* The rule's action, where it has one. */
static __always_inline enum judge_answer refine(const struct reader *from,
						const struct judged *judged, __u32 load,
						const struct fw_found *found)
{
	__u32 bank = load & (FW_BANKS - 1);
	bool is_accepted = FW_ANSWER_VERDICT(found->answer) == FW_ACCEPT;
	__u32 index = bank * FW_ACTIONS_MAX + FW_ANSWER_ACTION(found->answer) - 1;
	struct fw_action *action = NULL;

	if (FW_ANSWER_ACTION(found->answer))
		action = bpf_map_lookup_elem(&fw_actions, &index);
	if (action && action->sample_every && !(bpf_get_prandom_u32() % action->sample_every))
		keep_sample(from, judged->len, load, found->rule);
	if (action && action->limit && !fw_is_within_limit(action, &judged->key, index, load))
		return JUDGE_LIMIT;
	return is_accepted ? JUDGE_ACCEPT : JUDGE_DROP;
}

/*
 * However a packet was read, the verifier is to see the same from here on: it would
 * walk all that follows once for each way.
 */
static __always_inline void forget_ways(struct judged *judged)
{
	judged->len = verifier_forget(judged->len);
	judged->quoted_at = verifier_forget(judged->quoted_at);
	judged->is_neighbour = verifier_forget(judged->is_neighbour);
}

static __always_inline enum judge_answer ask_rules(const struct reader *from,
						   const struct ruleset *ruleset,
						   struct judged *judged, __u32 ifindex)
{
	struct fw_found found;

	forget_ways(judged);
	judged->key.words[0] |= get_interface(ruleset->head, ifindex);
	judged->key.words[0] = verifier_forget_word(judged->key.words[0]);
	found = find_rule(ruleset->head, &judged->key);
	if (found.rule == FW_NO_RULE)
		return JUDGE_NO_RULE;
	count_hit(ruleset->head, found.rule, judged->len);
	return refine(from, judged, ruleset->load, &found);
}

/*
 * The guards that a packet with this first word of its key has to pass, FW_GUARDS_OF_PACKET at
 * most: their numbers from 1 on, a byte each, the last in the lowest. Global and unrolled, as
 * fw_find(), and without a branch that the verifier would learn from.
 */
__noinline __u32 fw_find_guards(const struct fw_head *head, __u64 word)
{
	__u64 guards = 0;

	if (!head)
		return 0;
	VERIFIER_UNROLL
	for (__u32 i = 0; i < FW_GUARDS_MAX; i++) {
		const struct fw_bits *bits = &head->guards[i].bits;
		__u64 miss = ((word ^ bits->value) & bits->mask) |
			     guards >> 8 * (FW_GUARDS_OF_PACKET - 1);
		__s64 is_miss = miss | -miss;

		if (i >= head->guard_count)
			break;
		barrier_var(is_miss);
		guards ^= (guards ^ (guards << 8 | (i + 1))) & ~(is_miss >> 63);
	}
	return guards;
}

static __always_inline __u32 find_guards(const struct fw_head *head, const struct judged *judged)
{
	return head->guard_count ? fw_find_guards(head, judged->key.words[0]) : 0;
}

/* Whether the @guard'th guard lets the packet through. */
static __always_inline bool pass_guard(const struct ruleset *ruleset, const struct judged *judged,
				       __u32 guard)
{
	const struct fw_guard *it = &ruleset->head->guards[(guard - 1) % FW_GUARDS_MAX];
	__u32 index = (ruleset->load & (FW_BANKS - 1)) * FW_ACTIONS_MAX + it->action;
	struct fw_action *action = bpf_map_lookup_elem(&fw_actions, &index);

	if (!action || fw_is_within_limit(action, &judged->key, index, ruleset->load))
		return true;
	count_hit(ruleset->head, it->rule, judged->len);
	return false;
}

/* Whether all of @guards do. */
static __always_inline bool pass_guards(const struct ruleset *ruleset, const struct judged *judged,
					__u32 guards)
{
	for (int i = FW_GUARDS_OF_PACKET - 1; i >= 0; i--) {
		__u8 guard = guards >> 8 * i;

		if (guard && !pass_guard(ruleset, judged, guard))
			return false;
	}
	return true;
}

#endif
