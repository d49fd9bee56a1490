/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "loader/lib/host/netlink.h"

struct query {
	unsigned int master;
	struct slot_ports ports;
};

static int add_port(struct slot_ports *ports, unsigned int ifindex, const char *interface)
{
	struct slot_port *items;

	items = reallocarray(ports->items, ports->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	ports->items = items;
	items[ports->count].ifindex = ifindex;
	snprintf(items[ports->count].interface, IFNAMSIZ, "%s", interface);
	ports->count++;
	return 0;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct query *query = data;
	const char *interface = NULL;
	unsigned int master = 0;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(*link))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME)
			interface = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == IFLA_MASTER)
			master = mnl_attr_get_u32(attr);
	}
	if (!interface || !master || master != query->master)
		return MNL_CB_OK;
	if (add_port(&query->ports, (unsigned int)link->ifi_index, interface)) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

static int run_query(struct query *query)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	/* only ports of it; the answer is looked at all the same */
	mnl_attr_put_u32(request, IFLA_MASTER, query->master);
	return slot_netlink_ask(NETLINK_ROUTE, request, read_link, query);
}

static int compare_ports(const void *pa, const void *pb)
{
	const struct slot_port *a = pa;
	const struct slot_port *b = pb;

	return a->ifindex < b->ifindex ? -1 : a->ifindex > b->ifindex;
}

int slot_ports_list(const char *master, struct slot_ports *ret_ports)
{
	struct query query = { .master = if_nametoindex(master) };
	int err = query.master ? run_query(&query) : 0;

	if (err) {
		slot_ports_free(&query.ports);
		return err;
	}
	if (query.ports.count)
		qsort(query.ports.items, query.ports.count, sizeof(*query.ports.items),
		      compare_ports);
	*ret_ports = query.ports;
	return 0;
}

void slot_ports_free(struct slot_ports *ports)
{
	free(ports->items);
	*ports = (struct slot_ports){ 0 };
}

int slot_port_check(unsigned int ifindex, const char *master)
{
	struct slot_ports ports = { 0 };
	int is_port = 0;
	size_t i;
	int err = slot_ports_list(master, &ports);

	for (i = 0; !err && i < ports.count && !is_port; i++)
		is_port = ports.items[i].ifindex == ifindex;
	slot_ports_free(&ports);
	return err ? err : is_port;
}
