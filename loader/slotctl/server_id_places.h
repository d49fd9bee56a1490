/* SPDX-License-Identifier: GPL-2.0-only */
/* The slots whose programs go by servers' ids, as slotd knows them (slotctl server-id). */
#ifndef SLOTCTL_SERVER_ID_PLACES_H
#define SLOTCTL_SERVER_ID_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loader/slotctl/slotctl.h"
#include "programs/cli.h"

struct slot_id_place {
	json_t *answer; /* of its chain, which the texts are of */
	const char *chain, *map_dir;
	const struct program_cli *cli;
	struct program_id *list; /* all ids, with those claimed that are of where the chain is */
	bool is_guess;		 /* nothing is claimed, and nobody said so */
};

struct slot_id_places {
	struct slot_id_place *list; /* balancers first: they know an id before a server tells it */
	size_t count;
	json_t *waiting; /* chains whose slots are not there now, in words */
};

/*
 * slot_id_places_find - of the chain that was asked for, or of all. @places, zeros before, is for
 * slot_id_places_free() in any case. Returns 0 or -errno, and says why in @ctl.
 */
int slot_id_places_find(struct slot_ctl *ctl, struct slot_id_places *places);
void slot_id_places_free(struct slot_id_places *places);

bool slot_id_place_is_balancer(const struct slot_id_place *place);

#endif
