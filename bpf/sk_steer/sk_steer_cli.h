/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of sk_steer's command line share. */
#ifndef SK_STEER_CLI_H
#define SK_STEER_CLI_H

#include "bpf/sk_steer/sk_steer.h"
#include "programs/cli.h"

/* sk_steer_cmd_socket - `slotctl sk_steer socket ...`. Returns enum program_exit. */
int sk_steer_cmd_socket(const struct program_context *ctx, int argc, char **argv);

/*
 * sk_steer_note_new - a line on stderr with the groups that @change made, which may be a typing error:
 * nothing is led anywhere by a group that @lacks a "rule", or a "socket".
 */
void sk_steer_note_new(const struct sk_steer_change *change, const char *lacks);

#endif
