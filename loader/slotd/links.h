/* SPDX-License-Identifier: GPL-2.0-only */
/* News of interfaces that come, go or change their name, from rtnetlink. */
#ifndef SLOTD_LINKS_H
#define SLOTD_LINKS_H

#include <stdbool.h>

#include "loader/lib/config/config.h"

struct mnl_socket;

/*
 * links_open - subscribe to link messages of this netns and of all that
 * links_watch names. @ret_nl: links_close. Returns 0 or -errno; -EPERM without
 * CAP_NET_BROADCAST.
 */
int links_open(struct mnl_socket **ret_nl);

/*
 * links_watch - hear of the interfaces of every netns that @config names, too,
 * where it is there. Nothing of a netns is held open, which would keep it alive.
 * Logs what cannot be watched; a later call tries again.
 */
void links_watch(const struct slot_config *config);

/* links_watch_cgroups - the same for the netns alone that @config names by cgroup. */
void links_watch_cgroups(const struct slot_config *config);

/*
 * links_is_of_cgroup - whether a chain at @place belongs to a cgroup, or to the netns of one: these
 * change without news. links_has_cgroups - whether any of @config does.
 */
bool links_is_of_cgroup(const struct slot_place *place);
bool links_has_cgroups(const struct slot_config *config);

void links_close(struct mnl_socket *nl);

/* links_fd - to wait on for reading. */
int links_fd(const struct mnl_socket *nl);

/* What there is news of. */
enum links_news {
	LINKS_NONE,
	LINKS_FILTERS, /* filters and qdiscs, slotd's own among them, and nothing else */
	LINKS_ANY,
};

/* links_drain - read everything that is queued; what matters is what there was news of. */
enum links_news links_drain(struct mnl_socket *nl);

#endif
