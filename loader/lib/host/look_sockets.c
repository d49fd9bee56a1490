/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that packets from anywhere may end at, as sock_diag tells them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "loader/lib/host/look.h"
#include "loader/lib/host/netlink.h"

struct query {
	struct slot_picture_netns *netns;
	__u8 proto;
};

static __u64 read_u64(const struct nlattr *attr)
{
	__u64 value = 0;

	if (mnl_attr_get_payload_len(attr) == sizeof(value))
		memcpy(&value, mnl_attr_get_payload(attr), sizeof(value));
	return value;
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *info = mnl_nlmsg_get_payload(message);
	const struct query *query = data;
	struct slot_picture_listener listener = {
		.addr = slot_addr_make(info->idiag_family == AF_INET6, info->id.idiag_src),
		.proto = query->proto,
		.port = ntohs(info->id.idiag_sport),
		.ifindex = info->id.idiag_if,
		.uid = info->idiag_uid,
		.inode = info->idiag_inode,
		.cookie = (__u64)info->id.idiag_cookie[1] << 32 | info->id.idiag_cookie[0],
	};
	const struct nlattr *attr;

	if (!listener.port) /* not bound yet */
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY)
			listener.is_ip6_only = mnl_attr_get_u8(attr);
		else if (mnl_attr_get_type(attr) == INET_DIAG_CGROUP_ID)
			listener.cgroup = read_u64(attr);
	}
	return slot_picture_add(&query->netns->listeners, &query->netns->listener_count,
				&listener) ?
		       MNL_CB_ERROR :
		       MNL_CB_OK;
}

static int look_kind(struct slot_picture_netns *netns, __u8 family, __u8 proto)
{
	struct query query = { .netns = netns, .proto = proto };
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *diag;

	request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));
	diag->sdiag_family = family;
	diag->sdiag_protocol = proto;
	/* a UDP socket that is connected to nobody is "closed" */
	diag->idiag_states = 1U << (proto == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE);
	return slot_netlink_ask(NETLINK_SOCK_DIAG, request, read_socket, &query);
}

int slot_look_sockets(struct slot_picture_netns *netns)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	static const __u8 protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	int err = 0;

	for (size_t i = 0; !err && i < 4; i++)
		err = look_kind(netns, families[i / 2], protos[i % 2]);
	return err;
}
