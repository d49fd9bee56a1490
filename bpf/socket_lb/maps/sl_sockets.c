/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

int sl_sockets_count(const struct sl_maps *maps, __u32 vip, __u32 instance, struct slot_reason *why,
		     size_t *ret_count)
{
	size_t count = 0;

	for (__u32 i = 0; i < SL_SOCKETS_MAX; i++) {
		__u32 index = SL_SOCKET_INDEX(vip, instance, i);
		__u64 cookie;
		int err = bpf_map_lookup_elem(maps->sockets, &index, &cookie);

		if (err && err != -ENOENT)
			return slot_reason_set(why, err, "cannot read map '%s': %s",
					       SL_SOCKETS_NAME, strerror(-err));
		count += !err;
	}
	*ret_count = count;
	return 0;
}

int sl_sockets_remove(const struct sl_maps *maps, __u32 vip, __u32 instance,
		      struct slot_reason *why)
{
	for (__u32 i = 0; i < SL_SOCKETS_MAX; i++) {
		__u32 index = SL_SOCKET_INDEX(vip, instance, i);
		int err = bpf_map_delete_elem(maps->sockets, &index);

		if (err && err != -ENOENT)
			return slot_reason_set(why, err, "cannot write map '%s': %s",
					       SL_SOCKETS_NAME, strerror(-err));
	}
	return 0;
}

static const char *hint_at(int err)
{
	switch (err) {
	case -EINVAL:
		return "; is it bound with SO_REUSEPORT, and listening where it is TCP?";
	case -EADDRINUSE:
		return "; it is in a map already";
	default:
		return "";
	}
}

/* find_position - the first without a socket; only the map knows what others put there. */
static int find_position(const struct sl_maps *maps, __u32 vip, __u32 instance, __u64 cookie,
			 struct slot_reason *why, __u32 *ret_position)
{
	__u32 position = SL_SOCKETS_MAX;

	for (__u32 i = 0; i < SL_SOCKETS_MAX; i++) {
		__u32 index = SL_SOCKET_INDEX(vip, instance, i);
		__u64 there;
		int err = bpf_map_lookup_elem(maps->sockets, &index, &there);

		if (err && err != -ENOENT)
			return slot_reason_set(why, err, "cannot read map '%s': %s",
					       SL_SOCKETS_NAME, strerror(-err));
		if (!err && there == cookie)
			return slot_reason_set(why, -EEXIST,
					       "cannot add a socket: it was added before");
		if (err && position == SL_SOCKETS_MAX)
			position = i;
	}
	if (position == SL_SOCKETS_MAX)
		return slot_reason_set(why, -ENOSPC, "an instance has no more than %d sockets",
				       SL_SOCKETS_MAX);
	*ret_position = position;
	return 0;
}

int sl_socket_cookie(int fd, struct slot_reason *why, __u64 *ret_cookie)
{
	socklen_t len = sizeof(*ret_cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret_cookie, &len))
		return slot_reason_set(why, -errno, "cannot add socket %d: %s", fd,
				       strerror(errno));
	return 0;
}

int sl_sockets_put(const struct sl_maps *maps, __u32 vip, __u32 instance, int fd,
		   struct slot_reason *why, __u32 *ret_position)
{
	__u64 socket = (__u64)fd, cookie = 0;
	__u32 index;
	int err = sl_socket_cookie(fd, why, &cookie);

	err = err ? err : find_position(maps, vip, instance, cookie, why, ret_position);
	if (err)
		return err;
	index = SL_SOCKET_INDEX(vip, instance, *ret_position);
	err = bpf_map_update_elem(maps->sockets, &index, &socket, BPF_NOEXIST);
	/* -EBUSY is what passes: an instance, or the lock, that is another's for now. */
	err = err == -EBUSY ? -EADDRINUSE : err;
	return err ? slot_reason_set(why, err, "cannot add socket %d: %s%s", fd, strerror(-err),
				     hint_at(err)) :
		     0;
}
