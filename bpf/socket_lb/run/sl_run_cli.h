/* SPDX-License-Identifier: GPL-2.0-only */
/* `slotctl socket_lb run`, which is `slotctl socket run` as well: its words. */
#ifndef SL_RUN_CLI_H
#define SL_RUN_CLI_H

#include "programs/cli.h"

#define SL_RUN_ARGS "[options] -- CMD [ARG]..."

/* What its options are, for its usage and that of its alias. */
extern const char sl_run_options[];

/*
 * sl_cmd_run - read the options among the @argc words and run the command behind them. Returns its
 * exit status, 128 + its signal, or enum program_exit.
 */
int sl_cmd_run(const struct program_context *ctx, int argc, char **argv);

#endif
