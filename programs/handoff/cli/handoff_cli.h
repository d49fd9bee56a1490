/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of `slotctl handoff` that have files of their own. */
#ifndef HANDOFF_CLI_H
#define HANDOFF_CLI_H

#include "programs/cli.h"
#include "programs/handoff/maps/handoff_rules.h"

int handoff_cmd_show(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_stats(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_agent(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_repair(const struct program_context *ctx, int argc, char **argv);

/* handoff_cli_claim - PROGRAM_CLAIM_MUTE of the last minute, if any: see struct program_cli. */
int handoff_cli_claim(const struct program_claims *claims, struct slot_reason *why);

/* handoff_rule_is_mute - its client was heard, and not answered by handoff_out, which may not run. */
bool handoff_rule_is_mute(const struct handoff_rule *rule);

#endif
