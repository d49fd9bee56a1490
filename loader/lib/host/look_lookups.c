/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of sk_lookup, by the links that hold them: the kernel knows no other way (Linux 5.9). */
#include <errno.h>
#include <stdio.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/look.h"

/* A link ends at any moment; what is gone is not there. */
static bool get_link(__u32 id, struct bpf_link_info *ret_info)
{
	__u32 len = sizeof(*ret_info);
	_cleanup_close_ int fd = bpf_link_get_fd_by_id(id);

	*ret_info = (struct bpf_link_info){};
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, ret_info, &len);
}

static bool get_lookup(__u32 program, struct slot_picture_lookup *ret_lookup)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	*ret_lookup = (struct slot_picture_lookup){ .program = program };
	snprintf(ret_lookup->name, sizeof(ret_lookup->name), "%s", info.name);
	return true;
}

static int add_lookup(struct slot_picture *picture, __u32 ino,
		      const struct slot_picture_lookup *lookup)
{
	for (size_t i = 0; i < picture->netns_count; i++) {
		struct slot_picture_netns *netns = &picture->netns[i];

		if (netns->is_seen && netns->ino == ino)
			return slot_picture_add(&netns->lookups, &netns->lookup_count, lookup);
	}
	return 0;
}

int slot_look_lookups(struct slot_picture *picture)
{
	__u32 id = 0;
	int err = 0;

	while (!err && !bpf_link_get_next_id(id, &id)) {
		struct slot_picture_lookup lookup;
		struct bpf_link_info info;

		if (get_link(id, &info) && info.type == BPF_LINK_TYPE_NETNS &&
		    info.netns.attach_type == BPF_SK_LOOKUP && get_lookup(info.prog_id, &lookup))
			err = add_lookup(picture, info.netns.netns_ino, &lookup);
	}
	return err;
}
