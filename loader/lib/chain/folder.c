/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of a chain's pins, found by where the chain runs: interfaces change names, numbers and netns. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/leftover.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/target.h"
#include "loader/lib/host/xdp_netlink.h"

/* Where the chain of a folder runs. */
struct seat {
	unsigned int ifindex; /* 0: nowhere */
	bool is_here;	      /* an interface of the netns of the chain that asks */
};

static __u32 query_filter(enum slot_hook hook, unsigned int ifindex)
{
	__u32 prog_id;

	return slot_clsact_query(hook, ifindex, &prog_id) ? 0 : prog_id;
}

/* A chain that was adopted, or is a filter, has no link: what its interface of then runs tells whether it is there. */
static struct seat find_unlinked_seat(const struct slot_chain *chain, const char *dir,
				      unsigned int ifindex)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u32 prog_id = 0;

	if (slot_hook_is_sock(chain->hook))
		return (struct seat){ 0 };
	if (!slot_netns_enter(chain->place.netns, chain->netns_cookie, &home))
		prog_id = slot_hook_is_tc(chain->hook) ? query_filter(chain->hook, ifindex) :
							 slot_xdp_query_id(ifindex);
	if (!prog_id || !slot_generation_has_root(dir, prog_id))
		return (struct seat){ 0 };
	return (struct seat){ .ifindex = ifindex, .is_here = true };
}

static struct seat find_seat(const struct slot_chain *chain, const char *dir,
			     const struct slot_target *was)
{
	_cleanup_close_ int fd = slot_pin_open(dir, SLOT_PIN_LINK);
	_cleanup_(slot_netns_leave) int home = -1;
	struct seat seat = { 0 };
	__u32 prog_id;

	if (fd < 0)
		return find_unlinked_seat(chain, dir, was->ifindex);
	if (!slot_hook_link_get(chain->hook, fd, was->ifindex, &prog_id, &seat.ifindex) &&
	    seat.ifindex)
		seat.is_here = !slot_netns_enter(chain->place.netns, chain->netns_cookie, &home) &&
			       slot_hook_check(chain->hook, &chain->place, seat.ifindex, prog_id) >
				       0;
	return seat;
}

/*
 * Whether the folder with @seat, that was of @was and the name @name, is
 * @target's: its interface under another name or come from another netns, or one
 * of the same name that went away and came back under another ifindex. A named
 * netns may have come back too, with another cookie; slotd's own has no name. Chains of
 * sockets are called by a name of their own, which is theirs wherever it leads to.
 */
static bool is_heir(const struct slot_chain *chain, const struct slot_target *target,
		    const struct slot_target *was, const char *name, const struct seat *seat)
{
	bool has_name = !strcmp(name, target->interface);

	/* What is no port any more is taken over too, to be released. */
	if (seat->is_here)
		return seat->ifindex == target->ifindex || (has_name && chain->place.master[0]);
	return has_name && (was->netns_cookie == target->netns_cookie ||
			    slot_chain_name_has_netns(name) || slot_hook_is_sock(chain->hook));
}

/* The chain of this name runs on an interface that is called otherwise now. */
static int refuse_renamed(const struct slot_chain *chain, unsigned int ifindex,
			  struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;
	char name[IFNAMSIZ];
	bool is_known = !slot_netns_enter(chain->place.netns, chain->netns_cookie, &home) &&
			if_indextoname(ifindex, name);

	return slot_reason_set(why, -EEXIST,
			       "the chain of '%s' runs on the interface that is called '%s' now: "
			       "name that in slots.conf",
			       chain->interface, is_known ? name : "?");
}

/*
 * Take over the folder of what the interface was before: records and pins move
 * to its name, in this order, so that a kill in between leaves the folder to be
 * found again.
 */
static int move_folder(struct slot_chain *chain, const struct slot_target *target, const char *from,
		       const char *name, struct slot_reason *why)
{
	int err = 0;

	if (strcmp(name, target->interface) != 0)
		err = slot_store_rename_chain(&chain->host->store, name, target->interface);
	if (!err)
		err = SLOT_STEP("chain.move", rename(from, chain->dir) ? -errno : 0);
	return err ? slot_reason_set(why, err, "cannot move the chain of '%s' to '%s': %s", name,
				     target->interface, strerror(-err)) :
		     0;
}

/* A filter may run on in the netns that the chain was in, and nobody can look. */
static void note_leftovers(const struct slot_chain *chain, const struct slot_target *target,
			   const struct slot_target *was, const char *path)
{
	if (slot_hook_is_tc(chain->hook) && !slot_tcx_is_known() && was->netns_cookie &&
	    was->netns_cookie != target->netns_cookie)
		slot_leftover_add_dir(chain->host, path);
}

static int inherit_folder(struct slot_chain *chain, const struct slot_target *target,
			  struct slot_reason *why)
{
	_cleanup_closedir_ DIR *dir = opendir(chain->host->root);
	const struct dirent *entry;
	struct slot_target was;
	char path[PATH_MAX];
	char name[SLOT_CHAIN_NAME_MAX];

	while (dir && (entry = readdir(dir))) {
		struct seat seat;

		if (slot_pins_chain_parse(entry->d_name, &was, name) ||
		    slot_chain_name_hook(name) != chain->hook ||
		    slot_pin_path(path, chain->host->root, "%s", entry->d_name))
			continue;
		seat = find_seat(chain, path, &was);
		if (is_heir(chain, target, &was, name, &seat)) {
			note_leftovers(chain, target, &was, path);
			return move_folder(chain, target, path, name, why);
		}
		if (seat.is_here && !strcmp(name, target->interface))
			return refuse_renamed(chain, seat.ifindex, why);
	}
	return 0;
}

/* The netns in which the chain of this name was, or 0: of several that its cgroup has now it is that. */
static __u64 find_former_netns(const struct slot_chain *chain)
{
	_cleanup_closedir_ DIR *dir = opendir(chain->host->root);
	const struct dirent *entry;
	char name[SLOT_CHAIN_NAME_MAX];

	while (dir && (entry = readdir(dir))) {
		struct slot_target was;

		if (!slot_pins_chain_parse(entry->d_name, &was, name) &&
		    !strcmp(name, chain->interface))
			return was.netns_cookie;
	}
	return 0;
}

int slot_chain_find_dir(struct slot_chain *chain, struct slot_reason *why)
{
	__u64 former = slot_netns_is_of_cgroup(chain->place.netns) ? find_former_netns(chain) : 0;
	struct slot_target target = { 0 };
	int err = slot_target_find(chain->hook, &chain->place, chain->interface, former, &target);

	if (err)
		return slot_reason_set(why, err, "cannot look up '%s': %s", chain->interface,
				       strerror(-err));
	chain->netns_cookie = target.netns_cookie;
	chain->ifindex = target.ifindex;
	err = slot_pins_chain_dir(chain->host->root, &target, chain->dir);
	if (err)
		return slot_reason_set(why, err, "interface name too long: '%s'", chain->interface);
	return access(chain->dir, F_OK) ? inherit_folder(chain, &target, why) : 0;
}
