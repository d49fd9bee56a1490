/* SPDX-License-Identifier: GPL-2.0-only */
/* What slotd knows of a slot, for the commands of the program in it. */
#ifndef SLOTCTL_PROGRAM_SLOT_H
#define SLOTCTL_PROGRAM_SLOT_H

#include "loader/slotctl/slotctl.h"
#include "programs/cli.h"

struct slot_cli_slot {
	struct program_slot slot;
	struct slot_ctl *ctl;
	const json_t *chain;	 /* slotd's answer */
	json_int_t number;	 /* of the slot */
	json_t *settings;	 /* when somebody has asked for them */
	json_t *beside;		 /* another slot's, likewise */
	unsigned int timeout_ms; /* for those that ask; 0: as always */
};

/*
 * slot_cli_slot_make - for slot @number of the chain that @chain, slotd's answer, is about; both
 * @ctl and @chain have to stay. For slot_cli_slot_free.
 */
struct slot_cli_slot slot_cli_slot_make(struct slot_ctl *ctl, const json_t *chain,
					json_int_t number);
void slot_cli_slot_free(struct slot_cli_slot *slot);

#endif
