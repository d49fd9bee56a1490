/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains, slots and outcomes in the words of docs/api.md. Each returns a new reference or NULL. */
#ifndef SLOTD_API_JSON_H
#define SLOTD_API_JSON_H

#include <jansson.h>

#include "loader/slotd/daemon.h"

json_t *api_status(const struct daemon *daemon);
json_t *api_slots(const struct slot_chain *chain);
json_t *api_slot(const struct slot_chain *chain, unsigned int slot, bool has_settings);
json_t *api_generations(const struct slot_chain *chain);
json_t *api_stats(const struct slot_chain *chain);
/* An empty @warning is none. */
json_t *api_plan(const struct slot_chain *chain, const struct slot_plan *plan,
		 const struct slot_reason *warning);
json_t *api_outcome(const struct slot_chain *chain, const struct slot_outcome *outcome);

#endif
