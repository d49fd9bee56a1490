/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to where a connection is now, as this host's routes and neighbours have it. */
#ifndef HANDOFF_TARGET_H
#define HANDOFF_TARGET_H

#include <netinet/in.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/handoff_abi.h"

/*
 * handoff_target_find - the target of a redirect to @address, a struct sockaddr_in or
 * sockaddr_in6: by the interface that the route to it leads to, to it or the router. Of a
 * route with several next hops, whichever the kernel names for this address. Asks the kernel in
 * the caller's network namespace, some 20 us; needs no rights. Returns 0, -ENETUNREACH or
 * -EHOSTUNREACH where no route leads to another host, -EOPNOTSUPP where it is by an interface that
 * XDP cannot send by (vlan, bridge, ...) and that has no XDP itself, -EAGAIN where the MAC address of
 * the next hop is not known just now (any packet to it makes it so), -EAFNOSUPPORT, -errno; says
 * why. Linux 5.0.
 */
int handoff_target_find(const struct sockaddr *address, struct slot_reason *why,
			struct handoff_target *ret_target);

#endif
