/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces that are made in pairs: veth and netkit. In this thread's netns. */
#ifndef SLOT_PAIR_H
#define SLOT_PAIR_H

/*
 * slot_pair_peer - the other end of @ifindex, by the number that it has in its own netns.
 * Returns 0, -ENODEV where there is no such interface or none of a pair, or -errno.
 */
int slot_pair_peer(unsigned int ifindex, unsigned int *ret_peer);

#endif
