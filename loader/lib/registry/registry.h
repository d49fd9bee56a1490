/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The slot registry: reservations of slots.conf plus what was deployed, enabled
 * or disabled since become one desired state. Pure.
 */
#ifndef SLOT_REGISTRY_H
#define SLOT_REGISTRY_H

#include "loader/lib/registry/state.h"

/* slot_override_find - the override of the reservation @name, or NULL; owned by @overrides. */
const struct slot_override *slot_override_find(const struct slot_overrides *overrides,
					       const char *name);

/*
 * slot_override_set_object - from now on @name runs @object, whatever slots.conf
 * names; NULL takes that back, and for an adopted one all of it. Returns 0, -EINVAL (no name, or too long) or
 * -ENOSPC (more names than slots: see slot_overrides_del_stale).
 */
int slot_override_set_object(struct slot_overrides *overrides, const char *name,
			     const struct slot_object_id *object);

/*
 * slot_override_set_canary - from now on @canary runs beside what @name runs;
 * one that is not present takes it back. Returns as above.
 */
int slot_override_set_canary(struct slot_overrides *overrides, const char *name,
			     const struct slot_canary *canary);

/* slot_override_set_enabled - 1, 0, or -1 for "as slots.conf says". Returns as above. */
int slot_override_set_enabled(struct slot_overrides *overrides, const char *name, int enabled);

/*
 * slot_overrides_del_stale - forget those whose names @state does not reserve.
 * They are kept over a reload, so that a reservation that comes back finds its
 * override; this makes room for others.
 */
void slot_overrides_del_stale(struct slot_overrides *overrides,
			      const struct slot_chain_state *state);

/*
 * slot_override_is_promoted - whether @slot runs the canary's object itself, as
 * where slots.conf came to name it: then nothing is left to be tried.
 */
bool slot_override_is_promoted(const struct slot_override *override, const struct slot_state *slot);

/* slot_overrides_del_promoted - forget canaries that @state made their slots' own versions. */
void slot_overrides_del_promoted(struct slot_overrides *overrides,
				 const struct slot_chain_state *state);

/* slot_overrides_is_equal - the same overrides in the same places. */
bool slot_overrides_is_equal(const struct slot_overrides *a, const struct slot_overrides *b);

/*
 * slot_registry_resolve - the desired state of one chain.
 *
 * @objects[slot] is the object that slots.conf names there (empty sha256 where
 * it names none). An override of a name that is no longer reserved is ignored;
 * it follows its name to another slot. @ret_state: slot_chain_state_free.
 * Returns 0 or -ENOMEM.
 */
int slot_registry_resolve(const struct slot_chain_config *chain,
			  const struct slot_object_id objects[ROOT_SLOTS],
			  const struct slot_overrides *overrides,
			  struct slot_chain_state *ret_state);

/*
 * slot_registry_return - the overrides that make slots.conf (@from_config: the
 * resolved state without any overrides) run what @target ran: after a rollback
 * the next apply must not bring back what was just rolled back. Pure.
 */
int slot_registry_return(const struct slot_chain_state *from_config,
			 const struct slot_chain_state *target,
			 struct slot_overrides *ret_overrides);

#endif
