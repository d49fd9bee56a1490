/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/xdp.h"

#include <errno.h>
#include <string.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/libxdp.h"
#include "loader/lib/base/fault.h"

int slot_xdp_refuse_foreign(unsigned int ifindex, const char *interface, struct slot_reason *why)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	_cleanup_close_ int fd = -1;
	__u32 len = sizeof(info);

	if (bpf_xdp_query((int)ifindex, 0, &query) || !query.prog_id)
		return 0;
	fd = bpf_prog_get_fd_by_id(query.prog_id);
	if (fd >= 0)
		bpf_prog_get_info_by_fd(fd, &info, &len);
	if (slot_libxdp_is_running(ifindex))
		return slot_reason_set(
			why, -EBUSY,
			"interface '%s' runs a libxdp dispatcher (id %u); it was left "
			"alone (slotctl adopt takes its programs over)",
			interface, query.prog_id);
	return slot_reason_set(why, -EBUSY,
			       "interface '%s' already runs an XDP program that is not slotd's: "
			       "'%s' (id %u); it was left alone (see: ip link show %s)",
			       interface, info.name, query.prog_id, interface);
}

static int attach_in_mode(unsigned int ifindex, int prog_fd, __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);

	return SLOT_STEP("xdp.attach", bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts));
}

int slot_xdp_attach(unsigned int ifindex, const char *interface, int prog_fd,
		    enum slot_attach_mode mode, struct slot_reason *why, int *ret_link_fd,
		    enum slot_attach_mode *ret_mode, struct slot_reason *ret_note)
{
	int native = 0;
	int fd = -EOPNOTSUPP;
	int err = slot_xdp_refuse_foreign(ifindex, interface, why);

	if (err)
		return err;
	ret_note->text[0] = '\0';
	if (mode != SLOT_ATTACH_GENERIC)
		fd = native = attach_in_mode(ifindex, prog_fd, XDP_FLAGS_DRV_MODE);
	if (fd >= 0) {
		*ret_mode = SLOT_ATTACH_NATIVE;
		*ret_link_fd = fd;
		return 0;
	}
	/* Another program may have been faster than the look above. */
	if (mode == SLOT_ATTACH_NATIVE || fd == -EBUSY || fd == -EEXIST || fd == -ENODEV)
		return slot_reason_set(why, fd, "cannot attach to '%s' in native mode: %s",
				       interface, strerror(-fd));
	fd = attach_in_mode(ifindex, prog_fd, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot attach to '%s': %s", interface,
				       strerror(-fd));
	if (native < 0)
		slot_reason_set(
			ret_note, 0,
			"'%s' runs XDP in generic mode, where packets cost several times more: "
			"native mode was refused: %s (a driver without it, or an MTU too large "
			"for programs that are not SEC(\"xdp.frags\"))",
			interface, strerror(-native));
	*ret_mode = SLOT_ATTACH_GENERIC;
	*ret_link_fd = fd;
	return 0;
}

enum slot_attach_mode slot_xdp_mode_get(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) || !query.prog_id)
		return SLOT_ATTACH_AUTO;
	return query.attach_mode == XDP_ATTACHED_SKB ? SLOT_ATTACH_GENERIC : SLOT_ATTACH_NATIVE;
}

int slot_xdp_check(unsigned int ifindex, __u32 prog_id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int err = ifindex ? bpf_xdp_query((int)ifindex, 0, &query) : -ENODEV;

	if (err)
		return err == -ENODEV ? 0 : err;
	return query.prog_id == prog_id || query.drv_prog_id == prog_id ||
	       query.skb_prog_id == prog_id;
}

int slot_xdp_prog_id(int fd, __u32 *ret_id)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	*ret_id = info.id;
	return 0;
}

const char *slot_attach_mode_name(enum slot_attach_mode mode)
{
	static const char *const names[SLOT_ATTACH_COUNT] = {
		[SLOT_ATTACH_AUTO] = "auto",
		[SLOT_ATTACH_NATIVE] = "native",
		[SLOT_ATTACH_GENERIC] = "generic",
	};

	return mode < SLOT_ATTACH_COUNT ? names[mode] : "?";
}
