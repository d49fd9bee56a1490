/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/netlink.h"

static struct slot_filter *add_filter(struct slot_filters *filters, enum slot_tc_way way)
{
	struct slot_filter *items;

	items = reallocarray(filters->items, filters->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	filters->items = items;
	items[filters->count] = (struct slot_filter){ .way = way };
	return &items[filters->count++];
}

static void name_program(struct slot_filter *filter)
{
	_cleanup_close_ int fd = filter->prog_id ? bpf_prog_get_fd_by_id(filter->prog_id) : -1;
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (fd >= 0 && !bpf_prog_get_info_by_fd(fd, &info, &len))
		snprintf(filter->name, sizeof(filter->name), "%.*s", (int)sizeof(info.name),
			 info.name);
}

static int list_links(enum slot_hook hook, enum slot_tc_way way, unsigned int ifindex,
		      struct slot_filters *filters)
{
	__u32 ids[SLOT_TC_PROGRAMS_MAX];
	size_t count = 0;
	size_t i;
	int err = slot_tc_query(hook, way, ifindex, ids, &count);

	for (i = 0; !err && i < count; i++) {
		struct slot_filter *filter = add_filter(filters, way);

		if (!filter)
			return -ENOMEM;
		filter->prog_id = ids[i];
		memcpy(filter->kind, "bpf", sizeof("bpf"));
	}
	return err;
}

static struct tcmsg *put_tcmsg(struct nlmsghdr *request, unsigned int ifindex, __u32 parent)
{
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	return tc;
}

static void read_bpf(const struct nlattr *options, struct slot_filter *filter)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_BPF_ID && !mnl_attr_validate(attr, MNL_TYPE_U32))
			filter->prog_id = mnl_attr_get_u32(attr);
	}
}

static int read_filter(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct nlattr *options = NULL;
	struct slot_filter *filter;
	const struct nlattr *attr;

	/* Filters of one kind and pref have a head, which is told as a filter without a handle. */
	if (message->nlmsg_type != RTM_NEWTFILTER || !tc->tcm_handle)
		return MNL_CB_OK;
	filter = add_filter(data, SLOT_TC_CLSACT);
	if (!filter) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	filter->handle = tc->tcm_handle;
	filter->pref = TC_H_MAJ(tc->tcm_info) >> 16;
	filter->protocol = ntohs((__u16)TC_H_MIN(tc->tcm_info));
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    !mnl_attr_validate(attr, MNL_TYPE_STRING))
			snprintf(filter->kind, sizeof(filter->kind), "%s", mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == TCA_CHAIN &&
			 !mnl_attr_validate(attr, MNL_TYPE_U32))
			filter->chain = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			options = attr;
	}
	if (options && !strcmp(filter->kind, "bpf"))
		read_bpf(options, filter);
	return MNL_CB_OK;
}

static int list_clsact(enum slot_hook hook, unsigned int ifindex, struct slot_filters *filters)
{
	__u32 parent = TC_H_MAKE(TC_H_CLSACT,
				 hook == SLOT_HOOK_TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	put_tcmsg(request, ifindex, parent);
	return slot_netlink_ask(NETLINK_ROUTE, request, read_filter, filters);
}

int slot_filters_list_clsact(enum slot_hook hook, unsigned int ifindex,
			     struct slot_filters *ret_filters)
{
	struct slot_filters filters = { 0 };
	int err = ifindex ? list_clsact(hook, ifindex, &filters) : 0;

	if (err)
		slot_filters_free(&filters);
	else
		*ret_filters = filters;
	return err;
}

int slot_filters_list(enum slot_hook hook, unsigned int ifindex, struct slot_filters *ret_filters)
{
	struct slot_filters filters = { 0 };
	enum slot_qdisc qdisc = SLOT_QDISC_NONE;
	size_t i;
	int err = ifindex ? slot_qdisc_find(ifindex, &qdisc) : 0;

	/* From the peer of a netkit device packets come by its program, to the peer they go by it. */
	if (!err && hook == SLOT_HOOK_TC_INGRESS)
		err = list_links(hook, SLOT_TC_NETKIT, ifindex, &filters);
	if (!err)
		err = list_links(hook, SLOT_TC_TCX, ifindex, &filters);
	if (!err && slot_qdisc_has(qdisc, hook))
		err = list_clsact(hook, ifindex, &filters);
	if (!err && hook == SLOT_HOOK_TC_EGRESS)
		err = list_links(hook, SLOT_TC_NETKIT, ifindex, &filters);
	for (i = 0; !err && i < filters.count; i++)
		name_program(&filters.items[i]);
	if (err)
		slot_filters_free(&filters);
	else
		*ret_filters = filters;
	return err;
}

void slot_filters_free(struct slot_filters *filters)
{
	free(filters->items);
	*filters = (struct slot_filters){ 0 };
}

bool slot_filter_is_own(const struct slot_filter *filter)
{
	return filter->way == SLOT_TC_CLSACT && filter->prog_id && !filter->chain &&
	       filter->pref == SLOT_CLSACT_PREF && filter->handle == SLOT_CLSACT_HANDLE &&
	       filter->protocol == ETH_P_ALL;
}
