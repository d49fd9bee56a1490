/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink by hand: three questions are no reason for libhandoff_host to need libmnl. */
#include "programs/handoff/maps/handoff_target.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/maps/handoff_address.h"

#define ANSWER_SIZE 32768 /* an interface may have a lot of attributes */
#define MAC_SIZE 6

/* States in which a neighbour's address is of use; linux/neighbour.h has no name for them all. */
#define NEIGH_IS_KNOWN                                                                             \
	(NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

struct request {
	struct nlmsghdr head;
	union {
		struct rtmsg route;
		struct ndmsg neigh;
		struct ifinfomsg link;
	};
	char attrs[64];
};

/* The kernel's answer: its message, and what stands behind the family's header. */
struct answer {
	char bytes[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	void *body;
};

static void start(struct request *request, __u16 type, size_t body)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = NLM_F_REQUEST;
	request->head.nlmsg_len = NLMSG_LENGTH(body);
}

static void put(struct request *request, __u16 type, const void *value, size_t len)
{
	struct rtattr *attr = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (__u16)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), value, len);
	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + RTA_LENGTH(len);
}

static int ask(int fd, const struct request *request, __u16 want, struct answer *answer)
{
	struct nlmsghdr *head = (struct nlmsghdr *)answer->bytes;
	const struct nlmsgerr *error = NLMSG_DATA(head);
	ssize_t size = send(fd, request, request->head.nlmsg_len, 0);

	if (size >= 0)
		size = recv(fd, answer->bytes, sizeof(answer->bytes), 0);
	if (size < 0)
		return -errno;
	if (!NLMSG_OK(head, size))
		return -EPROTO;
	if (head->nlmsg_type == NLMSG_ERROR && head->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)))
		return error->error ? error->error : -EPROTO;
	if (head->nlmsg_type != want)
		return -EPROTO;
	answer->body = NLMSG_DATA(head);
	return 0;
}

/* The attribute @type, of at least @len bytes, of @rest bytes of them; NULL: there is none. */
static const struct rtattr *find_attr(const struct rtattr *attr, long rest, __u16 type, size_t len)
{
	for (; RTA_OK(attr, rest); attr = RTA_NEXT(attr, rest))
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return RTA_PAYLOAD(attr) >= len ? attr : NULL;
	return NULL;
}

static const struct rtattr *get_attr(const struct answer *answer, size_t body, __u16 type,
				     size_t len)
{
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer->bytes;

	return find_attr((const void *)(answer->bytes + NLMSG_SPACE(body)),
			 (long)head->nlmsg_len - (long)NLMSG_SPACE(body), type, len);
}

/* The attribute @type of at least @len bytes behind a body of @body; NULL: there is none. */
static const void *get(const struct answer *answer, size_t body, __u16 type, size_t len)
{
	const struct rtattr *attr = get_attr(answer, body, type, len);

	return attr ? RTA_DATA(attr) : NULL;
}

/* The attribute @type of at least @len bytes within @outer of an interface; NULL: there is none. */
static const struct rtattr *get_within(const struct answer *answer, __u16 outer, __u16 type,
				       size_t len)
{
	const struct rtattr *nest = get_attr(answer, sizeof(struct ifinfomsg), outer, 0);

	return nest ? find_attr(RTA_DATA(nest), (long)RTA_PAYLOAD(nest), type, len) : NULL;
}

/* Where a packet is sent next: a neighbour at an interface. */
struct hop {
	__u8 family;
	__u8 address[sizeof(struct in6_addr)];
	__u32 ifindex;
};

static size_t address_len(__u8 family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* A router of IPv6 may be on the way to an address of IPv4 (RTA_VIA). */
static void set_router(const struct answer *answer, struct hop *hop)
{
	const void *gateway =
		get(answer, sizeof(struct rtmsg), RTA_GATEWAY, address_len(hop->family));
	const struct rtvia *via =
		get(answer, sizeof(struct rtmsg), RTA_VIA, sizeof(*via) + sizeof(struct in6_addr));

	if (gateway) {
		memcpy(hop->address, gateway, address_len(hop->family));
	} else if (via && via->rtvia_family == AF_INET6) {
		hop->family = AF_INET6;
		memcpy(hop->address, via->rtvia_addr, sizeof(struct in6_addr));
	}
}

static int find_hop(int fd, struct answer *answer, struct hop *hop)
{
	const struct rtmsg *route;
	struct request request;
	const __u32 *ifindex;
	int err;

	start(&request, RTM_GETROUTE, sizeof(request.route));
	request.route.rtm_family = hop->family;
	request.route.rtm_dst_len = (unsigned char)(address_len(hop->family) * 8);
	put(&request, RTA_DST, hop->address, address_len(hop->family));
	err = ask(fd, &request, RTM_NEWROUTE, answer);
	if (err)
		return err;
	route = answer->body;
	ifindex = get(answer, sizeof(*route), RTA_OIF, sizeof(*ifindex));
	if (route->rtm_type != RTN_UNICAST || !ifindex)
		return -ENETUNREACH;
	hop->ifindex = *ifindex;
	set_router(answer, hop);
	return 0;
}

static int find_neighbour(int fd, struct answer *answer, const struct hop *hop,
			  __u8 ret_mac[MAC_SIZE])
{
	const struct ndmsg *neigh;
	struct request request;
	const void *mac;
	int err;

	start(&request, RTM_GETNEIGH, sizeof(request.neigh));
	request.neigh.ndm_family = hop->family;
	request.neigh.ndm_ifindex = (int)hop->ifindex;
	put(&request, NDA_DST, hop->address, address_len(hop->family));
	err = ask(fd, &request, RTM_NEWNEIGH, answer);
	if (err)
		return err == -ENOENT ? -EAGAIN : err;
	neigh = answer->body;
	mac = get(answer, sizeof(*neigh), NDA_LLADDR, MAC_SIZE);
	if (!(neigh->ndm_state & NEIGH_IS_KNOWN) || !mac)
		return -EAGAIN;
	memcpy(ret_mac, mac, MAC_SIZE);
	return 0;
}

/*
 * Whether XDP sends by the interface that the kernel has just described: hardware, which has no
 * kind, and those that the kernel's drivers can, or any that has XDP itself, which sends back
 * what came in. By others (vlan, bridge, macvlan, ...) all would be lost without a word.
 */
static int check_xdp(const struct answer *answer, struct slot_reason *why)
{
	static const char *const kinds[] = { "veth", "tun", "bond" };
	const struct rtattr *kind = get_within(answer, IFLA_LINKINFO, IFLA_INFO_KIND, 1);
	const struct rtattr *xdp = get_within(answer, IFLA_XDP, IFLA_XDP_ATTACHED, sizeof(__u8));
	const char *name = get(answer, sizeof(struct ifinfomsg), IFLA_IFNAME, 1);

	if (!kind || (xdp && *(const __u8 *)RTA_DATA(xdp) != XDP_ATTACHED_NONE))
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(RTA_DATA(kind), kinds[i], RTA_PAYLOAD(kind)))
			return 0;
	return slot_reason_set(why, -EOPNOTSUPP,
			       "the way to the target is by '%s', a %.*s: XDP cannot send by it",
			       name ? name : "", (int)RTA_PAYLOAD(kind),
			       (const char *)RTA_DATA(kind));
}

static int find_own(int fd, struct answer *answer, __u32 ifindex, struct slot_reason *why,
		    __u8 ret_mac[MAC_SIZE])
{
	struct request request;
	const void *mac;
	int err;

	start(&request, RTM_GETLINK, sizeof(request.link));
	request.link.ifi_index = (int)ifindex;
	err = ask(fd, &request, RTM_NEWLINK, answer);
	if (err)
		return slot_reason_set(why, err, "cannot ask for the interface to the target: %s",
				       strerror(-err));
	err = check_xdp(answer, why);
	if (err)
		return err;
	mac = get(answer, sizeof(request.link), IFLA_ADDRESS, MAC_SIZE);
	if (!mac)
		return slot_reason_set(why, -ENETUNREACH,
				       "the interface to the target has no MAC address");
	memcpy(ret_mac, mac, MAC_SIZE);
	return 0;
}

static void set_hop(const struct handoff_target *target, struct hop *ret_hop)
{
	struct hop hop = { .family = AF_INET6 };

	memcpy(hop.address, target->address, sizeof(hop.address));
	if (handoff_address_is_ip4(target->address)) {
		hop.family = AF_INET;
		memcpy(hop.address, &target->address[HANDOFF_MAPPED_WORD + 1],
		       sizeof(struct in_addr));
	}
	*ret_hop = hop;
}

static int find_way(int fd, struct answer *answer, struct slot_reason *why,
		    struct handoff_target *target)
{
	struct hop hop;
	int err;

	set_hop(target, &hop);
	err = find_hop(fd, answer, &hop);
	if (err)
		return slot_reason_set(why, err, "no route to the target leads to another host: %s",
				       strerror(-err));
	target->ifindex = hop.ifindex;
	err = find_own(fd, answer, hop.ifindex, why, target->own_mac);
	if (err)
		return err;
	err = find_neighbour(fd, answer, &hop, target->next_hop_mac);
	return err ? slot_reason_set(
			     why, err,
			     "the MAC address of the next hop to the target is not known: %s",
			     strerror(-err)) :
		     0;
}

int handoff_target_find(const struct sockaddr *address, struct slot_reason *why,
			struct handoff_target *ret_target)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct handoff_target target = {};
	struct answer answer;
	int err = handoff_address_set(address, target.address, &target.port);

	if (err)
		return slot_reason_set(why, err, "the target has no address of IP");
	if (fd < 0)
		return slot_reason_set(why, -errno, "cannot ask for routes: %s", strerror(errno));
	err = find_way(fd, &answer, why, &target);
	if (!err)
		*ret_target = target;
	return err;
}
