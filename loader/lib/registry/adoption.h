/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adoption: programs that a libxdp dispatcher ran, in slots that slots.conf does
 * not reserve. Each becomes an override that brings its reservation along: the
 * program's name, owned by root. Pure.
 */
#ifndef SLOT_ADOPTION_H
#define SLOT_ADOPTION_H

#include "loader/lib/registry/registry.h"

/* A loaded program, as the dispatcher ran it. */
struct slot_adoptee {
	char name[64]; /* of its function */
	__u8 tag[8];   /* the kernel's digest of its instructions */
	struct slot_run_config run;
};

/*
 * slot_adoption_add - put @count programs, in their order, into the lowest slots
 * that @chain does not reserve and no earlier adoption has, as overrides. What
 * asks for nothing that @chain reserves is forgotten where room is needed.
 *
 * @ret_slots: where each of them goes. Returns 0, or -ENOSPC when there are fewer
 * free slots than programs; says why.
 */
int slot_adoption_add(const struct slot_chain_config *chain, const struct slot_adoptee *adoptees,
		      size_t count, struct slot_overrides *overrides, struct slot_reason *why,
		      unsigned int *ret_slots);

/*
 * slot_adoption_check - whether the slots of what was adopted are still free in
 * @chain. A reservation of the same name takes the program over, in whichever
 * slot. Returns 0, or -EEXIST for a slot that @chain reserves for another; says why.
 */
int slot_adoption_check(const struct slot_chain_config *chain,
			const struct slot_overrides *overrides, struct slot_reason *why);

/*
 * slot_adoption_check_limits - whether what runs in @state can be held against its
 * reservations' helpers and map_memory: a loaded program, taken over with maps of
 * its own, cannot. Returns 0, or -EACCES; says why.
 */
int slot_adoption_check_limits(const struct slot_chain_state *state, struct slot_reason *why);

/*
 * slot_adoption_resolve - add what was adopted to @state, resolved from slots.conf;
 * what that reserves by name is there already.
 */
void slot_adoption_resolve(const struct slot_overrides *overrides, struct slot_chain_state *state);

/*
 * slot_adoption_return - what @target ran in adopted slots, as overrides again;
 * for slot_registry_return. @from_config is what slots.conf says alone.
 */
void slot_adoption_return(const struct slot_chain_state *from_config,
			  const struct slot_chain_state *target, struct slot_overrides *overrides);

/*
 * slot_adoption_forget - the adopted programs are gone from the kernel (a reboot, a
 * detach): so are their overrides, unless an object was deployed in their place.
 * @ret_names: "xdp_filter (slot 0), ..." of those forgotten, or "".
 */
void slot_adoption_forget(struct slot_overrides *overrides, char *ret_names, size_t size);

#endif
