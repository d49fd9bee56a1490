/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/netlink.h"
#include "loader/lib/host/netns.h"

#define TRIES 3 /* of reading what changes meanwhile */

struct slot_picture_link *slot_look_link(struct slot_picture_netns *netns, unsigned int ifindex)
{
	for (size_t i = 0; i < netns->link_count; i++)
		if (netns->links[i].ifindex == ifindex)
			return &netns->links[i];
	return NULL;
}

/* What cannot be read is told, and the rest goes on; only memory ends it. */
static int look_parts(struct slot_picture_netns *netns, struct slot_reasons *unseen)
{
	static const struct {
		int (*look)(struct slot_picture_netns *netns);
		const char *what;
	} parts[] = {
		{ slot_look_links, "interfaces" }, { slot_look_addresses, "addresses" },
		{ slot_look_routes, "routes" },	   { slot_look_devices, "features of devices" },
		{ slot_look_sockets, "sockets" },
	};
	int err;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		err = parts[i].look(netns);
		if (err == -ENOMEM || err == -EINTR)
			return err;
		if (err)
			slot_reasons_add(unseen, "%s of netns '%s': %s", parts[i].what, netns->name,
					 strerror(-err));
	}
	return 0;
}

/* This thread's own netns is the first: it is there already. */
static int enter(const struct slot_netns_list *list, size_t netns, int *ret_home)
{
	char path[32];

	if (!netns)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", list->items[netns].fd);
	return slot_netns_enter(path, 0, ret_home);
}

static int look_at(const struct slot_netns_list *list, size_t number, struct slot_picture *picture)
{
	struct slot_picture_netns *netns = &picture->netns[number];
	_cleanup_(slot_netns_leave) int home = -1;
	int err = enter(list, number, &home);

	if (err)
		return slot_reasons_add(&picture->unseen, "netns '%s': %s", netns->name,
					err == -EPERM ? "only root may enter it" : strerror(-err));
	netns->is_seen = true;
	return look_parts(netns, &picture->unseen);
}

static int read_nsid(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;
	int *nsid = data;

	mnl_attr_for_each(attr, message, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			*nsid = (int)mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

/* What this thread's netns calls the one at @fd; -1: it has no number for it. */
static int get_nsid(int fd)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int nsid = -1;

	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (__u32)fd);
	return slot_netlink_ask(NETLINK_ROUTE, request, read_nsid, &nsid) ? -1 : nsid;
}

/* Whose other end is elsewhere: in which of the namespaces that were seen. */
static void find_peers(const struct slot_netns_list *list, struct slot_picture_netns *netns,
		       size_t own)
{
	_cleanup_(slot_netns_leave) int home = -1;
	bool has_peers = false;
	size_t i, other;
	int nsid;

	for (i = 0; i < netns->link_count; i++) {
		has_peers |= netns->links[i].peer_nsid >= 0;
		if (netns->links[i].peer && netns->links[i].peer_nsid < 0)
			netns->links[i].peer_netns = own;
	}
	/* Where it cannot be entered look_at() has said so. */
	if (!has_peers || enter(list, own, &home))
		return;
	for (other = 0; other < list->count; other++) {
		nsid = other == own ? -1 : get_nsid(list->items[other].fd);
		for (i = 0; nsid >= 0 && i < netns->link_count; i++)
			if (netns->links[i].peer_nsid == nsid)
				netns->links[i].peer_netns = other;
	}
}

static int add_netns(const struct slot_netns_item *item, struct slot_picture *picture)
{
	struct slot_picture_netns netns = { .dev = item->dev, .ino = item->ino };

	snprintf(netns.name, sizeof(netns.name), "%s", item->label);
	return slot_picture_add(&picture->netns, &picture->netns_count, &netns);
}

int slot_look_netns(const struct slot_netns_list *list, struct slot_picture *picture)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < list->count; i++)
		err = add_netns(&list->items[i], picture);
	for (i = 0; !err && i < list->count; i++) {
		int tries = TRIES;

		do {
			slot_picture_netns_clear(&picture->netns[i]);
			err = look_at(list, i, picture);
		} while (err == -EINTR && --tries);
		if (err == -EINTR)
			err = slot_reasons_add(&picture->unseen,
					       "netns '%s': it changes faster than it can be read",
					       picture->netns[i].name);
	}
	for (i = 0; !err && i < list->count; i++)
		find_peers(list, &picture->netns[i], i);
	slot_look_cgroups(picture);
	return err ? err : slot_look_lookups(picture);
}

int slot_look_way(const struct slot_netns_list *list, size_t netns, const struct slot_addr *addr,
		  struct slot_picture *picture)
{
	struct slot_picture_netns *own = &picture->netns[netns];
	_cleanup_(slot_netns_leave) int home = -1;
	char text[SLOT_ADDR_TEXT_MAX];
	int err;

	if (!own->is_seen || own->has_no_ways || slot_picture_way_find(own, addr))
		return 0;
	err = enter(list, netns, &home);
	if (err) {
		own->has_no_ways = true;
		return slot_reasons_add(&picture->unseen, "ways in netns '%s': %s", own->name,
					strerror(-err));
	}
	err = slot_look_own_way(own, addr);
	if (!err || err == -ENOMEM)
		return err;
	slot_addr_format(addr, slot_addr_bits(addr), text);
	return slot_reasons_add(&picture->unseen, "the way to %s in netns '%s': %s", text,
				own->name, strerror(-err));
}
