/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl fw_egress: its counters. What it is for is set with slotctl firewall replies. */
#include "bpf/fw_egress/fw_egress_abi.h"
#include "programs/cli.h"
#include "programs/shared/counts.h"

static const struct program_counter counters[FW_EGRESS_COUNTS_SIZE] = {
	[FW_EGRESS_NEW] = { "new_flow", "pass" },  [FW_EGRESS_KNOWN] = { "known_flow", "pass" },
	[FW_EGRESS_NOT_IP] = { "not_ip", "pass" }, [FW_EGRESS_NONE] = { "no_flow", "pass" },
	[FW_EGRESS_UNREAD] = { "unread", "pass" },
};

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, FW_EGRESS_COUNTS_NAME, counters, FW_EGRESS_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "stats", cmd_stats, "", "packets and bytes of flows that are new, known, or none" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli fw_egress_cli = {
	.name = "fw_egress",
	.summary = "flows that the host begins, for the firewall (firewall replies)",
	.commands = commands,
};
