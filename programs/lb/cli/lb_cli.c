/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb: the load balancer's VIPs, reals and counters, as commands. */
#include "programs/lb/cli/lb_cli.h"

#include "loader/lib/base/cleanup.h"

int lb_cli_change(const struct program_context *ctx, lb_cli_edit edit, int argc, char **argv)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct slot_reason why;
	int err;

	if (lb_open(ctx->map_dir, true, &why, &lb))
		return program_fail(&why);
	err = edit(&lb, argc, argv, &why);
	if (err)
		slot_reason_append(&why, err, "; nothing was changed");
	else
		err = lb_commit(&lb, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

int lb_cli_look(const struct program_context *ctx, int argc, char **argv, struct lb *ret_lb,
		struct lb_model_vip **ret_only)
{
	struct lb_vip_name name;
	struct slot_reason why;
	int err;

	*ret_only = NULL;
	if (argc > 1)
		return PROGRAM_USAGE;
	err = lb_look(ctx->map_dir, &why, ret_lb);
	if (!err && argc)
		err = lb_vip_name_parse(argv[0], &why, &name);
	if (!err && argc)
		err = lb_vip_get(&ret_lb->model, &name, &why, ret_only);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static const struct program_command commands[] = {
	{ "set", lb_cmd_set, "KEY=VALUE...", "gateway, gue-port, source4, source6, new-flows" },
	{ "show", lb_cmd_show, "", "what holds for all VIPs" },
	{ "vip", lb_cmd_vip, "add|set VIP [KEY=VALUE...] | del VIP... | show [VIP]",
	  "addresses that are balanced" },
	{ "real", lb_cmd_real,
	  "add VIP REAL [KEY=VALUE...] | weight VIP REAL N | "
	  "drain|undrain|down|up|del VIP REAL | set REAL KEY=VALUE... | list [VIP]",
	  "where VIPs lead to" },
	{ "ring", lb_cmd_ring, "show VIP [--diff FILE] | refresh",
	  "shares, and what FILE would move" },
	{ "server-id", lb_cmd_server_id, "add ID REAL | del ID | list", "ids that clients carry" },
	{ "source", lb_cmd_source, "add PREFIX REAL | del PREFIX | list", "reals by client" },
	{ "tunnel", lb_cmd_tunnel, "add ADDR | del ADDR | list",
	  "ends of tunnels to balance out of (setting decap)" },
	{ "stats", lb_cmd_stats, "[--watch [SECONDS]]", "packets by VIP, real and outcome" },
	{ "check", lb_cmd_check, "[--once] FILE", "take reals that fail out, and in again" },
	{ "dump", lb_cmd_dump, "", "all of it, in the form that restore takes" },
	{ "restore", lb_cmd_restore, "FILE", "make what FILE says the state in force" },
	{ "import-katran", lb_cmd_import, "FILE", "add Katran's VIPs and reals" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli lb_cli = {
	.name = "lb",
	.summary = "balance TCP and UDP over many hosts",
	.commands = commands,
	.watch_command = "stats",
	.diff_command = "ring",
	.once_command = "check",
	.claim = lb_claim,
	.sync_ids = lb_sync_ids,
};
