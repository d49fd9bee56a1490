/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes that matter, and where the kernel would send packets to given addresses. */
#include <errno.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "loader/lib/host/look.h"
#include "loader/lib/host/netlink.h"

struct route_attrs {
	const struct nlattr *prefix;
	const struct nlattr *metrics;
	unsigned int ifindex;
};

static void read_route_attrs(const struct nlmsghdr *message, struct route_attrs *ret_attrs)
{
	struct route_attrs attrs = { 0 };
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct rtmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			attrs.prefix = attr;
			break;
		case RTA_OIF:
			attrs.ifindex = mnl_attr_get_u32(attr);
			break;
		case RTA_METRICS:
			attrs.metrics = attr;
			break;
		default:
			break;
		}
	}
	*ret_attrs = attrs;
}

static void read_metrics(const struct nlattr *metrics, struct slot_picture_route *route)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			route->mtu = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == RTAX_ADVMSS)
			route->advmss = mnl_attr_get_u32(attr);
	}
}

static int add_route(struct slot_picture_netns *netns, const struct rtmsg *info,
		     const struct route_attrs *attrs)
{
	struct slot_picture_route route = {
		.prefix.is_ip6 = info->rtm_family == AF_INET6,
		.len = info->rtm_dst_len,
		.is_discard = info->rtm_type != RTN_UNICAST,
		.ifindex = attrs->ifindex,
	};

	if (attrs->prefix)
		route.prefix =
			slot_addr_make(route.prefix.is_ip6, mnl_attr_get_payload(attrs->prefix));
	if (attrs->metrics)
		read_metrics(attrs->metrics, &route);
	return slot_picture_add(&netns->routes, &netns->route_count, &route);
}

/* A prefix that is local as a whole; single addresses have come with the interfaces. */
static int add_local(struct slot_picture_netns *netns, const struct rtmsg *info,
		     const struct route_attrs *attrs)
{
	struct slot_picture_address address = { .ifindex = attrs->ifindex,
						.len = info->rtm_dst_len,
						.is_route = true };

	if (!attrs->prefix)
		return 0;
	address.addr =
		slot_addr_make(info->rtm_family == AF_INET6, mnl_attr_get_payload(attrs->prefix));
	if (slot_addr_is_own(&address.addr) || slot_picture_address_find(netns, &address.addr))
		return 0;
	return slot_picture_add(&netns->addresses, &netns->address_count, &address);
}

static int read_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct slot_picture_netns *netns = data;
	bool is_discard = info->rtm_type == RTN_BLACKHOLE || info->rtm_type == RTN_UNREACHABLE ||
			  info->rtm_type == RTN_PROHIBIT;
	struct route_attrs attrs;
	int err = 0;

	if (info->rtm_flags & RTM_F_CLONED ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6))
		return MNL_CB_OK;
	read_route_attrs(message, &attrs);
	if (attrs.prefix &&
	    mnl_attr_get_payload_len(attrs.prefix) != (info->rtm_family == AF_INET6 ? 16 : 4))
		return MNL_CB_OK;
	if (info->rtm_type == RTN_LOCAL)
		err = add_local(netns, info, &attrs);
	else if (is_discard || (info->rtm_type == RTN_UNICAST && !info->rtm_dst_len))
		err = add_route(netns, info, &attrs);
	return err ? MNL_CB_ERROR : MNL_CB_OK;
}

static int look_family(struct slot_picture_netns *netns, unsigned char family)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->rtm_family = family;
	return slot_netlink_ask(NETLINK_ROUTE, request, read_route, netns);
}

int slot_look_routes(struct slot_picture_netns *netns)
{
	int err = look_family(netns, AF_INET);

	return err ? err : look_family(netns, AF_INET6);
}

static int read_way(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	struct slot_picture_way *way = data;
	struct route_attrs attrs;

	read_route_attrs(message, &attrs);
	way->is_local = info->rtm_type == RTN_LOCAL;
	way->ifindex = attrs.ifindex;
	return MNL_CB_OK;
}

/* Returns 0 for an answer: there are errors for routes that discard, and ENETUNREACH is for none. */
static int read_answer(int err, struct slot_picture_way *way)
{
	way->is_discard = err == -EINVAL || err == -EHOSTUNREACH || err == -EACCES;
	return way->is_discard || err == -ENETUNREACH ? 0 : err;
}

static int ask_way(struct slot_picture_way *way)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	unsigned int bits = slot_addr_bits(&way->addr);
	struct rtmsg *info;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->rtm_family = way->addr.is_ip6 ? AF_INET6 : AF_INET;
	info->rtm_dst_len = (unsigned char)bits;
	mnl_attr_put(request, RTA_DST, bits / 8, way->addr.bytes);
	return read_answer(slot_netlink_ask(NETLINK_ROUTE, request, read_way, way), way);
}

int slot_look_own_way(struct slot_picture_netns *netns, const struct slot_addr *addr)
{
	struct slot_picture_way way = { .addr = *addr };
	int err = ask_way(&way);

	if (err)
		return err;
	return slot_picture_add(&netns->ways, &netns->way_count, &way);
}
