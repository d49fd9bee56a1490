/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets of this netns that wait for whoever comes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sk_steer/sk_steer.h"
#include "programs/shared/sockets.h"

struct list {
	struct sk_steer_listener *items;
	size_t count;
	__u8 proto; /* which is being asked for */
	int err;
};

static void see_socket(const struct inet_diag_msg *info, void *data)
{
	struct list *list = data;
	struct sk_steer_listener *items, *item;

	if (list->err || !info->id.idiag_sport) /* not bound yet */
		return;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items) {
		list->err = -ENOMEM;
		return;
	}
	list->items = items;
	item = &items[list->count++];
	*item = (struct sk_steer_listener){
		.bound.family = info->idiag_family == AF_INET6 ? 6 : 4,
		.bound.proto = list->proto,
		.bound.port = ntohs(info->id.idiag_sport),
		.cookie = program_socket_cookie(info),
		.inode = info->idiag_inode,
	};
	memcpy(item->bound.addr, info->id.idiag_src, item->bound.family == 6 ? 16 : 4);
}

int sk_steer_listeners_get(struct sk_steer_listener **ret_list, size_t *ret_count)
{
	struct list list = {};
	int err = 0;

	for (size_t i = 0; !err && i < PROGRAM_SERVING_KINDS; i++) {
		list.proto = program_sockets_serving[i].proto;
		err = program_sockets_each(&program_sockets_serving[i], see_socket, &list);
		err = err ? err : list.err;
	}
	if (err) {
		free(list.items);
		return err;
	}
	*ret_list = list.items;
	*ret_count = list.count;
	return 0;
}
