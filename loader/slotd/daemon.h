/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's one piece of state: its options, the slots.conf in force, and the chains. */
#ifndef SLOTD_DAEMON_H
#define SLOTD_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "loader/lib/chain/batch.h"
#include "loader/lib/host/pins.h"

struct options {
	const char *config_path;
	const char *bpffs;
	const char *state_dir;
	const char *run_dir;
	const char *object_dir;
	bool detach_on_exit;
	bool check_only;
};

struct audit;

struct daemon {
	struct options options;
	struct slot_host host;
	struct audit *audit;
	int lock_fd;
	bool is_started;	   /* all chains are as they should be: what a stop may take off */
	struct slot_config config; /* as accepted last */
	struct slot_batch
		*batch; /* while one request changes several chains: they change at its end */
	struct slot_chain **chains; /* one for each of config.chains, by the same index;
				       room for SLOT_CONFIG_CHAINS_MAX */
};

/* daemon_find_chain - the chain of @interface and its configuration, or NULL. Owned by @daemon. */
struct slot_chain *daemon_find_chain(const struct daemon *daemon, const char *interface,
				     const struct slot_chain_config **ret_config);

/*
 * daemon_name_chain - what the chain that @given stands for is called: the same, or where no
 * chain is called so the name of the only chain of sockets with that title. Several have it:
 * -EINVAL, and why. @ret_name is @given or owned by @daemon.
 */
int daemon_name_chain(const struct daemon *daemon, const char *given, struct slot_reason *why,
		      const char **ret_name);

/*
 * daemon_list_members - the chains that run on ports of the interface that
 * @interface, a section with members, is called by; into @ret_chains
 * (SLOT_CONFIG_CHAINS_MAX of them), owned by @daemon. Returns how many.
 */
size_t daemon_list_members(const struct daemon *daemon, const char *interface,
			   struct slot_chain **ret_chains);

/* daemon_find_target - the chain at @hook that belongs to @target alone, or NULL. Owned by @daemon. */
struct slot_chain *daemon_find_target(const struct daemon *daemon, enum slot_hook hook,
				      const struct slot_target *target);

#endif
