/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/hook.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/fault.h"
#include "loader/lib/host/xdp.h"

/* Of linux/bpf.h from 6.6 on, which is younger than the headers that this builds with. */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)
#define ATTACH_TCX_EGRESS ((enum bpf_attach_type)47)
#define LINK_TYPE_TCX 11

/* What stands in the union of struct bpf_link_info for such a link. */
struct tcx_link_info {
	__u32 ifindex;
	__u32 attach_type;
};

#define TCX_PROGRAMS_MAX 64 /* of one interface and direction: BPF_MPROG_MAX of the kernel */

int slot_hook_swap(int link_fd, int new_fd, int old_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE,
		    .old_prog_fd = (__u32)old_fd);

	return SLOT_STEP("hook.swap", bpf_link_update(link_fd, new_fd, &opts));
}

static enum bpf_attach_type tcx_type(enum slot_hook hook)
{
	return hook == SLOT_HOOK_TC_INGRESS ? ATTACH_TCX_INGRESS : ATTACH_TCX_EGRESS;
}

int slot_hook_link_get(enum slot_hook hook, int link_fd, __u32 *ret_prog_id,
		       unsigned int *ret_ifindex)
{
	bool is_tc = slot_hook_is_tc(hook);
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	struct tcx_link_info tcx;

	if (bpf_link_get_info_by_fd(link_fd, &info, &len))
		return -errno;
	memcpy(&tcx, (const char *)&info + offsetof(struct bpf_link_info, xdp), sizeof(tcx));
	if (info.type != (is_tc ? LINK_TYPE_TCX : BPF_LINK_TYPE_XDP) ||
	    (is_tc && tcx.attach_type != tcx_type(hook)))
		return -EINVAL;
	*ret_prog_id = info.prog_id;
	*ret_ifindex = is_tc ? tcx.ifindex : info.xdp.ifindex;
	return 0;
}

static int check_tcx(enum slot_hook hook, unsigned int ifindex, __u32 prog_id)
{
	__u32 ids[TCX_PROGRAMS_MAX] = { 0 };
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .count = TCX_PROGRAMS_MAX);
	int err = ifindex ? bpf_prog_query_opts((int)ifindex, tcx_type(hook), &query) : -ENODEV;
	__u32 i;

	if (err)
		return err == -ENODEV ? 0 : err;
	for (i = 0; i < query.count; i++)
		if (ids[i] == prog_id)
			return 1;
	return 0;
}

int slot_hook_check(enum slot_hook hook, unsigned int ifindex, __u32 prog_id)
{
	return slot_hook_is_tc(hook) ? check_tcx(hook, ifindex, prog_id) :
				       slot_xdp_check(ifindex, prog_id);
}

int slot_tcx_attach(enum slot_hook hook, unsigned int ifindex, const char *interface, int prog_fd,
		    struct slot_reason *why, int *ret_link_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd = SLOT_STEP("tcx.attach",
			   bpf_link_create(prog_fd, (int)ifindex, tcx_type(hook), &opts));

	/* An attach type that the kernel does not know is an invalid argument to it. */
	if (fd == -EINVAL)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "cannot attach to '%s': this kernel has no tcx, which TC "
				       "hooks need (Linux 6.6)",
				       interface);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot attach to '%s': %s", interface,
				       strerror(-fd));
	*ret_link_fd = fd;
	return 0;
}
