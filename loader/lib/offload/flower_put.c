/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower_message.h"

#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

/* Of IPv6, with one action of each kind. */
_Static_assert(SLOT_NETLINK_SIZE >= 752, "the longest rule has to fit");

struct family_words {
	__u16 protocol;
	__u16 pref_offset;
	__u16 size; /* of an address */
	__u16 source;
	__u16 destination;
};

static struct family_words words_of(__u8 family)
{
	if (family == AF_INET)
		return (struct family_words){ ETH_P_IP, 0, 4, TCA_FLOWER_KEY_IPV4_SRC,
					      TCA_FLOWER_KEY_IPV4_DST };
	return (struct family_words){ ETH_P_IPV6, 1, 16, TCA_FLOWER_KEY_IPV6_SRC,
				      TCA_FLOWER_KEY_IPV6_DST };
}

static struct nlmsghdr *put_head(void *buffer, const struct slot_flower_place *place, __u8 family,
				 __u32 handle)
{
	const struct family_words words = words_of(family);
	struct nlmsghdr *request;
	struct tcmsg *tc;

	/* libmnl leaves what pads attributes as it is */
	memset(buffer, 0, SLOT_NETLINK_SIZE);
	request = mnl_nlmsg_put_header(buffer);
	tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));
	request->nlmsg_flags = NLM_F_REQUEST;
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)place->ifindex;
	tc->tcm_handle = handle;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, place->hook == SLOT_HOOK_TC_INGRESS ?
							TC_H_MIN_INGRESS :
							TC_H_MIN_EGRESS);
	tc->tcm_info =
		TC_H_MAKE((__u32)(place->pref + words.pref_offset) << 16, htons(words.protocol));
	if (place->chain)
		mnl_attr_put_u32(request, TCA_CHAIN, place->chain);
	return request;
}

/* Without a mask beside it a value is compared as a whole. */
static void put_end(struct nlmsghdr *request, const struct slot_flower_end *end, __u16 size,
		    __u16 address, __u16 port)
{
	if (end->address[0] || end->address[1] || end->address[2] || end->address[3])
		mnl_attr_put(request, address, size, end->address);
	if (end->port)
		mnl_attr_put_u16(request, port, end->port);
}

static void put_match(struct nlmsghdr *request, const struct slot_flower_match *match)
{
	const struct family_words words = words_of(match->family);
	bool is_tcp = match->proto == IPPROTO_TCP;

	mnl_attr_put_u16(request, TCA_FLOWER_KEY_ETH_TYPE, htons(words.protocol));
	mnl_attr_put_u8(request, TCA_FLOWER_KEY_IP_PROTO, match->proto);
	put_end(request, &match->source, words.size, words.source,
		is_tcp ? TCA_FLOWER_KEY_TCP_SRC : TCA_FLOWER_KEY_UDP_SRC);
	put_end(request, &match->destination, words.size, words.destination,
		is_tcp ? TCA_FLOWER_KEY_TCP_DST : TCA_FLOWER_KEY_UDP_DST);
	if (match->no_fragments) {
		mnl_attr_put_u32(request, TCA_FLOWER_KEY_FLAGS, 0);
		mnl_attr_put_u32(request, TCA_FLOWER_KEY_FLAGS_MASK,
				 htonl(TCA_FLOWER_KEY_FLAGS_IS_FRAGMENT));
	}
	if (match->no_ends) {
		mnl_attr_put_u16(request, TCA_FLOWER_KEY_TCP_FLAGS, 0);
		mnl_attr_put_u16(request, TCA_FLOWER_KEY_TCP_FLAGS_MASK,
				 htons(SLOT_FLOWER_TCP_ENDS));
	}
}

static __u32 flags_of(enum slot_flower_mode mode)
{
	if (mode == SLOT_FLOWER_SKIP_HW)
		return TCA_CLS_FLAGS_SKIP_HW;
	return mode == SLOT_FLOWER_SKIP_SW ? TCA_CLS_FLAGS_SKIP_SW : 0;
}

struct nlmsghdr *slot_flower_put_add(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule)
{
	struct nlmsghdr *request = put_head(buffer, place, rule->match.family, rule->handle);
	struct nlattr *options;
	struct nlattr *actions;

	request->nlmsg_type = RTM_NEWTFILTER;
	request->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(request, TCA_KIND, "flower");
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	put_match(request, &rule->match);
	actions = mnl_attr_nest_start(request, TCA_FLOWER_ACT);
	slot_flower_put_actions(request, rule);
	mnl_attr_nest_end(request, actions);
	mnl_attr_put_u32(request, TCA_FLOWER_FLAGS, flags_of(rule->mode));
	mnl_attr_nest_end(request, options);
	return request;
}

static struct nlmsghdr *put_named(void *buffer, const struct slot_flower_place *place,
				  const struct slot_flower_rule *rule, __u16 type)
{
	struct nlmsghdr *request = put_head(buffer, place, rule->match.family, rule->handle);

	request->nlmsg_type = type;
	mnl_attr_put_strz(request, TCA_KIND, "flower");
	return request;
}

struct nlmsghdr *slot_flower_put_del(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule)
{
	return put_named(buffer, place, rule, RTM_DELTFILTER);
}

struct nlmsghdr *slot_flower_put_get(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule)
{
	return put_named(buffer, place, rule, RTM_GETTFILTER);
}

struct nlmsghdr *slot_flower_put_list(void *buffer, const struct slot_flower_place *place,
				      __u8 family)
{
	struct nlmsghdr *request = put_head(buffer, place, family, 0);

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags |= NLM_F_DUMP;
	return request;
}
