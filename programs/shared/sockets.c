/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/sockets.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "loader/lib/base/cleanup.h"

#define REQUEST_SIZE 256
#define ANSWER_SIZE 32768
#define PATH_SIZE 64

/* --- what there is --------------------------------------------------------------------------- */

/* a UDP socket that is connected to nobody is "closed" */
const struct program_socket_query program_sockets_serving[PROGRAM_SERVING_KINDS] = {
	{ .family = AF_INET, .proto = IPPROTO_TCP, .states = 1 << TCP_LISTEN },
	{ .family = AF_INET6, .proto = IPPROTO_TCP, .states = 1 << TCP_LISTEN },
	{ .family = AF_INET, .proto = IPPROTO_UDP, .states = 1 << TCP_CLOSE },
	{ .family = AF_INET6, .proto = IPPROTO_UDP, .states = 1 << TCP_CLOSE },
};

struct reader {
	program_socket_fn see;
	void *data;
};

static void close_netlink(struct mnl_socket **nl)
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

static int ask(struct mnl_socket *nl, const struct program_socket_query *query)
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

int program_sockets_each(const struct program_socket_query *query, program_socket_fn see,
			 void *data)
{
	__attribute__((cleanup(close_netlink))) struct mnl_socket *nl =
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

__u64 program_socket_cookie(const struct inet_diag_msg *socket)
{
	return socket->id.idiag_cookie[0] | (__u64)socket->id.idiag_cookie[1] << 32;
}

/* --- whose they are -------------------------------------------------------------------------- */

int program_sockets_held(pid_t pid, program_held_fn see, void *data)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char text[PATH_SIZE];
	int end = 0;

	snprintf(text, sizeof(text), "/proc/%d/fd", pid);
	dir = opendir(text);
	while (dir && !end && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);
		uint64_t inode;

		text[len < 0 ? 0 : len] = '\0';
		if (sscanf(text, "socket:[%" SCNu64 "]", &inode) == 1)
			end = see(pid, (int)strtol(entry->d_name, NULL, 10), inode, data);
	}
	return end;
}

static bool has_cookie(int fd, __u64 cookie)
{
	socklen_t len = sizeof(cookie);
	__u64 own = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_COOKIE, &own, &len) && own == cookie;
}

int program_socket_take(pid_t pid, int fd, __u64 cookie, int *ret_fd)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_close_ int own = -1;

	if (process < 0)
		return -errno;
	own = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	if (own < 0)
		return -errno;
	if (cookie != PROGRAM_COOKIE_ANY && !has_cookie(own, cookie))
		return -ESTALE;
	*ret_fd = TAKE_FD(own);
	return 0;
}
