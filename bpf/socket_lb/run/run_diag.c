/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/run_diag.h"

#include <errno.h>
#include <netinet/tcp.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#define REQUEST_SIZE 256
#define ANSWER_SIZE 32768

struct reader {
	run_diag_fn see;
	void *data;
};

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	const struct reader *reader = data;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(*socket))
		reader->see(socket, reader->data);
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, const struct run_diag_query *query)
{
	char request[REQUEST_SIZE];
	struct nlmsghdr *head = mnl_nlmsg_put_header(request);
	struct inet_diag_req_v2 *ask;

	head->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ask = mnl_nlmsg_put_extra_header(head, sizeof(*ask));
	ask->sdiag_family = query->family;
	ask->sdiag_protocol = query->proto;
	ask->idiag_states = query->states;
	ask->id.idiag_sport = query->port;
	return mnl_socket_sendto(nl, head, head->nlmsg_len) < 0 ? -errno : 0;
}

int run_diag_each(const struct run_diag_query *query, run_diag_fn see, void *data)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl =
		mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	struct reader reader = { .see = see, .data = data };
	char answer[ANSWER_SIZE];
	int more = MNL_CB_OK;
	ssize_t size;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || ask(nl, query))
		return -errno;
	while (more == MNL_CB_OK) {
		size = mnl_socket_recvfrom(nl, answer, sizeof(answer));
		if (size < 0)
			return -errno;
		more = mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(nl), read_socket,
				  &reader);
	}
	return more == MNL_CB_STOP ? 0 : -errno;
}

__u64 run_diag_cookie(const struct inet_diag_msg *socket)
{
	return socket->id.idiag_cookie[0] | (__u64)socket->id.idiag_cookie[1] << 32;
}
