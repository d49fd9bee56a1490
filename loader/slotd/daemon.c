/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/daemon.h"

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

struct slot_chain *daemon_find_ifindex(const struct daemon *daemon, unsigned int ifindex)
{
	size_t i;

	for (i = 0; ifindex && i < daemon->config.count; i++)
		if (daemon->chains[i] && daemon->chains[i]->ifindex == ifindex)
			return daemon->chains[i];
	return NULL;
}
