/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program does with a packet, and why, by all that it goes by: the order is its own. Pure. */
#ifndef FW_JUDGE_H
#define FW_JUDGE_H

#include "programs/firewall/firewall_abi.h"
#include "programs/firewall/rules/fw_frame.h"

enum fw_outcome {
	FW_OUTCOME_NONE, /* not judged yet */
	FW_OUTCOME_ACCEPT,
	FW_OUTCOME_DROP,
	FW_OUTCOME_SETTINGS, /* the slot's settings decide, which are not known */
	FW_OUTCOME_COUNT,
};

extern const char *const fw_outcome_names[FW_OUTCOME_COUNT];

struct fw_judgement {
	enum fw_outcome outcome;
	const char *by;	 /* frame, list, settings, rule, reply, policy or neighbour */
	const char *why; /* in words */
	char also[256];	 /* what else the verdict depends on; "": nothing */
};

enum fw_reply {
	FW_REPLY_NO,
	FW_REPLY_YES,
	FW_REPLY_UNKNOWN,	/* who asks may not look */
	FW_REPLY_UNKNOWN_ERROR, /* an ICMP error: what it quotes is not looked at */
};

/* What else decides about a packet that comes in. Of one that goes out: all 0. */
struct fw_facts {
	bool has_config; /* whether the slot's settings are known */
	struct firewall_config config;
	__u32 source_lists, port_lists; /* FIREWALL_ALLOW, FIREWALL_DENY: the lists that name it */
	enum fw_reply reply;
};

/* What is asked, and what was found on the way. */
struct fw_question {
	enum fw_direction direction;
	enum fw_reading reading;
	struct fw_packet packet;
	struct fw_ruleset set; /* in force; fw_ruleset_free */
	bool has_ruleset;
	struct fw_trace trace; /* of the ruleset, where it came to that */
};

/*
 * fw_judge - what becomes of @question's packet, by the ruleset in it and @facts; its trace is
 * filled where it comes to the rules.
 */
void fw_judge(struct fw_question *question, const struct fw_facts *facts,
	      struct fw_judgement *ret_judgement);

#endif
