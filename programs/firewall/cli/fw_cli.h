/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall: the commands on rulesets. */
#ifndef FW_CLI_H
#define FW_CLI_H

#include "loader/lib/base/reason.h"
#include "programs/cli.h"
#include "programs/firewall/maps/fw_store.h"

/* fw_cli_format_time - @time_s since 1970, as 2026-01-31T12:00:00Z. */
void fw_cli_format_time(__u64 time_s, size_t size, char *ret_text);

/* fw_cli_load - put the ruleset in @text, which is that of the file @path, in force. */
int fw_cli_load(const struct program_context *ctx, enum fw_direction direction, const char *path,
		const char *text, size_t len);

/* fw_cli_check - whether fw_cli_load() would take it, as far as can be known without the slot. */
int fw_cli_check(const struct program_context *ctx, enum fw_direction direction, const char *path,
		 const char *text, size_t len);

/* fw_cli_show - the ruleset in force; @nothing: what decides where none is. */
int fw_cli_show(const struct program_context *ctx, const char *nothing);

/* fw_cli_trace - what becomes of the packet in the words @argv. */
int fw_cli_trace(const struct program_context *ctx, enum fw_direction direction, int argc,
		 char **argv);

int fw_cli_replies(const struct program_context *ctx, int argc, char **argv);
int fw_cli_samples(const struct program_context *ctx, int argc, char **argv);

/*
 * fw_cli_get - the ruleset in force, by the maps of @ctx; @loaded's text is NULL where there is
 * none. What it gives is the caller's to close and to free, even when it fails; says why.
 */
int fw_cli_get(const struct program_context *ctx, struct fw_store *store, struct fw_loaded *loaded,
	       struct fw_ruleset *set);

/*
 * fw_cli_open_replies - the map that says where flows are, as program_map_open(). Its element
 * is read as the number of a map.
 */
int fw_cli_open_replies(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd);

/* fw_cli_rule_text - @rule in words; the caller frees it. NULL: out of memory. */
char *fw_cli_rule_text(const struct fw_ruleset *set, const struct fw_rule *rule);

#endif
