/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.conf and the objects it names, from files into the registry's terms. */
#ifndef SLOTD_CONFIG_LOAD_H
#define SLOTD_CONFIG_LOAD_H

#include "loader/slotd/daemon.h"

/*
 * config_load - read and judge slots.conf. All errors are added to @errors.
 * Returns 0 or -errno; @ret_config: slot_config_free.
 */
int config_load(const struct daemon *daemon, struct slot_reasons *errors,
		struct slot_config *ret_config);

/*
 * config_expand - one chain for each port of the interfaces with members: for
 * those that are ports now, and those that have a chain since they were. The
 * chains that are new come last. Returns 0 or -errno.
 */
int config_expand(const struct daemon *daemon, struct slot_config *config);

/*
 * config_import_slot - bring the object that @reservation names into the store.
 * @ret_id is empty where it names none. Returns 0 or -errno, says why.
 */
int config_import_slot(const struct daemon *daemon, const struct slot_reservation *reservation,
		       struct slot_reason *why, struct slot_object_id *ret_id);

/*
 * config_resolve - the desired state of one chain: reservations, the objects
 * they name, and @overrides. Where a reservation asks for a signature, all of
 * its objects are held against the key, also those deployed earlier. Errors are added to @errors. @ret_state: slot_chain_state_free.
 */
int config_resolve(const struct daemon *daemon, const struct slot_chain_config *chain,
		   const struct slot_overrides *overrides, struct slot_reasons *errors,
		   struct slot_chain_state *ret_state);

/*
 * config_resolve_start - the same for a chain that does not run: what ran before
 * is taken also where its signature no longer holds, with a warning in the log.
 */
int config_resolve_start(const struct daemon *daemon, const struct slot_chain_config *chain,
			 const struct slot_overrides *overrides, struct slot_reasons *errors,
			 struct slot_chain_state *ret_state);

/*
 * config_identify - judge @blob, keep it in the store, and say what it is;
 * @function is the one that shall run, or "". Returns 0 or -errno, says why.
 */
int config_identify(const struct daemon *daemon, const struct slot_blob *blob, const char *function,
		    struct slot_reason *why, struct slot_object_id *ret_id);

/*
 * config_check_signatures - what a start or an apply would refuse for want of a
 * key or of a signature, one line each, in @errors. Returns 0 or -EACCES.
 */
int config_check_signatures(const struct daemon *daemon, const struct slot_config *config,
			    struct slot_reasons *errors);

/*
 * config_check_interface - refuse a section whose interface is one that a chain
 * runs on under another name: renamed meanwhile, or an alternative name of it.
 * Returns 0 or -EEXIST, says why.
 */
int config_check_interface(const struct daemon *daemon, const struct slot_chain_config *chain,
			   struct slot_reason *why);

#endif
