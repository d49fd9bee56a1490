/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `slotctl hwmark` share. */
#ifndef HWMARK_CLI_H
#define HWMARK_CLI_H

#include "programs/cli.h"
#include "programs/hwmark/maps/hwmark_maps.h"
#include "programs/lb/model/lb_words.h"
#include "programs/shared/fail.h"

/*
 * hwmark_cli_setting - what slotd knows that the slot's setting @name was given as, or
 * @otherwise, the program's own default; "unknown" where slotd was not asked.
 */
const char *hwmark_cli_setting(const struct program_context *ctx, const char *name,
			       const char *otherwise);

/* hwmark_cli_client - the client of @entry as `ADDR:PORT`; "any" of an entry for all of them. */
void hwmark_cli_client(const struct hwmark_entry *entry, char ret_text[LB_WORDS_MAX]);
/* hwmark_cli_real - the real's address; "gone" where it is. */
void hwmark_cli_real(const struct hwmark_maps *maps, const struct hwmark_entry *entry,
		     char ret_text[LB_WORDS_MAX]);

int hwmark_cmd_stats(const struct program_context *ctx, int argc, char **argv);
int hwmark_cmd_agent(const struct program_context *ctx, int argc, char **argv);
int hwmark_cmd_flows(const struct program_context *ctx, int argc, char **argv);
int hwmark_cmd_flush(const struct program_context *ctx, int argc, char **argv);

#endif
