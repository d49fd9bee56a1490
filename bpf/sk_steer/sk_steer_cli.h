/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of sk_steer's command line share. */
#ifndef SK_STEER_CLI_H
#define SK_STEER_CLI_H

#include "programs/cli.h"

/* sk_steer_cmd_socket - `slotctl sk_steer socket ...`. Returns enum program_exit. */
int sk_steer_cmd_socket(const struct program_context *ctx, int argc, char **argv);

#endif
