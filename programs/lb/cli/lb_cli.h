/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `slotctl lb` share. */
#ifndef LB_CLI_H
#define LB_CLI_H

#include "programs/cli.h"
#include "programs/lb/lb.h"
#include "programs/shared/fail.h"
#include "programs/shared/words.h"

/* An edit of the model, with the arguments behind the verb. Returns 0 or -errno. */
typedef int (*lb_cli_edit)(struct lb *lb, int argc, char **argv, struct slot_reason *why);

/* lb_cli_change - open, edit, commit. Says nothing when it is done. */
int lb_cli_change(const struct program_context *ctx, lb_cli_edit edit, int argc, char **argv);

/*
 * lb_cli_look - read what there is into @ret_lb, which lb_close() frees whatever is returned,
 * and the VIP that argv[0] names, if there is one, into @ret_only: else NULL.
 * Returns PROGRAM_OK, or has said why.
 */
int lb_cli_look(const struct program_context *ctx, int argc, char **argv, struct lb *ret_lb,
		struct lb_model_vip **ret_only);

/* lb_cli_load - make @model what the dump in the file @path says. Returns 0 or -errno. */
int lb_cli_load(const char *path, struct lb_model *model, struct slot_reason *why);

/* lb_claim - what struct program_cli calls claim. */
int lb_claim(const struct program_claims *claims, struct slot_reason *why);

/* lb_sync_ids - what struct program_cli calls sync_ids. */
int lb_sync_ids(const struct program_ids *ids, struct slot_reason *why);

int lb_cmd_vip(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_real(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_set(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_server_id(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_source(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_tunnel(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_ring(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_stats(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_dump(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_restore(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_import(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_show(const struct program_context *ctx, int argc, char **argv);
int lb_cmd_check(const struct program_context *ctx, int argc, char **argv);

#endif
