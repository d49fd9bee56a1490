/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drivers offer and do: offloads by ethtool's netlink, XDP by netdev's. */
#include <errno.h>
#include <string.h>

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include "loader/lib/host/look.h"
#include "loader/lib/host/netlink.h"

/* Of linux/netdev.h (Linux 6.3), which is younger than the headers that this builds with. */
#define NETDEV_FAMILY "netdev"
#define DEV_GET 1
#define DEV_IFINDEX 1
#define DEV_XDP_FEATURES 3

static int ask_family(const char *name, __u8 cmd, mnl_cb_t read, struct slot_picture_netns *netns)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request;
	struct genlmsghdr *head;
	unsigned short family;
	int err = slot_netlink_family(name, &family);

	if (err)
		return err;
	request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = family;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->cmd = cmd;
	head->version = 1;
	return slot_netlink_ask(NETLINK_GENERIC, request, read, netns);
}

static struct slot_picture_link *find_header(const struct nlattr *header,
					     struct slot_picture_netns *netns)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, header)
	{
		if (mnl_attr_get_type(attr) == ETHTOOL_A_HEADER_DEV_INDEX)
			return slot_look_link(netns, mnl_attr_get_u32(attr));
	}
	return NULL;
}

static void read_bit(const struct nlattr *bit, struct slot_picture_link *link)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, bit)
	{
		if (mnl_attr_get_type(attr) != ETHTOOL_A_BITSET_BIT_NAME)
			continue;
		if (!strcmp(mnl_attr_get_str(attr), "rx-lro"))
			link->lro = SLOT_YES;
		else if (!strcmp(mnl_attr_get_str(attr), "rx-gro-hw"))
			link->gro_hw = SLOT_YES;
	}
}

/* A set of bits that are on, each by its name. */
static void read_active(const struct nlattr *set, struct slot_picture_link *link)
{
	const struct nlattr *attr, *bit;

	link->lro = link->gro_hw = SLOT_NO;
	mnl_attr_for_each_nested(attr, set)
	{
		if (mnl_attr_get_type(attr) != ETHTOOL_A_BITSET_BITS)
			continue;
		mnl_attr_for_each_nested(bit, attr)
		{
			read_bit(bit, link);
		}
	}
}

static int read_features(const struct nlmsghdr *message, void *data)
{
	struct slot_picture_netns *netns = data;
	struct slot_picture_link *link = NULL;
	const struct nlattr *attr, *active = NULL;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == ETHTOOL_A_FEATURES_HEADER)
			link = find_header(attr, netns);
		else if (mnl_attr_get_type(attr) == ETHTOOL_A_FEATURES_ACTIVE)
			active = attr;
	}
	if (link && active)
		read_active(active, link);
	return MNL_CB_OK;
}

static int read_xdp(const struct nlmsghdr *message, void *data)
{
	struct slot_picture_netns *netns = data;
	struct slot_picture_link *link = NULL;
	const struct nlattr *attr;
	__u64 features = 0;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == DEV_IFINDEX)
			link = slot_look_link(netns, mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == DEV_XDP_FEATURES)
			features = mnl_attr_get_u64(attr);
	}
	if (link) {
		link->knows_xdp = SLOT_YES;
		link->xdp_features = features;
	}
	return MNL_CB_OK;
}

int slot_look_devices(struct slot_picture_netns *netns)
{
	int err = ask_family(ETHTOOL_GENL_NAME, ETHTOOL_MSG_FEATURES_GET, read_features, netns);

	if (err && err != -ENOENT)
		return err;
	err = ask_family(NETDEV_FAMILY, DEV_GET, read_xdp, netns);
	return err == -ENOENT ? 0 : err;
}
