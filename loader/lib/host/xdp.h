/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The xdp hook: attaching a chain's root to an interface, and what runs there. */
#ifndef SLOT_XDP_H
#define SLOT_XDP_H

#include <linux/types.h>

#include "loader/lib/config/config.h"
#include "loader/lib/base/reason.h"

/*
 * slot_xdp_attach - attach @prog_fd to @ifindex by a link.
 *
 * @mode auto tries the driver (native) and then the generic path; @ret_mode is
 * the one it became, and @ret_note says why where that is not the first choice. Returns 0, -EBUSY when someone else's program is there
 * (which is left alone), or -errno; says why. @ret_link_fd is the caller's.
 * Rests on XDP links (Linux 5.9).
 */
int slot_xdp_attach(unsigned int ifindex, const char *interface, int prog_fd,
		    enum slot_attach_mode mode, struct slot_reason *why, int *ret_link_fd,
		    enum slot_attach_mode *ret_mode, struct slot_reason *ret_note);

/*
 * slot_xdp_refuse_foreign - whether a chain called @interface, which is not attached, can be
 * attached to @ifindex: 0, also where that cannot be asked, or -EBUSY and which program, of
 * somebody else, runs there.
 */
int slot_xdp_refuse_foreign(unsigned int ifindex, const char *interface, struct slot_reason *why);

/* slot_xdp_mode_get - native or generic, as @ifindex runs XDP now; auto when it runs none. */
enum slot_attach_mode slot_xdp_mode_get(unsigned int ifindex);

/*
 * slot_xdp_check - whether interface number @ifindex of this thread's netns runs
 * the program with the id @prog_id. Returns 1, 0 (also where there is no such
 * interface), or -errno where the kernel does not say.
 */
int slot_xdp_check(unsigned int ifindex, __u32 prog_id);

/* slot_xdp_prog_id - the id of the loaded program @fd. Returns 0 or -errno. */
int slot_xdp_prog_id(int fd, __u32 *ret_id);

/* slot_attach_mode_name - "auto", "native", "generic". */
const char *slot_attach_mode_name(enum slot_attach_mode mode);

#endif
