/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff_out: what it counted. The rules are handoff's. */
#include "programs/cli.h"
#include "programs/handoff/handoff_abi.h"
#include "programs/shared/counts.h"

static const struct program_counter counters[HANDOFF_OUT_COUNTS_SIZE] = {
	[HANDOFF_OUT_REWRITE] = { "rewrite", "sent" },
	[HANDOFF_OUT_NONE] = { "none", "left" },
	[HANDOFF_OUT_FAMILY] = { "family", "left" },
	[HANDOFF_OUT_OPTIONS] = { "options", "left" },
	[HANDOFF_OUT_FRAGMENT] = { "fragment", "left" },
	[HANDOFF_OUT_CUT] = { "cut", "left" },
	[HANDOFF_OUT_BROKEN] = { "broken", "drop" },
};

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, HANDOFF_OUT_COUNTS_NAME, counters, HANDOFF_OUT_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "stats", cmd_stats, "",
	  "packets of connections with a rule, and why some stay as they are" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli handoff_out_cli = {
	.name = "handoff_out",
	.summary = "connections handed to this host: the source of what goes out (handoff show)",
	.commands = commands,
};
