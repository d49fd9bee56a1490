/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/links.h"

#include <errno.h>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

int links_open(struct mnl_socket **ret_nl)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		int err = -errno;

		mnl_socket_close(nl);
		return err;
	}
	*ret_nl = nl;
	return 0;
}

void links_close(struct mnl_socket *nl)
{
	if (nl)
		mnl_socket_close(nl);
}

int links_fd(const struct mnl_socket *nl)
{
	return mnl_socket_get_fd(nl);
}

/* Messages that were lost (ENOBUFS) are news too: what they said is looked up, not read. */
void links_drain(struct mnl_socket *nl)
{
	char buffer[8192];
	ssize_t n;

	do
		n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR || errno == ENOSPC)));
}
