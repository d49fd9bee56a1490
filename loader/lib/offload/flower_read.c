/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower_message.h"

#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/tc_act/tc_pedit.h>
#include <linux/tc_act/tc_skbedit.h>

#include "loader/lib/offload/flower_edits.h"

#define MS_PER_S 1000

static bool is_of_size(const struct nlattr *attr, size_t size)
{
	return mnl_attr_get_payload_len(attr) >= size;
}

static __u64 join(const __be32 *words)
{
	return ((__u64)ntohl(words[0]) << 32) | ntohl(words[1]);
}

static void read_cookie(const struct nlattr *attr, struct slot_flower_rule *rule)
{
	__be32 cookie[4];

	if (mnl_attr_get_payload_len(attr) != sizeof(cookie))
		return;
	memcpy(cookie, mnl_attr_get_payload(attr), sizeof(cookie));
	rule->owner = join(cookie);
	rule->id = join(&cookie[2]);
}

/* Ages are in the kernel's clock ticks for user space. */
static void read_times(const struct nlattr *attr, struct slot_flower_seen *seen)
{
	long ticks = sysconf(_SC_CLK_TCK);
	struct tcf_t times;

	if (!is_of_size(attr, sizeof(times)) || ticks <= 0)
		return;
	memcpy(&times, mnl_attr_get_payload(attr), sizeof(times));
	seen->idle_ms = times.lastuse * MS_PER_S / (__u64)ticks;
}

static void read_mirred(const struct nlattr *attr, struct slot_flower_action *action)
{
	struct tc_mirred mirred;

	if (!is_of_size(attr, sizeof(mirred)))
		return;
	memcpy(&mirred, mnl_attr_get_payload(attr), sizeof(mirred));
	if (mirred.eaction != TCA_EGRESS_REDIR)
		return;
	action->ifindex = mirred.ifindex;
}

static void read_of_kind(const struct nlattr *options, const struct slot_flower_match *match,
			 struct slot_flower_action *action)
{
	const struct nlattr *attr;

	if (action->kind == SLOT_FLOWER_READDRESS)
		slot_flower_edits_read(options, match, &action->address);
	mnl_attr_for_each_nested(attr, options)
	{
		unsigned int type = mnl_attr_get_type(attr);

		if (action->kind == SLOT_FLOWER_MARK && type == TCA_SKBEDIT_MARK &&
		    is_of_size(attr, sizeof(__u32)))
			action->mark = mnl_attr_get_u32(attr);
		else if (action->kind == SLOT_FLOWER_REDIRECT && type == TCA_MIRRED_PARMS)
			read_mirred(attr, action);
	}
}

/* The same number in all kinds that can come first. */
static void read_first_times(const struct nlattr *options, struct slot_flower_seen *seen)
{
	const struct nlattr *attr;

	_Static_assert((int)TCA_SKBEDIT_TM == (int)TCA_PEDIT_TM &&
			       (int)TCA_SKBEDIT_TM == (int)TCA_MIRRED_TM,
		       "one number");
	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_SKBEDIT_TM)
			read_times(attr, seen);
	}
}

static void read_basic(const struct nlattr *attr, __u64 *packets, __u64 *bytes)
{
	struct gnet_stats_basic basic;

	/* without the padding behind it */
	if (!is_of_size(attr, offsetof(struct gnet_stats_basic, packets) + sizeof(basic.packets)))
		return;
	memcpy(&basic.bytes, mnl_attr_get_payload(attr), sizeof(basic.bytes));
	memcpy(&basic.packets, (const char *)mnl_attr_get_payload(attr) + sizeof(basic.bytes),
	       sizeof(basic.packets));
	*packets = basic.packets;
	*bytes = basic.bytes;
}

/* Packets over 32 bits follow as an attribute of their own: that of what came last before it. */
static void read_stats(const struct nlattr *stats, struct slot_flower_seen *seen)
{
	__u64 *packets = &seen->packets;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, stats)
	{
		if (mnl_attr_get_type(attr) == TCA_STATS_BASIC) {
			packets = &seen->packets;
			read_basic(attr, packets, &seen->bytes);
		} else if (mnl_attr_get_type(attr) == TCA_STATS_BASIC_HW) {
			packets = &seen->hw_packets;
			read_basic(attr, packets, &seen->hw_bytes);
		} else if (mnl_attr_get_type(attr) == TCA_STATS_PKT64 &&
			   is_of_size(attr, sizeof(__u64))) {
			*packets = mnl_attr_get_u64(attr);
		}
	}
}

/* act_csum comes with act_pedit, and is none by itself. */
static bool find_kind(const struct nlattr *attr, enum slot_flower_action_kind *ret_kind)
{
	static const char *const names[SLOT_FLOWER_ACTION_COUNT] = {
		[SLOT_FLOWER_MARK] = "skbedit",
		[SLOT_FLOWER_READDRESS] = "pedit",
		[SLOT_FLOWER_REDIRECT] = "mirred",
	};

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return false;
	for (int i = 0; i < SLOT_FLOWER_ACTION_COUNT; i++) {
		if (!strcmp(mnl_attr_get_str(attr), names[i])) {
			*ret_kind = i;
			return true;
		}
	}
	return false;
}

/* Of several actions all see the same packets: the first one counts, and has the cookie. */
static void read_action(const struct nlattr *nest, bool is_first, struct slot_flower_seen *seen)
{
	struct slot_flower_rule *rule = &seen->rule;
	struct slot_flower_action action = { 0 };
	const struct nlattr *options = NULL;
	const struct nlattr *attr;
	bool is_known = false;

	mnl_attr_for_each_nested(attr, nest)
	{
		unsigned int type = mnl_attr_get_type(attr);

		if (type == TCA_ACT_KIND)
			is_known = find_kind(attr, &action.kind);
		else if (type == TCA_ACT_COOKIE && is_first)
			read_cookie(attr, rule);
		else if (type == TCA_ACT_STATS && is_first)
			read_stats(attr, seen);
		else if (type == TCA_ACT_OPTIONS)
			options = attr;
	}
	if (!is_known || !options)
		return;
	if (is_first)
		read_first_times(options, seen);
	if (rule->action_count == SLOT_FLOWER_ACTIONS_MAX)
		return;
	read_of_kind(options, &rule->match, &action);
	rule->actions[rule->action_count++] = action;
}

static void read_actions(const struct nlattr *actions, struct slot_flower_seen *seen)
{
	const struct nlattr *attr;
	bool is_first = true;

	mnl_attr_for_each_nested(attr, actions)
	{
		read_action(attr, is_first, seen);
		is_first = false;
	}
}

static void read_flags(__u32 flags, struct slot_flower_seen *seen)
{
	seen->is_in_hw = flags & TCA_CLS_FLAGS_IN_HW;
	if (flags & TCA_CLS_FLAGS_SKIP_HW)
		seen->rule.mode = SLOT_FLOWER_SKIP_HW;
	else if (flags & TCA_CLS_FLAGS_SKIP_SW)
		seen->rule.mode = SLOT_FLOWER_SKIP_SW;
}

static void read_address(const struct nlattr *attr, __be32 *address)
{
	size_t size = mnl_attr_get_payload_len(attr);

	if (size <= sizeof(((struct slot_flower_end *)0)->address))
		memcpy(address, mnl_attr_get_payload(attr), size);
}

static void read_port(const struct nlattr *attr, __be16 *port)
{
	if (is_of_size(attr, sizeof(*port)))
		*port = mnl_attr_get_u16(attr);
}

/* What is compared in part is no end of one flow. */
static void read_mask(const struct nlattr *attr, void *field, size_t size)
{
	const unsigned char *mask = mnl_attr_get_payload(attr);

	for (size_t i = 0; i < mnl_attr_get_payload_len(attr); i++)
		if (mask[i] != 0xff)
			memset(field, 0, size);
}

static void read_end(const struct nlattr *attr, struct slot_flower_match *match)
{
	struct slot_flower_end *source = &match->source, *destination = &match->destination;

	switch (mnl_attr_get_type(attr)) {
	case TCA_FLOWER_KEY_IPV4_SRC:
	case TCA_FLOWER_KEY_IPV6_SRC:
		read_address(attr, source->address);
		break;
	case TCA_FLOWER_KEY_IPV4_DST:
	case TCA_FLOWER_KEY_IPV6_DST:
		read_address(attr, destination->address);
		break;
	case TCA_FLOWER_KEY_TCP_SRC:
	case TCA_FLOWER_KEY_UDP_SRC:
		read_port(attr, &source->port);
		break;
	case TCA_FLOWER_KEY_TCP_DST:
	case TCA_FLOWER_KEY_UDP_DST:
		read_port(attr, &destination->port);
		break;
	default:
		break;
	}
}

/* Behind the values, as the kernel and all who write to it have them. */
static void read_end_mask(const struct nlattr *attr, struct slot_flower_match *match)
{
	struct slot_flower_end *source = &match->source, *destination = &match->destination;

	switch (mnl_attr_get_type(attr)) {
	case TCA_FLOWER_KEY_IPV4_SRC_MASK:
	case TCA_FLOWER_KEY_IPV6_SRC_MASK:
		read_mask(attr, source->address, sizeof(source->address));
		break;
	case TCA_FLOWER_KEY_IPV4_DST_MASK:
	case TCA_FLOWER_KEY_IPV6_DST_MASK:
		read_mask(attr, destination->address, sizeof(destination->address));
		break;
	case TCA_FLOWER_KEY_TCP_SRC_MASK:
	case TCA_FLOWER_KEY_UDP_SRC_MASK:
		read_mask(attr, &source->port, sizeof(source->port));
		break;
	case TCA_FLOWER_KEY_TCP_DST_MASK:
	case TCA_FLOWER_KEY_UDP_DST_MASK:
		read_mask(attr, &destination->port, sizeof(destination->port));
		break;
	default:
		break;
	}
}

/* Flags that are looked at, and what they have to be. */
struct flags {
	__u32 value, mask;
	__u16 tcp, tcp_mask;
};

static void read_flag_words(const struct nlattr *attr, struct flags *flags)
{
	switch (mnl_attr_get_type(attr)) {
	case TCA_FLOWER_KEY_FLAGS:
		if (is_of_size(attr, sizeof(__u32)))
			flags->value = ntohl(mnl_attr_get_u32(attr));
		break;
	case TCA_FLOWER_KEY_FLAGS_MASK:
		if (is_of_size(attr, sizeof(__u32)))
			flags->mask = ntohl(mnl_attr_get_u32(attr));
		break;
	case TCA_FLOWER_KEY_TCP_FLAGS:
		if (is_of_size(attr, sizeof(__be16)))
			flags->tcp = ntohs(mnl_attr_get_u16(attr));
		break;
	case TCA_FLOWER_KEY_TCP_FLAGS_MASK:
		if (is_of_size(attr, sizeof(__be16)))
			flags->tcp_mask = ntohs(mnl_attr_get_u16(attr));
		break;
	default:
		break;
	}
}

static void read_match(const struct nlattr *options, struct slot_flower_match *match)
{
	const struct nlattr *attr;
	struct flags flags = { 0 };

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_FLOWER_KEY_IP_PROTO &&
		    is_of_size(attr, sizeof(__u8)))
			match->proto = mnl_attr_get_u8(attr);
		read_end(attr, match);
		read_end_mask(attr, match);
		read_flag_words(attr, &flags);
	}
	match->no_fragments = flags.mask & ~flags.value & TCA_FLOWER_KEY_FLAGS_IS_FRAGMENT;
	match->no_ends = flags.tcp_mask == SLOT_FLOWER_TCP_ENDS && !flags.tcp;
}

static void read_options(const struct nlattr *options, struct slot_flower_seen *seen)
{
	const struct nlattr *attr;

	read_match(options, &seen->rule.match);
	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_FLOWER_ACT)
			read_actions(attr, seen);
		else if (mnl_attr_get_type(attr) == TCA_FLOWER_FLAGS &&
			 is_of_size(attr, sizeof(__u32)))
			read_flags(mnl_attr_get_u32(attr), seen);
	}
}

bool slot_flower_read(const struct nlmsghdr *message, const struct slot_flower_place *place,
		      struct slot_flower_seen *ret_seen)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct slot_flower_seen seen = { 0 };
	const struct nlattr *options = NULL;
	const struct nlattr *attr;
	bool is_flower = false;
	__u32 chain = 0;

	/* A pref has a head, which is told as a filter without a handle. */
	if (message->nlmsg_type != RTM_NEWTFILTER ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || !tc->tcm_handle)
		return false;
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		unsigned int type = mnl_attr_get_type(attr);

		if (type == TCA_KIND && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			is_flower = !strcmp(mnl_attr_get_str(attr), "flower");
		else if (type == TCA_CHAIN && is_of_size(attr, sizeof(__u32)))
			chain = mnl_attr_get_u32(attr);
		else if (type == TCA_OPTIONS)
			options = attr;
	}
	if (!is_flower || !options || chain != place->chain)
		return false;
	seen.rule.handle = tc->tcm_handle;
	seen.rule.match.family = ntohs((__u16)TC_H_MIN(tc->tcm_info)) == ETH_P_IP ? AF_INET :
										    AF_INET6;
	read_options(options, &seen);
	*ret_seen = seen;
	return true;
}
