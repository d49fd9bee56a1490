/* SPDX-License-Identifier: GPL-2.0-only */
/* The command lines that programs bring along: slotctl PROGRAM COMMAND ... (programs/cli.h). */
#ifndef SLOTCTL_CMD_PROGRAM_H
#define SLOTCTL_CMD_PROGRAM_H

#include <stdio.h>

#include "loader/slotctl/slotctl.h"
#include "programs/cli.h"

/* slot_cli_find - the command line of the program @name, or NULL. */
const struct program_cli *slot_cli_find(const char *name);

/* slot_cli_has_options - whether the words name a command that reads what follows it itself. */
bool slot_cli_has_options(int argc, char *const *argv);

/* slot_cli_list - one line for each program; slot_cli_print - the usage of one. */
void slot_cli_list(FILE *out);
void slot_cli_print(const struct program_cli *cli, FILE *out);

/*
 * slot_cli_run - run the command argv[0] of @cli on the maps of its slot.
 *
 * They are in --map-dir, else where slotd says: in the slot that is reserved as
 * the program, else in the only one that runs it. Returns as commands do (slotctl.h).
 */
int slot_cli_run(struct slot_ctl *ctl, const struct program_cli *cli, int argc, char **argv);

#endif
