/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower_edits.h"

#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>

#define MAC_WORDS 3
#define AT_DESTINATION4 16
#define AT_DESTINATION6 24
#define PORT_OF_SOURCE htonl(0xffff0000U) /* in one word with the destination's */

_Static_assert(offsetof(struct slot_flower_edits, keys) == sizeof(struct tc_pedit_sel),
	       "the kernel's shape");
_Static_assert(MAC_WORDS * sizeof(__be32) == 2 * sizeof(((struct slot_flower_address *)0)->own_mac),
	       "two MAC addresses");

static __u32 count_address_words(const struct slot_flower_match *match)
{
	return match->family == AF_INET6 ? 4 : 1;
}

/* @keep: bits of the word that stay. */
static void add_edit(struct slot_flower_edits *edits, __u16 header, __u32 offset, __be32 value,
		     __be32 keep)
{
	edits->headers[edits->sel.nkeys] = header;
	edits->keys[edits->sel.nkeys++] =
		(struct tc_pedit_key){ .mask = keep, .val = value, .off = offset };
}

void slot_flower_edits_make(const struct slot_flower_match *match,
			    const struct slot_flower_address *address,
			    struct slot_flower_edits *ret_edits)
{
	bool is_ip6 = match->family == AF_INET6;
	struct slot_flower_edits edits = { 0 };
	__be32 macs[MAC_WORDS];

	memcpy(macs, address->next_hop_mac, sizeof(address->next_hop_mac));
	memcpy((char *)macs + sizeof(address->next_hop_mac), address->own_mac,
	       sizeof(address->own_mac));
	for (__u32 i = 0; i < MAC_WORDS; i++)
		add_edit(&edits, TCA_PEDIT_KEY_EX_HDR_TYPE_ETH, i * 4, macs[i], 0);
	for (__u32 i = 0; i < count_address_words(match); i++)
		add_edit(&edits,
			 is_ip6 ? TCA_PEDIT_KEY_EX_HDR_TYPE_IP6 : TCA_PEDIT_KEY_EX_HDR_TYPE_IP4,
			 (is_ip6 ? AT_DESTINATION6 : AT_DESTINATION4) + i * 4,
			 address->end.address[i], 0);
	add_edit(&edits,
		 match->proto == IPPROTO_TCP ? TCA_PEDIT_KEY_EX_HDR_TYPE_TCP :
					       TCA_PEDIT_KEY_EX_HDR_TYPE_UDP,
		 0, htonl(ntohs(address->end.port)), PORT_OF_SOURCE);
	*ret_edits = edits;
}

void slot_flower_edits_put(struct nlmsghdr *request, const struct slot_flower_edits *edits)
{
	struct nlattr *list;

	mnl_attr_put(request, TCA_PEDIT_PARMS_EX,
		     sizeof(edits->sel) + edits->sel.nkeys * sizeof(edits->keys[0]), edits);
	list = mnl_attr_nest_start(request, TCA_PEDIT_KEYS_EX);
	for (int i = 0; i < edits->sel.nkeys; i++) {
		struct nlattr *key = mnl_attr_nest_start(request, TCA_PEDIT_KEY_EX);

		mnl_attr_put_u16(request, TCA_PEDIT_KEY_EX_HTYPE, edits->headers[i]);
		mnl_attr_put_u16(request, TCA_PEDIT_KEY_EX_CMD, TCA_PEDIT_KEY_EX_CMD_SET);
		mnl_attr_nest_end(request, key);
	}
	mnl_attr_nest_end(request, list);
}

/* --- back -------------------------------------------------------------------------------------- */

static void read_keys(const struct nlattr *attr, struct slot_flower_edits *edits)
{
	size_t size = mnl_attr_get_payload_len(attr);
	struct tc_pedit_sel sel;

	if (size < sizeof(sel))
		return;
	memcpy(&sel, mnl_attr_get_payload(attr), sizeof(sel));
	if (sel.nkeys > SLOT_FLOWER_EDITS_MAX ||
	    size < sizeof(sel) + sel.nkeys * sizeof(edits->keys[0]))
		return;
	memcpy(edits, mnl_attr_get_payload(attr), sizeof(sel) + sel.nkeys * sizeof(edits->keys[0]));
}

/* One that adds to what is there has a header that nobody writes. */
static __u16 read_header(const struct nlattr *nest)
{
	__u16 header = TCA_PEDIT_KEY_EX_HDR_TYPE_NETWORK, command = TCA_PEDIT_KEY_EX_CMD_SET;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_payload_len(attr) < sizeof(__u16))
			continue;
		if (mnl_attr_get_type(attr) == TCA_PEDIT_KEY_EX_HTYPE)
			header = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_type(attr) == TCA_PEDIT_KEY_EX_CMD)
			command = mnl_attr_get_u16(attr);
	}
	return command == TCA_PEDIT_KEY_EX_CMD_SET ? header : TCA_PEDIT_KEY_EX_HDR_TYPE_NETWORK;
}

static void read_headers(const struct nlattr *list, struct slot_flower_edits *edits)
{
	const struct nlattr *attr;
	size_t count = 0;

	mnl_attr_for_each_nested(attr, list)
	{
		if (count < SLOT_FLOWER_EDITS_MAX)
			edits->headers[count++] = read_header(attr);
	}
}

static bool are_same(const struct slot_flower_edits *a, const struct slot_flower_edits *b)
{
	return a->sel.nkeys == b->sel.nkeys &&
	       !memcmp(a->keys, b->keys, a->sel.nkeys * sizeof(a->keys[0])) &&
	       !memcmp(a->headers, b->headers, a->sel.nkeys * sizeof(a->headers[0]));
}

static struct slot_flower_address take_address(const struct slot_flower_edits *edits, __u32 words)
{
	struct slot_flower_address address = { 0 };
	__be32 macs[MAC_WORDS];

	for (__u32 i = 0; i < MAC_WORDS; i++)
		macs[i] = edits->keys[i].val;
	memcpy(address.next_hop_mac, macs, sizeof(address.next_hop_mac));
	memcpy(address.own_mac, (char *)macs + sizeof(address.next_hop_mac),
	       sizeof(address.own_mac));
	for (__u32 i = 0; i < words; i++)
		address.end.address[i] = edits->keys[MAC_WORDS + i].val;
	address.end.port = htons((__u16)ntohl(edits->keys[MAC_WORDS + words].val));
	return address;
}

bool slot_flower_edits_read(const struct nlattr *options, const struct slot_flower_match *match,
			    struct slot_flower_address *ret_address)
{
	struct slot_flower_edits edits = { 0 }, again;
	struct slot_flower_address address;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_PEDIT_PARMS_EX)
			read_keys(attr, &edits);
		else if (mnl_attr_get_type(attr) == TCA_PEDIT_KEYS_EX)
			read_headers(attr, &edits);
	}
	address = take_address(&edits, count_address_words(match));
	slot_flower_edits_make(match, &address, &again);
	if (!are_same(&edits, &again))
		return false;
	*ret_address = address;
	return true;
}
