/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/pair.h"

#include <errno.h>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "loader/lib/host/netlink.h"

static int read_peer(const struct nlmsghdr *message, void *data)
{
	unsigned int *peer = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINK)
			*peer = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

int slot_pair_peer(unsigned int ifindex, unsigned int *ret_peer)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;
	unsigned int peer = 0;
	int err;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	err = slot_netlink_ask(NETLINK_ROUTE, request, read_peer, &peer);
	if (err || !peer)
		return err ? err : -ENODEV;
	*ret_peer = peer;
	return 0;
}
