/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program does with a packet, and why, by all that it goes by: the order is its own. */
#ifndef FW_JUDGE_H
#define FW_JUDGE_H

#include "programs/cli.h"
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

/* What is asked, and what was found on the way. */
struct fw_question {
	const struct program_context *ctx;
	enum fw_direction direction;
	enum fw_reading reading;
	struct fw_packet packet;
	struct fw_ruleset set; /* in force; fw_ruleset_free */
	bool has_ruleset;
	struct fw_trace trace; /* of the ruleset, where it came to that */
};

/* fw_judge - by the maps of @question's context. Returns 0, or -errno and says why. */
int fw_judge(struct fw_question *question, struct slot_reason *why,
	     struct fw_judgement *ret_judgement);

#endif
