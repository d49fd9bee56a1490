/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking over what libxdp runs on a chain's interface. */
#include <errno.h>
#include <stdio.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/adopt.h"
#include "loader/lib/host/netns.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/ops_internal.h"

static int check_chain(const struct slot_chain *chain, struct op_error *error)
{
	if (chain->hook != SLOT_HOOK_XDP)
		slot_reason_set(&error->why, 0,
				"'%s' is a chain of the hook %s: libxdp runs programs of xdp alone",
				chain->interface, slot_hook_name(chain->hook));
	else if (slot_chain_is_attached(chain))
		slot_reason_set(&error->why, 0, "'%s' runs its chain already: nothing to adopt",
				chain->interface);
	else if (!chain->ifindex)
		slot_reason_set(&error->why, 0, "interface '%s' is not there", chain->interface);
	else if (chain->place.master[0])
		slot_reason_set(&error->why, 0,
				"'%s' is a port of '%s', whose chains follow it: not adopted",
				chain->interface, chain->place.master);
	else
		return 0;
	return op_fail(error, -EBUSY, chain);
}

static int open_dispatcher(const struct slot_chain *chain, struct op_error *error,
			   struct slot_libxdp *ret_libxdp)
{
	_cleanup_(slot_netns_leave) int home = -1;
	int err = slot_netns_enter(chain->place.netns, chain->netns_cookie, &home);

	if (err)
		slot_reason_set(&error->why, err, "cannot enter the network namespace '%s'",
				chain->place.netns);
	else
		err = slot_libxdp_open(chain->ifindex, chain->place.interface, &error->why,
				       ret_libxdp);
	return err ? op_fail(error, err, chain) : 0;
}

static int adopt(struct daemon *daemon, struct slot_chain *chain, const struct slot_libxdp *libxdp,
		 const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	struct slot_takeover takeover = { .libxdp = libxdp };
	struct slot_overrides overrides = chain->overrides;
	const struct slot_chain_config *config = NULL;
	struct slot_change change = { .desired = &desired, .overrides = &overrides };
	char what[96];
	int err;

	daemon_find_chain(daemon, chain->interface, &config);
	err = slot_adoption_add(config, libxdp->adoptees, libxdp->count, &overrides, &error->why,
				takeover.slots);
	if (err)
		return op_fail(error, err, chain);
	err = config_resolve(daemon, config, &overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	snprintf(what, sizeof(what), "adopt by %s", who);
	change.reason = what;
	err = slot_chain_adopt(chain, &change, &takeover, &error->why, ret_outcome);
	slot_store_sweep(&daemon->host.store);
	if (err)
		return op_fail(error, err, chain);
	op_log_outcome(chain, ret_outcome, what);
	return 0;
}

int op_adopt(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_libxdp_close) struct slot_libxdp libxdp = { .dispatcher_fd = -1 };
	int err = check_chain(chain, error);

	if (!err)
		err = open_dispatcher(chain, error, &libxdp);
	return err ? err : adopt(daemon, chain, &libxdp, who, error, ret_outcome);
}
