/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a rule does, as actions of the kernel: one kind may take several. */
#include "loader/lib/offload/flower_message.h"

#include <string.h>

#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_csum.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/tc_act/tc_pedit.h>
#include <linux/tc_act/tc_skbedit.h>

/* Words of act_pedit: two MAC addresses, an address of IPv6, a port. */
#define KEYS_MAX 8
#define MAC_WORDS 3
#define AT_DESTINATION4 16
#define AT_DESTINATION6 24
#define PORT_OF_SOURCE htonl(0xffff0000U) /* in one word with the destination's */

struct putting {
	struct nlmsghdr *request;
	const struct slot_flower_rule *rule;
	__u16 count; /* actions so far */
	struct nlattr *action;
	struct nlattr *options;
};

/* Keys of act_pedit: what it needs as two lists. */
struct edits {
	struct tc_pedit_sel sel;
	struct tc_pedit_key keys[KEYS_MAX];
	__u16 headers[KEYS_MAX]; /* enum pedit_header_type */
};

_Static_assert(offsetof(struct edits, keys) == sizeof(struct tc_pedit_sel), "the kernel's shape");

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

/* @keep: bits of the word that stay. */
static void add_edit(struct edits *edits, __u16 header, __u32 offset, __be32 value, __be32 keep)
{
	edits->headers[edits->sel.nkeys] = header;
	edits->keys[edits->sel.nkeys++] =
		(struct tc_pedit_key){ .mask = keep, .val = value, .off = offset };
}

static void add_edits(struct edits *edits, const struct slot_flower_match *match,
		      const struct slot_flower_address *address)
{
	bool is_ip6 = match->family == AF_INET6;
	__be32 macs[MAC_WORDS];
	__u32 i;

	_Static_assert(sizeof(macs) == 2 * sizeof(address->own_mac), "two MAC addresses");
	memcpy(macs, address->next_hop_mac, sizeof(address->next_hop_mac));
	memcpy((char *)macs + sizeof(address->next_hop_mac), address->own_mac,
	       sizeof(address->own_mac));
	for (i = 0; i < MAC_WORDS; i++)
		add_edit(edits, TCA_PEDIT_KEY_EX_HDR_TYPE_ETH, i * 4, macs[i], 0);
	if (!is_ip6)
		add_edit(edits, TCA_PEDIT_KEY_EX_HDR_TYPE_IP4, AT_DESTINATION4,
			 address->end.address[0], 0);
	for (i = 0; is_ip6 && i < 4; i++)
		add_edit(edits, TCA_PEDIT_KEY_EX_HDR_TYPE_IP6, AT_DESTINATION6 + i * 4,
			 address->end.address[i], 0);
	add_edit(edits,
		 match->proto == IPPROTO_TCP ? TCA_PEDIT_KEY_EX_HDR_TYPE_TCP :
					       TCA_PEDIT_KEY_EX_HDR_TYPE_UDP,
		 0, htonl(ntohs(address->end.port)), PORT_OF_SOURCE);
}

static void put_pedit(struct putting *put, const struct slot_flower_address *address, int verdict)
{
	struct edits edits = { .sel.action = verdict };
	struct nlattr *list;

	add_edits(&edits, &put->rule->match, address);
	begin_action(put, "pedit");
	mnl_attr_put(put->request, TCA_PEDIT_PARMS_EX,
		     sizeof(edits.sel) + edits.sel.nkeys * sizeof(edits.keys[0]), &edits);
	list = mnl_attr_nest_start(put->request, TCA_PEDIT_KEYS_EX);
	for (int i = 0; i < edits.sel.nkeys; i++) {
		struct nlattr *key = mnl_attr_nest_start(put->request, TCA_PEDIT_KEY_EX);

		mnl_attr_put_u16(put->request, TCA_PEDIT_KEY_EX_HTYPE, edits.headers[i]);
		mnl_attr_put_u16(put->request, TCA_PEDIT_KEY_EX_CMD, TCA_PEDIT_KEY_EX_CMD_SET);
		mnl_attr_nest_end(put->request, key);
	}
	mnl_attr_nest_end(put->request, list);
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
