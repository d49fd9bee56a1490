/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a rule does, as actions of the kernel: one kind may take several. */
#include "loader/lib/offload/flower_message.h"

#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_csum.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/tc_act/tc_skbedit.h>

#include "loader/lib/offload/flower_edits.h"

struct putting {
	struct nlmsghdr *request;
	const struct slot_flower_rule *rule;
	__u16 count; /* actions so far */
	struct nlattr *action;
	struct nlattr *options;
};

static void put_cookie(struct nlmsghdr *request, const struct slot_flower_rule *rule)
{
	const __be32 cookie[] = { htonl((__u32)(rule->owner >> 32)), htonl((__u32)rule->owner),
				  htonl((__u32)(rule->id >> 32)), htonl((__u32)rule->id) };

	mnl_attr_put(request, TCA_ACT_COOKIE, sizeof(cookie), cookie);
}

static void begin_action(struct putting *put, const char *kind)
{
	put->action = mnl_attr_nest_start(put->request, ++put->count);
	mnl_attr_put_strz(put->request, TCA_ACT_KIND, kind);
	if (put->count == 1)
		put_cookie(put->request, put->rule);
	put->options = mnl_attr_nest_start(put->request, TCA_ACT_OPTIONS);
}

static void end_action(struct putting *put)
{
	mnl_attr_nest_end(put->request, put->options);
	mnl_attr_nest_end(put->request, put->action);
}

/* The last one's verdict is to go on: "pipe", as tc says by itself, ends the search for filters. */
static void put_mark(struct putting *put, __u32 mark, bool is_last)
{
	const struct tc_skbedit skbedit = { .action = is_last ? TC_ACT_UNSPEC : TC_ACT_PIPE };

	begin_action(put, "skbedit");
	mnl_attr_put(put->request, TCA_SKBEDIT_PARMS, sizeof(skbedit), &skbedit);
	mnl_attr_put_u32(put->request, TCA_SKBEDIT_MARK, mark);
	end_action(put);
}

static void put_pedit(struct putting *put, const struct slot_flower_address *address, int verdict)
{
	struct slot_flower_edits edits;

	slot_flower_edits_make(&put->rule->match, address, &edits);
	edits.sel.action = verdict;
	begin_action(put, "pedit");
	slot_flower_edits_put(put->request, &edits);
	end_action(put);
}

static void put_csum(struct putting *put, int verdict)
{
	const struct slot_flower_match *match = &put->rule->match;
	const struct tc_csum csum = {
		.action = verdict,
		.update_flags = (match->family == AF_INET ? TCA_CSUM_UPDATE_FLAG_IPV4HDR : 0U) |
				(match->proto == IPPROTO_TCP ? TCA_CSUM_UPDATE_FLAG_TCP :
							       TCA_CSUM_UPDATE_FLAG_UDP),
	};

	begin_action(put, "csum");
	mnl_attr_put(put->request, TCA_CSUM_PARMS, sizeof(csum), &csum);
	end_action(put);
}

static void put_mirred(struct putting *put, __u32 ifindex)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = ifindex,
	};

	begin_action(put, "mirred");
	mnl_attr_put(put->request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	end_action(put);
}

void slot_flower_put_actions(struct nlmsghdr *request, const struct slot_flower_rule *rule)
{
	struct putting put = { .request = request, .rule = rule };

	for (size_t i = 0; i < rule->action_count; i++) {
		const struct slot_flower_action *action = &rule->actions[i];
		bool is_last = i + 1 == rule->action_count;

		switch (action->kind) {
		case SLOT_FLOWER_READDRESS:
			put_pedit(&put, &action->address, TC_ACT_PIPE);
			put_csum(&put, is_last ? TC_ACT_UNSPEC : TC_ACT_PIPE);
			break;
		case SLOT_FLOWER_REDIRECT:
			put_mirred(&put, action->ifindex);
			break;
		default:
			put_mark(&put, action->mark, is_last);
		}
	}
}
