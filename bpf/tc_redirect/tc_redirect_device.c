/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "bpf/tc_redirect/tc_redirect.h"

#define REQUEST_SIZE 256
#define ANSWER_SIZE 32768 /* an interface may have a lot of attributes */

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static bool is_kind(const struct nlattr *info, const char *kind)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			return !strcmp(mnl_attr_get_str(attr), kind);
	}
	return false;
}

/* The kernel names the netns of a device's other end where it is not the device's own. */
static int read_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct tc_redirect_device *device = data;
	bool is_pair = false, is_apart = false;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(*link))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			is_pair = is_kind(attr, "veth") || is_kind(attr, "netkit");
		else if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID)
			is_apart = true;
	}
	device->ifindex = (unsigned int)link->ifi_index;
	device->has_peer = is_pair && is_apart;
	return MNL_CB_OK;
}

int tc_redirect_device_get(const char *name, struct tc_redirect_device *ret_device)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl =
		mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char request[REQUEST_SIZE], answer[ANSWER_SIZE];
	struct nlmsghdr *head = mnl_nlmsg_put_header(request);
	struct tc_redirect_device device = {};
	ssize_t size;

	if (!*name || strlen(name) >= IF_NAMESIZE)
		return -ENODEV;
	head->nlmsg_type = RTM_GETLINK;
	head->nlmsg_flags = NLM_F_REQUEST;
	mnl_nlmsg_put_extra_header(head, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(head, IFLA_IFNAME, name);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(nl, head, head->nlmsg_len) < 0)
		return -errno;
	size = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (size < 0 ||
	    mnl_cb_run(answer, (size_t)size, 0, mnl_socket_get_portid(nl), read_link, &device) < 0)
		return -errno;
	*ret_device = device;
	return 0;
}
