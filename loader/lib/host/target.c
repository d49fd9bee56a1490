/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/target.h"

#include <errno.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/cgroup.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/ports.h"

/* Where the chain is, if @place leads there still, and else where it leads now. */
static int enter(const struct slot_place *place, __u64 cookie, int *ret_home)
{
	int err = slot_netns_enter(place->netns, cookie, ret_home);

	return err == -ENOENT && cookie ? slot_netns_enter(place->netns, 0, ret_home) : err;
}

static int find_cgroup(const struct slot_place *place, const char *chain,
		       struct slot_target *ret_target)
{
	struct slot_target target = { .interface = chain };
	int err = slot_cgroup_id(place->cgroup, &target.netns_cookie);

	if (err && err != -ENOENT)
		return err;
	target.ifindex = err ? 0 : SLOT_TARGET_THERE;
	*ret_target = target;
	return 0;
}

static unsigned int find_number(enum slot_hook hook, const struct slot_place *place)
{
	return slot_hook_is_sock(hook) ? SLOT_TARGET_THERE : if_nametoindex(place->interface);
}

int slot_target_find(enum slot_hook hook, const struct slot_place *place, const char *chain,
		     __u64 cookie, struct slot_target *ret_target)
{
	struct slot_target target = { .interface = chain };
	_cleanup_(slot_netns_leave) int home = -1;
	int err;

	if (hook == SLOT_HOOK_SOCK_OPS)
		return find_cgroup(place, chain, ret_target);
	err = enter(place, cookie, &home);
	if (!err)
		err = slot_netns_cookie(&target.netns_cookie);
	else if (err == -ENOENT)
		err = 0;
	if (err)
		return err;
	if (target.netns_cookie)
		target.ifindex = find_number(hook, place);
	if (place->master[0] && target.ifindex) {
		err = slot_port_check(target.ifindex, place->master);
		if (err < 0)
			return err;
		target.ifindex = err ? target.ifindex : 0;
	}
	*ret_target = target;
	return 0;
}
