/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens to all chains at once: the start, the stop, and interfaces that come and go. */
#ifndef SLOTD_LIFECYCLE_H
#define SLOTD_LIFECYCLE_H

#include "loader/slotd/daemon.h"

/* lifecycle_start - open the pins and the store, read slots.conf, adopt or build every chain. Logs; returns 0 or -errno. */
int lifecycle_start(struct daemon *daemon);

/* lifecycle_stop - let go of everything; the chains run on unless options say otherwise. */
void lifecycle_stop(struct daemon *daemon);

/* lifecycle_follow_links - after interfaces came or went: bring chains back to theirs. Logs. */
void lifecycle_follow_links(struct daemon *daemon);

/*
 * lifecycle_follow_quiet - the same for those alone of which nobody tells: of cgroups
 * (links_is_of_cgroup), and refused ones, as a program that a bpf_link holds goes without news.
 * lifecycle_has_quiet - whether there are such; looks which are refused.
 */
void lifecycle_follow_quiet(struct daemon *daemon);
bool lifecycle_has_quiet(struct daemon *daemon);

/* lifecycle_follow_filters - after filters came or went: put back those of chains. Logs. */
void lifecycle_follow_filters(struct daemon *daemon);

#endif
