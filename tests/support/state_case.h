/* SPDX-License-Identifier: GPL-2.0-only */
/* States of a chain for tests of the registry and the plan. */
#ifndef STATE_CASE_H
#define STATE_CASE_H

#include "loader/lib/registry/state.h"

/* state_case_object - @name in version 1.0.@digit; its sha256 is 64 times @digit. */
struct slot_object_id state_case_object(const char *name, char digit);

/*
 * state_case_add - reserve @slot for @name, enabled, owned by root; @digit: the
 * object there (state_case_object), '\0' for none. Returns the slot, which
 * belongs to @state.
 */
struct slot_state *state_case_add(struct slot_chain_state *state, unsigned int slot,
				  const char *name, char digit);

#endif
