/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The xdp hook without a link: a program that was attached by netlink, as libxdp
 * does it, cannot be replaced by a link without a gap (the kernel answers EBUSY),
 * only by another program, by netlink. All in this thread's netns.
 */
#ifndef SLOT_XDP_NETLINK_H
#define SLOT_XDP_NETLINK_H

#include "loader/lib/config/config.h"

/*
 * slot_xdp_replace - run @new_fd on @ifindex in place of @old_fd, atomic per
 * packet; @mode (native or generic) is the one it runs in. Returns 0, -EPERM when
 * something else than @old_fd runs (another writer was first), or -errno. Rests on
 * XDP_FLAGS_REPLACE (Linux 5.7).
 */
int slot_xdp_replace(unsigned int ifindex, enum slot_attach_mode mode, int new_fd, int old_fd);

/* slot_xdp_remove - take @old_fd off @ifindex. Returns as above. */
int slot_xdp_remove(unsigned int ifindex, enum slot_attach_mode mode, int old_fd);

/* slot_xdp_query_id - the id of the program that runs on @ifindex, 0 for none. */
__u32 slot_xdp_query_id(unsigned int ifindex);

#endif
