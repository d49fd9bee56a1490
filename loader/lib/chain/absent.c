/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A chain that waits: the interface, cgroup or netns that it belongs to is not there, or taken. */
#include <errno.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/xdp.h"

const char *slot_chain_absent_noun(const struct slot_chain *chain)
{
	if (chain->ifindex)
		return NULL;
	if (chain->netns_cookie || chain->hook == SLOT_HOOK_SOCK_OPS)
		return slot_hook_noun(chain->hook);
	return "network namespace";
}

bool slot_chain_waits(const struct slot_chain *chain, struct slot_reason *ret_what)
{
	const struct slot_place *place = &chain->place;
	const char *noun = slot_chain_absent_noun(chain);

	if (!noun || chain->is_detached || slot_chain_is_attached(chain))
		return false;
	if (chain->hook == SLOT_HOOK_SOCK_OPS)
		slot_reason_set(ret_what, 0, "its %s '%s'", noun, place->cgroup);
	else if (!chain->netns_cookie && slot_netns_is_of_cgroup(place->netns))
		slot_reason_set(ret_what, 0, "its %s, that of the processes in '%s'", noun,
				place->netns);
	else if (!chain->netns_cookie)
		slot_reason_set(ret_what, 0, "its %s '%s'", noun, place->netns);
	else if (place->master[0])
		slot_reason_set(ret_what, 0, "its %s '%s' as a port of '%s'", noun,
				place->interface, place->master);
	else
		slot_reason_set(ret_what, 0, "its %s '%s'", noun, place->interface);
	return true;
}

int slot_chain_refuse_absent(const struct slot_chain *chain, struct slot_reason *why)
{
	struct slot_reason what = { 0 };

	if (slot_chain_waits(chain, &what))
		return slot_reason_set(why, -ENODEV, "'%s' waits for %s, which is not there",
				       chain->interface, what.text);
	return slot_reason_set(why, -ENODEV, "the %s of '%s' is not there",
			       slot_hook_noun(chain->hook), chain->interface);
}

bool slot_chain_is_blocked(const struct slot_chain *chain, struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;

	return chain->hook == SLOT_HOOK_XDP && chain->ifindex && !chain->is_detached &&
	       !slot_chain_is_attached(chain) && !slot_chain_enter(chain, &home, NULL) &&
	       slot_xdp_refuse_foreign(chain->ifindex, chain->interface, why);
}
