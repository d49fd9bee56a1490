/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets of this netns that wait for whoever comes, as sock_diag(7) lists them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "bpf/sk_steer/sk_steer.h"
#include "loader/lib/base/cleanup.h"

#define REQUEST_SIZE 256
#define ANSWER_SIZE 32768

struct list {
	struct sk_steer_listener *items;
	size_t count;
	__u8 proto; /* which is being asked for */
};

static void close_netlink(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *info = mnl_nlmsg_get_payload(message);
	struct list *list = data;
	struct sk_steer_listener *items, *item;

	if (!info->id.idiag_sport) /* not bound yet */
		return MNL_CB_OK;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	list->items = items;
	item = &items[list->count++];
	*item = (struct sk_steer_listener){
		.bound.family = info->idiag_family == AF_INET6 ? 6 : 4,
		.bound.proto = list->proto,
		.bound.port = ntohs(info->id.idiag_sport),
		.cookie = (__u64)info->id.idiag_cookie[1] << 32 | info->id.idiag_cookie[0],
		.inode = info->idiag_inode,
	};
	memcpy(item->bound.addr, info->id.idiag_src, item->bound.family == 6 ? 16 : 4);
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, __u8 family, struct list *list)
{
	char request[REQUEST_SIZE] = {}, answer[ANSWER_SIZE];
	struct nlmsghdr *head = mnl_nlmsg_put_header(request);
	struct inet_diag_req_v2 *diag;
	int more = MNL_CB_OK;

	head->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	diag = mnl_nlmsg_put_extra_header(head, sizeof(*diag));
	diag->sdiag_family = family;
	diag->sdiag_protocol = list->proto;
	/* a UDP socket that is connected to nobody is "closed" */
	diag->idiag_states = 1U << (list->proto == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE);
	if (mnl_socket_sendto(nl, head, head->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(nl, answer, sizeof(answer));

		more = size < 0 ? MNL_CB_ERROR :
				  mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(nl),
					     read_socket, list);
	}
	return more < 0 ? -errno : 0;
}

int sk_steer_listeners_get(struct sk_steer_listener **ret_list, size_t *ret_count)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	static const __u8 protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	__attribute__((cleanup(close_netlink))) struct mnl_socket *nl =
		mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	struct list list = {};
	int err = 0;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; !err && i < 4; i++) {
		list.proto = protos[i % 2];
		err = ask(nl, families[i / 2], &list);
	}
	if (err) {
		free(list.items);
		return err;
	}
	*ret_list = list.items;
	*ret_count = list.count;
	return 0;
}
