/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of `slotctl handoff` that have files of their own. */
#ifndef HANDOFF_CLI_H
#define HANDOFF_CLI_H

#include "programs/cli.h"

int handoff_cmd_show(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_stats(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_agent(const struct program_context *ctx, int argc, char **argv);
int handoff_cmd_repair(const struct program_context *ctx, int argc, char **argv);

#endif
