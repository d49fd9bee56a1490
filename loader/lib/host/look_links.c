/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces and their addresses, as rtnetlink tells them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <net/if_arp.h>

#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "loader/lib/host/look.h"
#include "loader/lib/host/netlink.h"

static void read_kind(const struct nlattr *info, struct slot_picture_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			snprintf(link->kind, sizeof(link->kind), "%s", mnl_attr_get_str(attr));
	}
}

static void read_xdp(const struct nlattr *xdp, struct slot_picture_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, xdp)
	{
		if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
			link->has_xdp = mnl_attr_get_u8(attr) != XDP_ATTACHED_NONE;
	}
}

static void read_link_attr(const struct nlattr *attr, struct slot_picture_link *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->peer = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->peer_nsid = (int)mnl_attr_get_u32(attr);
		break;
	case IFLA_XDP:
		read_xdp(attr, link);
		break;
	case IFLA_LINKINFO:
		read_kind(attr, link);
		break;
	default:
		break;
	}
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct slot_picture_netns *netns = data;
	struct slot_picture_link link = {
		.ifindex = (unsigned int)info->ifi_index,
		.is_up = info->ifi_flags & IFF_UP,
		.has_no_ethernet = info->ifi_type != ARPHRD_ETHER &&
				   info->ifi_type != ARPHRD_LOOPBACK,
		.is_loopback = info->ifi_flags & IFF_LOOPBACK,
		.rp_filter = -1,
		.peer_nsid = -1,
		.peer_netns = SLOT_PICTURE_NOWHERE,
	};
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		read_link_attr(attr, &link);
	}
	/* of others, such as VLANs, it is what they sit on */
	if (strcmp(link.kind, "veth") != 0 && strcmp(link.kind, "netkit") != 0) {
		link.peer = 0;
		link.peer_nsid = -1;
	}
	return slot_picture_add(&netns->links, &netns->link_count, &link) ? MNL_CB_ERROR :
									    MNL_CB_OK;
}

/* The setting of all interfaces counts where it is the larger one. */
struct filters {
	struct slot_picture_netns *netns;
	int all;
};

static int read_netconf(const struct nlmsghdr *message, void *data)
{
	struct filters *filters = data;
	struct slot_picture_link *link;
	const struct nlattr *attr;
	int ifindex = 0, rp_filter = -1;

	mnl_attr_for_each(attr, message, sizeof(struct netconfmsg))
	{
		if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX)
			ifindex = (int)mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == NETCONFA_RP_FILTER)
			rp_filter = (int)mnl_attr_get_u32(attr);
	}
	if (ifindex == NETCONFA_IFINDEX_ALL)
		filters->all = rp_filter;
	link = ifindex > 0 ? slot_look_link(filters->netns, (unsigned int)ifindex) : NULL;
	if (link)
		link->rp_filter = rp_filter;
	return MNL_CB_OK;
}

static int look_filters(struct slot_picture_netns *netns)
{
	struct filters filters = { .netns = netns, .all = -1 };
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct netconfmsg *netconf;
	int err;

	request->nlmsg_type = RTM_GETNETCONF;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	netconf = mnl_nlmsg_put_extra_header(request, sizeof(*netconf));
	netconf->ncm_family = AF_INET;
	err = slot_netlink_ask(NETLINK_ROUTE, request, read_netconf, &filters);
	for (size_t i = 0; !err && i < netns->link_count; i++)
		if (netns->links[i].rp_filter >= 0 && netns->links[i].rp_filter < filters.all)
			netns->links[i].rp_filter = filters.all;
	return err;
}

int slot_look_links(struct slot_picture_netns *netns)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;
	int err;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = slot_netlink_ask(NETLINK_ROUTE, request, read_link, netns);
	return err ? err : look_filters(netns);
}

static int read_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct slot_picture_netns *netns = data;
	struct slot_picture_address address = { .ifindex = info->ifa_index,
						.len = info->ifa_prefixlen };
	const struct nlattr *attr, *found = NULL;

	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return MNL_CB_OK;
	/* where both are, IFA_ADDRESS is the other end's */
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFA_LOCAL ||
		    (mnl_attr_get_type(attr) == IFA_ADDRESS && !found))
			found = attr;
	}
	address.addr.is_ip6 = info->ifa_family == AF_INET6;
	if (!found || mnl_attr_get_payload_len(found) * 8 != slot_addr_bits(&address.addr))
		return MNL_CB_OK;
	address.addr = slot_addr_make(address.addr.is_ip6, mnl_attr_get_payload(found));
	return slot_picture_add(&netns->addresses, &netns->address_count, &address) ? MNL_CB_ERROR :
										      MNL_CB_OK;
}

int slot_look_addresses(struct slot_picture_netns *netns)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return slot_netlink_ask(NETLINK_ROUTE, request, read_address, netns);
}
