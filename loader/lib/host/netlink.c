/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netlink.h"

#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>
#include <sys/socket.h>

#define ANSWER_SIZE 32768 /* the most that the kernel puts into one message of a dump */

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

int slot_netlink_ask(int bus, const struct nlmsghdr *request, mnl_cb_t read, void *data)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl =
		mnl_socket_open2(bus, SOCK_CLOEXEC);
	char buffer[ANSWER_SIZE];
	int state = MNL_CB_OK;
	ssize_t size;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (state > MNL_CB_STOP) {
		size = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (size < 0)
			return -errno;
		state = mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(nl), read, data);
		if (state < 0)
			return -errno;
	}
	return 0;
}

static int read_family(const struct nlmsghdr *message, void *data)
{
	unsigned short *family = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*family = mnl_attr_get_u16(attr);
	}
	return MNL_CB_OK;
}

int slot_netlink_family(const char *name, unsigned short *ret_family)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *head;
	unsigned short family = 0;
	int err;

	request->nlmsg_type = GENL_ID_CTRL;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->cmd = CTRL_CMD_GETFAMILY;
	head->version = 1;
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
	err = slot_netlink_ask(NETLINK_GENERIC, request, read_family, &family);
	if (err || !family)
		return err ? err : -ENOENT;
	*ret_family = family;
	return 0;
}
