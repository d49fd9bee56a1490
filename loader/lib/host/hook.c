/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/hook.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/fault.h"
#include "loader/lib/host/jump.h"
#include "loader/lib/host/sock.h"
#include "loader/lib/host/target.h"
#include "loader/lib/host/xdp.h"

/* Of linux/bpf.h from 6.6 on, which is younger than the headers that this builds with. */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)
#define ATTACH_TCX_EGRESS ((enum bpf_attach_type)47)
#define LINK_TYPE_TCX 11
#define ATTACH_BEFORE (1U << 3)
/* ... and from 6.7 on. */
#define ATTACH_NETKIT_PRIMARY ((enum bpf_attach_type)54)
#define ATTACH_NETKIT_PEER ((enum bpf_attach_type)55)
#define LINK_TYPE_NETKIT 13

/* What stands in the union of struct bpf_link_info for links of both kinds. */
struct tc_link_info {
	__u32 ifindex;
	__u32 attach_type;
};

#define LOOPBACK 1 /* an interface of every netns */

const char *slot_tc_way_name(enum slot_tc_way way)
{
	static const char *const names[SLOT_TC_WAY_COUNT] = {
		[SLOT_TC_NETKIT] = "netkit",
		[SLOT_TC_TCX] = "tcx",
		[SLOT_TC_CLSACT] = "clsact",
	};

	return way < SLOT_TC_WAY_COUNT ? names[way] : "?";
}

int slot_hook_swap(enum slot_hook hook, int link_fd, int new_fd, int old_fd)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts, .flags = BPF_F_REPLACE,
		    .old_prog_fd = (__u32)old_fd);

	if (hook == SLOT_HOOK_SK_REUSEPORT)
		return slot_jump_swap(link_fd, new_fd, old_fd);
	return SLOT_STEP("hook.swap", bpf_link_update(link_fd, new_fd, &opts));
}

/* The program of a netkit device sees what is sent by it: what comes from a peer, that peer sent. */
static enum bpf_attach_type attach_type(enum slot_hook hook, enum slot_tc_way way)
{
	bool is_ingress = hook == SLOT_HOOK_TC_INGRESS;

	if (way == SLOT_TC_NETKIT)
		return is_ingress ? ATTACH_NETKIT_PEER : ATTACH_NETKIT_PRIMARY;
	return is_ingress ? ATTACH_TCX_INGRESS : ATTACH_TCX_EGRESS;
}

/* The way of the link of @hook that @info describes, or -EINVAL for another link. */
static int read_tc_link(enum slot_hook hook, const struct bpf_link_info *info,
			struct tc_link_info *ret_tc)
{
	enum slot_tc_way way = info->type == LINK_TYPE_NETKIT ? SLOT_TC_NETKIT : SLOT_TC_TCX;

	memcpy(ret_tc, (const char *)info + offsetof(struct bpf_link_info, xdp), sizeof(*ret_tc));
	if ((info->type != LINK_TYPE_TCX && info->type != LINK_TYPE_NETKIT) ||
	    ret_tc->attach_type != attach_type(hook, way))
		return -EINVAL;
	return (int)way;
}

static int get_info(int link_fd, struct bpf_link_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_link_get_info_by_fd(link_fd, ret_info, &len) ? -errno : 0;
}

static int get_seat(int seat_fd, __u32 *ret_prog_id, unsigned int *ret_ifindex)
{
	int err = slot_jump_get(seat_fd, ret_prog_id);

	if (!err)
		*ret_ifindex = *ret_prog_id ? SLOT_TARGET_THERE : 0;
	return err;
}

static int get_sock(enum slot_hook hook, const struct bpf_link_info *info, __u32 *ret_prog_id,
		    unsigned int *ret_ifindex)
{
	int is_alive = slot_sock_is_alive(hook, info);

	if (is_alive < 0)
		return is_alive;
	*ret_prog_id = info->prog_id;
	*ret_ifindex = is_alive ? SLOT_TARGET_THERE : 0;
	return 0;
}

int slot_hook_link_get(enum slot_hook hook, int link_fd, unsigned int known, __u32 *ret_prog_id,
		       unsigned int *ret_ifindex)
{
	struct bpf_link_info info;
	struct tc_link_info tc;
	int way;
	int err;

	if (hook == SLOT_HOOK_SK_REUSEPORT)
		return get_seat(link_fd, ret_prog_id, ret_ifindex);
	err = get_info(link_fd, &info);
	if (err)
		return err;
	if (slot_hook_is_sock(hook))
		return get_sock(hook, &info, ret_prog_id, ret_ifindex);
	if (!slot_hook_is_tc(hook)) {
		if (info.type != BPF_LINK_TYPE_XDP)
			return -EINVAL;
		*ret_prog_id = info.prog_id;
		*ret_ifindex = info.xdp.ifindex;
		return 0;
	}
	way = read_tc_link(hook, &info, &tc);
	if (way < 0)
		return way;
	*ret_prog_id = info.prog_id;
	*ret_ifindex = tc.ifindex;
	if (way == SLOT_TC_NETKIT && hook == SLOT_HOOK_TC_INGRESS && tc.ifindex && known)
		*ret_ifindex = known;
	return 0;
}

enum slot_tc_way slot_tc_link_way(enum slot_hook hook, int link_fd)
{
	struct bpf_link_info info;
	struct tc_link_info tc;
	int way = get_info(link_fd, &info) ? -1 : read_tc_link(hook, &info, &tc);

	return way < 0 ? SLOT_TC_TCX : (enum slot_tc_way)way;
}

/*
 * An attach type that the kernel does not know is an invalid argument to it; the others say
 * that there is no such interface, that it is no netkit device, that it is the peer of one.
 */
static bool is_no_such_place(int err)
{
	return err == -EINVAL || err == -ENODEV || err == -ENXIO || err == -EACCES;
}

int slot_tc_query(enum slot_hook hook, enum slot_tc_way way, unsigned int ifindex, __u32 *ret_ids,
		  size_t *ret_count)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ret_ids, .count = SLOT_TC_PROGRAMS_MAX);
	int err = ifindex ? bpf_prog_query_opts((int)ifindex, attach_type(hook, way), &query) :
			    -ENODEV;

	if (err && !is_no_such_place(err))
		return err;
	*ret_count = err ? 0 : query.count;
	return 0;
}

static int check_way(enum slot_hook hook, enum slot_tc_way way, unsigned int ifindex, __u32 prog_id)
{
	__u32 ids[SLOT_TC_PROGRAMS_MAX];
	size_t count;
	size_t i;
	int err = slot_tc_query(hook, way, ifindex, ids, &count);

	for (i = 0; !err && i < count; i++)
		if (ids[i] == prog_id)
			return 1;
	return err;
}

static int check_tc(enum slot_hook hook, unsigned int ifindex, __u32 prog_id)
{
	int is_there = check_way(hook, SLOT_TC_TCX, ifindex, prog_id);

	return is_there ? is_there : check_way(hook, SLOT_TC_NETKIT, ifindex, prog_id);
}

int slot_hook_check(enum slot_hook hook, const struct slot_place *place, unsigned int ifindex,
		    __u32 prog_id)
{
	if (hook == SLOT_HOOK_SK_REUSEPORT)
		return -EOPNOTSUPP;
	if (slot_hook_is_sock(hook))
		return slot_sock_check(hook, place->cgroup, prog_id);
	return slot_hook_is_tc(hook) ? check_tc(hook, ifindex, prog_id) :
				       slot_xdp_check(ifindex, prog_id);
}

bool slot_tcx_is_known(void)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);

	return bpf_prog_query_opts(LOOPBACK, ATTACH_TCX_INGRESS, &query) != -EINVAL;
}

int slot_tc_attach(enum slot_hook hook, unsigned int ifindex, int prog_fd, enum slot_tc_order order)
{
	/* Before or behind none in particular is before or behind all. */
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = order == SLOT_TC_FIRST ? ATTACH_BEFORE : 0);
	enum bpf_attach_type netkit = attach_type(hook, SLOT_TC_NETKIT);
	enum bpf_attach_type tcx = attach_type(hook, SLOT_TC_TCX);
	int fd = SLOT_STEP("netkit.attach", bpf_link_create(prog_fd, (int)ifindex, netkit, &opts));

	if (!is_no_such_place(fd))
		return fd;
	fd = SLOT_STEP("tcx.attach", bpf_link_create(prog_fd, (int)ifindex, tcx, &opts));
	return fd == -EINVAL && !slot_tcx_is_known() ? -EOPNOTSUPP : fd;
}
