/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/flow_pass.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/un.h>

#define RECEIVE_BYTES (4 << 20)

static int open_unix(const char *dir, const char *name, int type, struct sockaddr_un *ret_address)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/%s", dir, name);
	return fd < 0 ? -errno : fd;
}

static int open_bound(const char *dir, const char *name, int type, int *ret_fd)
{
	struct sockaddr_un address;
	int fd = open_unix(dir, name, type, &address);
	int err;

	if (fd < 0)
		return fd;
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    (type == SOCK_STREAM && listen(fd, 1))) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int open_connected(const char *dir, const char *name, int type, int *ret_fd)
{
	struct sockaddr_un address;
	int fd = open_unix(dir, name, type, &address);
	int err;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int flow_pass_take(const char *dir, unsigned int *ret_process, int *ret_fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	uint8_t process;
	struct iovec piece = { &process, sizeof(process) };
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *head;
	int peer = -1, err;

	err = open_connected(dir, "pass", SOCK_STREAM, &peer);
	if (err)
		return err;
	err = recvmsg(peer, &message, MSG_CMSG_CLOEXEC) == 1 ? 0 : -EPROTO;
	head = CMSG_FIRSTHDR(&message);
	close(peer);
	if (err || !head || head->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(ret_fd, CMSG_DATA(head), sizeof(*ret_fd));
	*ret_process = process;
	return 0;
}

int flow_pass_listen(const char *dir, int *ret_fd)
{
	return open_bound(dir, "pass", SOCK_STREAM, ret_fd);
}

int flow_pass_accept(int listen_fd, int wait_ms, int *ret_peer)
{
	struct pollfd ready = { .fd = listen_fd, .events = POLLIN };

	if (poll(&ready, 1, wait_ms) != 1)
		return -EAGAIN;
	*ret_peer = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return *ret_peer < 0 ? -errno : 0;
}

int flow_pass_give(int peer, unsigned int process, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = {};
	uint8_t bit = (uint8_t)process;
	struct iovec piece = { &bit, sizeof(bit) };
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int err = 0;

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(peer, &message, MSG_NOSIGNAL) != 1)
		err = -errno;
	close(peer);
	return err;
}

int flow_forward_bind(const char *dir, unsigned int process, int *ret_fd)
{
	const int bytes = RECEIVE_BYTES;
	int err = open_bound(dir, process ? "forward1" : "forward0", SOCK_DGRAM, ret_fd);

	if (!err)
		setsockopt(*ret_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return err;
}

int flow_forward_connect(const char *dir, unsigned int process, int *ret_fd)
{
	const int bytes = RECEIVE_BYTES;
	int err = open_connected(dir, process ? "forward1" : "forward0", SOCK_DGRAM, ret_fd);

	if (!err)
		setsockopt(*ret_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return err;
}
