/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/daemon.h"

#include <errno.h>
#include <string.h>

struct slot_chain *daemon_find_chain(const struct daemon *daemon, const char *interface,
				     const struct slot_chain_config **ret_config)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++) {
		if (!daemon->chains[i] || strcmp(daemon->chains[i]->interface, interface) != 0)
			continue;
		if (ret_config)
			*ret_config = &daemon->config.chains[i];
		return daemon->chains[i];
	}
	return NULL;
}

int daemon_name_chain(const struct daemon *daemon, const char *given, struct slot_reason *why,
		      const char **ret_name)
{
	const char *names[SLOT_HOOK_COUNT];
	size_t count = 0;
	size_t i;

	if (!slot_config_find(&daemon->config, given) &&
	    !slot_config_find_master(&daemon->config, given))
		count = slot_config_list_titled(&daemon->config, given, names);
	if (count <= 1) {
		*ret_name = count ? names[0] : given;
		return 0;
	}
	slot_reason_set(why, 0, "'%s' is the title of %s", given, names[0]);
	for (i = 1; i < count; i++)
		slot_reason_append(why, 0, "%s%s", i + 1 < count ? ", " : " and ", names[i]);
	return slot_reason_append(why, -EINVAL, ": name one");
}

struct slot_chain *daemon_find_target(const struct daemon *daemon, enum slot_hook hook,
				      const struct slot_target *target)
{
	size_t i;

	/* These are of no place: each is of the sockets that attach it. */
	if (hook == SLOT_HOOK_SK_REUSEPORT)
		return NULL;
	for (i = 0; daemon->chains && target->ifindex && i < daemon->config.count; i++) {
		struct slot_chain *chain = daemon->chains[i];

		if (chain && chain->hook == hook && chain->ifindex == target->ifindex &&
		    chain->netns_cookie == target->netns_cookie)
			return chain;
	}
	return NULL;
}

size_t daemon_list_members(const struct daemon *daemon, const char *interface,
			   struct slot_chain **ret_chains)
{
	const struct slot_chain_config *master =
		slot_config_find_master(&daemon->config, interface);
	size_t count = 0;
	size_t i;

	for (i = 0; master && i < daemon->config.count; i++) {
		struct slot_chain *chain = daemon->chains[i];

		if (chain && !strcmp(chain->place.master, master->place.interface) &&
		    !strcmp(chain->place.netns, master->place.netns) &&
		    slot_chain_is_attached(chain))
			ret_chains[count++] = chain;
	}
	return count;
}
