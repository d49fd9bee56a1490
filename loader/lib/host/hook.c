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

#define LOOPBACK 1 /* an interface of every netns */

const char *slot_tc_way_name(enum slot_tc_way way)
{
	static const char *const names[SLOT_TC_WAY_COUNT] = {
		[SLOT_TC_TCX] = "tcx",
		[SLOT_TC_CLSACT] = "clsact",
	};

	return way < SLOT_TC_WAY_COUNT ? names[way] : "?";
}

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

int slot_tc_query(enum slot_hook hook, enum slot_tc_way way, unsigned int ifindex, __u32 *ret_ids,
		  size_t *ret_count)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ret_ids, .count = SLOT_TC_PROGRAMS_MAX);
	int err = ifindex ? bpf_prog_query_opts((int)ifindex, tcx_type(hook), &query) : -ENODEV;

	(void)way;
	/* An attach type that the kernel does not know is an invalid argument to it. */
	if (err && err != -ENODEV && err != -EINVAL)
		return err;
	*ret_count = err ? 0 : query.count;
	return 0;
}

static int check_tc(enum slot_hook hook, unsigned int ifindex, __u32 prog_id)
{
	__u32 ids[SLOT_TC_PROGRAMS_MAX];
	size_t count;
	size_t i;
	int err = slot_tc_query(hook, SLOT_TC_TCX, ifindex, ids, &count);

	for (i = 0; !err && i < count; i++)
		if (ids[i] == prog_id)
			return 1;
	return err;
}

int slot_hook_check(enum slot_hook hook, unsigned int ifindex, __u32 prog_id)
{
	return slot_hook_is_tc(hook) ? check_tc(hook, ifindex, prog_id) :
				       slot_xdp_check(ifindex, prog_id);
}

bool slot_tcx_is_known(void)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);

	return bpf_prog_query_opts(LOOPBACK, ATTACH_TCX_INGRESS, &query) != -EINVAL;
}

int slot_tcx_attach(enum slot_hook hook, unsigned int ifindex, int prog_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd = SLOT_STEP("tcx.attach",
			   bpf_link_create(prog_fd, (int)ifindex, tcx_type(hook), &opts));

	return fd == -EINVAL && !slot_tcx_is_known() ? -EOPNOTSUPP : fd;
}
