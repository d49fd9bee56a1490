/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of slotctl socket_lb share. */
#ifndef SOCKET_LB_CLI_H
#define SOCKET_LB_CLI_H

#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "programs/cli.h"

int sl_cmd_instances(const struct program_context *ctx, int argc, char **argv);
int sl_cmd_flows(const struct program_context *ctx, int argc, char **argv);
int sl_cmd_stats(const struct program_context *ctx, int argc, char **argv);

/* sl_cli_vip - the VIP that @word names, with its index. Returns 0 or -errno; says why. */
int sl_cli_vip(const struct sl_maps *maps, const char *word, struct slot_reason *why,
	       struct sl_vip_entry *ret_vip);

/*
 * sl_cli_vips - the VIP that @word names, or all of them where it is NULL. @ret_vips is the
 * caller's to free. Returns 0 or -errno; says why.
 */
int sl_cli_vips(const struct sl_maps *maps, const char *word, struct slot_reason *why,
		struct sl_vip_entry **ret_vips, size_t *ret_count);

/* sl_cli_claim - as program_cli's claim: each VIP, and each socket that is registered. */
int sl_cli_claim(const struct program_claims *claims, struct slot_reason *why);

#endif
