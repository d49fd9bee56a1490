/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/clsact.h"

#include <errno.h>
#include <string.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <bpf/libbpf.h>

#include "loader/lib/base/fault.h"
#include "loader/lib/host/filters.h"
#include "loader/lib/host/netlink.h"
#include "loader/lib/host/xdp.h"

struct qdisc_query {
	unsigned int ifindex;
	enum slot_qdisc qdisc;
};

static int read_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct qdisc_query *query = data;
	const struct nlattr *attr;

	if ((unsigned int)tc->tcm_ifindex != query->ifindex || tc->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) != TCA_KIND || mnl_attr_validate(attr, MNL_TYPE_STRING))
			continue;
		if (!strcmp(mnl_attr_get_str(attr), "clsact"))
			query->qdisc = SLOT_QDISC_CLSACT;
		else if (!strcmp(mnl_attr_get_str(attr), "ingress"))
			query->qdisc = SLOT_QDISC_INGRESS;
	}
	return MNL_CB_OK;
}

/* A dump of all interfaces: asked for one, the kernel would tell the answer to all listeners. */
int slot_qdisc_find(unsigned int ifindex, enum slot_qdisc *ret_qdisc)
{
	struct qdisc_query query = { .ifindex = ifindex };
	char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int err;

	request->nlmsg_type = RTM_GETQDISC;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct tcmsg));
	err = slot_netlink_ask(NETLINK_ROUTE, request, read_qdisc, &query);
	if (!err)
		*ret_qdisc = query.qdisc;
	return err;
}

bool slot_qdisc_has(enum slot_qdisc qdisc, enum slot_hook hook)
{
	return qdisc == SLOT_QDISC_CLSACT ||
	       (qdisc == SLOT_QDISC_INGRESS && hook == SLOT_HOOK_TC_INGRESS);
}

static struct bpf_tc_hook place_of(enum slot_hook hook, unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = (int)ifindex,
		    .attach_point = hook == SLOT_HOOK_TC_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS);

	return place;
}

int slot_clsact_query(enum slot_hook hook, unsigned int ifindex, __u32 *ret_prog_id)
{
	struct slot_filters filters = { 0 };
	__u32 prog_id = 0;
	size_t i;
	int err = slot_filters_list_clsact(hook, ifindex, &filters);

	for (i = 0; !err && i < filters.count; i++)
		if (slot_filter_is_own(&filters.items[i]))
			prog_id = filters.items[i].prog_id;
	slot_filters_free(&filters);
	if (!err)
		*ret_prog_id = prog_id;
	return err;
}

static int put_filter(enum slot_hook hook, unsigned int ifindex, int prog_fd, __u32 flags)
{
	struct bpf_tc_hook place = place_of(hook, ifindex);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog_fd, .flags = flags,
		    .handle = SLOT_CLSACT_HANDLE, .priority = SLOT_CLSACT_PREF);

	return bpf_tc_attach(&place, &opts);
}

int slot_clsact_attach(enum slot_hook hook, unsigned int ifindex, int prog_fd)
{
	return SLOT_STEP("clsact.attach", put_filter(hook, ifindex, prog_fd, 0));
}

static int check_runs(enum slot_hook hook, unsigned int ifindex, int prog_fd)
{
	__u32 running;
	__u32 expected;
	int err = slot_xdp_prog_id(prog_fd, &expected);

	if (!err)
		err = slot_clsact_query(hook, ifindex, &running);
	if (err)
		return err;
	return running == expected ? 0 : -EPERM;
}

int slot_clsact_replace(enum slot_hook hook, unsigned int ifindex, int new_fd, int old_fd)
{
	int err = check_runs(hook, ifindex, old_fd);

	return err ? err :
		     SLOT_STEP("clsact.replace",
			       put_filter(hook, ifindex, new_fd, BPF_TC_F_REPLACE));
}

static int del_filter(enum slot_hook hook, unsigned int ifindex)
{
	struct bpf_tc_hook place = place_of(hook, ifindex);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = SLOT_CLSACT_HANDLE, .priority = SLOT_CLSACT_PREF);

	return bpf_tc_detach(&place, &opts);
}

int slot_clsact_remove(enum slot_hook hook, unsigned int ifindex, int old_fd)
{
	int err = check_runs(hook, ifindex, old_fd);

	return err ? err : SLOT_STEP("clsact.remove", del_filter(hook, ifindex));
}

int slot_clsact_add_qdisc(unsigned int ifindex)
{
	struct bpf_tc_hook place = place_of(SLOT_HOOK_TC_INGRESS, ifindex);

	return SLOT_STEP("clsact.add_qdisc", bpf_tc_hook_create(&place));
}

static int has_filters(enum slot_hook hook, unsigned int ifindex)
{
	struct slot_filters filters = { 0 };
	int err = slot_filters_list_clsact(hook, ifindex, &filters);
	bool has_any = filters.count > 0;

	slot_filters_free(&filters);
	return err ? err : has_any;
}

int slot_clsact_del_qdisc(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, place, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	enum slot_qdisc qdisc;
	int err = slot_qdisc_find(ifindex, &qdisc);

	if (err || qdisc != SLOT_QDISC_CLSACT)
		return err;
	err = has_filters(SLOT_HOOK_TC_INGRESS, ifindex);
	if (!err)
		err = has_filters(SLOT_HOOK_TC_EGRESS, ifindex);
	if (err)
		return err < 0 ? err : -EBUSY;
	return SLOT_STEP("clsact.del_qdisc", bpf_tc_hook_destroy(&place));
}
