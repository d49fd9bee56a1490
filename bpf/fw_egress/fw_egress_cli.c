/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slotctl fw_egress: the firewall of packets that go out. That the other one is to know their
 * flows is said with slotctl firewall replies.
 */
#include <errno.h>

#include "bpf/fw_egress/fw_egress_abi.h"
#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/file.h"

static const struct program_counter counters[FW_EGRESS_COUNTS_SIZE] = {
	[FW_EGRESS_NEW] = { "new_flow", "pass" },
	[FW_EGRESS_KNOWN] = { "known_flow", "pass" },
	[FW_EGRESS_NOT_IP] = { "not_ip", "pass" },
	[FW_EGRESS_NONE] = { "no_flow", "pass" },
	[FW_EGRESS_UNREAD] = { "unread", "pass" },
	[FW_EGRESS_NEIGHBOUR] = { "neighbour", "pass" },
	[FW_EGRESS_DENY_RULE] = { "deny_rule", "drop" },
	[FW_EGRESS_DENY_DEFAULT] = { "deny_default", "drop" },
	[FW_EGRESS_DENY_LIMIT] = { "deny_limit", "drop" },
	[FW_EGRESS_DENY_UNREAD] = { "deny_unread", "drop" },
};

static int with_file(const struct program_context *ctx, int argc, char **argv,
		     int (*use)(const struct program_context *ctx, enum fw_direction direction,
				const char *path, const char *text, size_t len))
{
	_cleanup_free_ char *text = NULL;
	struct slot_reason why;
	size_t len = 0;

	if (argc != 1)
		return PROGRAM_USAGE;
	if (program_file_read(argv[0], FW_TEXT_SIZE_MAX, &why, &text, &len)) {
		if (use == fw_cli_load)
			slot_reason_append(&why, -EIO, "; nothing was changed");
		return program_fail(&why);
	}
	return use(ctx, FW_OUTGOING, argv[0], text, len);
}

static int cmd_check(const struct program_context *ctx, int argc, char **argv)
{
	return with_file(ctx, argc, argv, fw_cli_check);
}

static int cmd_load(const struct program_context *ctx, int argc, char **argv)
{
	return with_file(ctx, argc, argv, fw_cli_load);
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return fw_cli_show(ctx, "all packets go out");
}

static int cmd_trace(const struct program_context *ctx, int argc, char **argv)
{
	return fw_cli_trace(ctx, FW_OUTGOING, argc, argv);
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, FW_EGRESS_COUNTS_NAME, counters, FW_EGRESS_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "check", cmd_check, "FILE", "what is wrong in FILE; needs no slotd" },
	{ "load", cmd_load, "FILE", "put the ruleset in FILE in force" },
	{ "show", cmd_show, "[--counters]", "the ruleset in force, and what its rules counted" },
	{ "trace", cmd_trace, "PACKET",
	  "what becomes of a packet, in words or hexadecimal digits, and why" },
	{ "samples", fw_cli_samples, "", "the latest packets that rules have sampled" },
	{ "stats", cmd_stats, "", "packets and bytes of flows, and by what dropped them" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli fw_egress_cli = {
	.name = "fw_egress",
	.summary = "rules on packets that go out, and their flows (firewall replies)",
	.commands = commands,
	.counters_command = "show",
	.offline_command = "check",
};
