/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/xdp_netlink.h"

#include <errno.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/fault.h"

static __u32 flags_of(enum slot_attach_mode mode)
{
	return XDP_FLAGS_REPLACE |
	       (mode == SLOT_ATTACH_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
}

/* EEXIST: another program than expected; EBUSY: a link has come instead. */
static int name_error(int err)
{
	return err == -EEXIST || err == -EBUSY ? -EPERM : err;
}

int slot_xdp_replace(unsigned int ifindex, enum slot_attach_mode mode, int new_fd, int old_fd)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);

	return name_error(SLOT_STEP("netlink.replace",
				    bpf_xdp_attach((int)ifindex, new_fd, flags_of(mode), &opts)));
}

int slot_xdp_remove(unsigned int ifindex, enum slot_attach_mode mode, int old_fd)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = old_fd);

	return name_error(
		SLOT_STEP("netlink.remove", bpf_xdp_detach((int)ifindex, flags_of(mode), &opts)));
}

__u32 slot_xdp_query_id(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	return bpf_xdp_query((int)ifindex, 0, &query) ? 0 : query.prog_id;
}
