/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule of flower is the same as another: what leads elsewhere, or matches less, is not. */
#include <string.h>

#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

#include "loader/lib/offload/flower_message.h"
#include "tests/support/tap.h"

static const struct slot_flower_place place = { 3, SLOT_HOOK_TC_INGRESS, 0, 100 };

union message {
	struct nlmsghdr head;
	unsigned char bytes[2 * SLOT_NETLINK_SIZE];
};

static struct slot_flower_rule make_rule(void)
{
	return (struct slot_flower_rule){
		.match = { .family = AF_INET,
			   .proto = IPPROTO_TCP,
			   .no_fragments = true,
			   .source = { { htonl(0xc0000201) }, htons(4660) },
			   .destination = { { htonl(0xc6336402) }, htons(80) } },
		.actions = { { .kind = SLOT_FLOWER_READDRESS,
			       .address = { { 2, 0, 0, 0, 0, 0x21 },
					    { 2, 0, 0, 0, 0, 0x12 },
					    { { htonl(0xcb007103) }, htons(8080) } } },
			     { .kind = SLOT_FLOWER_REDIRECT, .ifindex = 9 } },
		.action_count = 2,
		.handle = 7,
		.owner = 0x0011223344556677,
		.id = 0x8899aabbccddeeff,
	};
}

/* At any word of its keys or their headers. */
static void a_destination_that_is_changed_by_a_byte_is_another(void **state)
{
	struct slot_flower_rule rule = make_rule();
	struct slot_flower_seen seen;
	unsigned int others = 0;
	union message message;
	size_t size;

	(void)state;
	size = slot_flower_put_add(&message, &place, &rule)->nlmsg_len;
	/* the keys: 24 bytes of offset, mask and value each, in front of their headers */
	for (size_t i = 0; i < size; i += 4) {
		const __be32 wanted = htonl(0xcb007103);

		if (memcmp(&message.bytes[i], &wanted, sizeof(wanted)) != 0)
			continue;
		for (size_t at = i - 3 * 24; at < i + 2 * 24; at++) {
			message.bytes[at] ^= 1;
			assert_true(slot_flower_read(&message.head, &place, &seen));
			others += !slot_flower_is_rule(&seen.rule, &rule);
			message.bytes[at] ^= 1;
		}
	}
	assert_int_equal(others, 5 * 24);
	assert_true(slot_flower_read(&message.head, &place, &seen));
	assert_true(slot_flower_is_rule(&seen.rule, &rule));
}

static void another_device_is_another_rule(void **state)
{
	struct slot_flower_rule rule = make_rule(), other;

	(void)state;
	other = rule;
	assert_true(slot_flower_is_rule(&rule, &other));
	other.actions[1].ifindex++;
	assert_false(slot_flower_is_rule(&rule, &other));
}

static void put_ends(struct nlmsghdr *head, __be32 address_mask, __be16 port_mask, __be16 tcp_mask)
{
	struct nlattr *options;

	head->nlmsg_type = RTM_NEWTFILTER;
	options = mnl_attr_nest_start(head, TCA_OPTIONS);
	mnl_attr_put_u32(head, TCA_FLOWER_KEY_IPV4_SRC, htonl(0xc0000200));
	mnl_attr_put_u32(head, TCA_FLOWER_KEY_IPV4_SRC_MASK, address_mask);
	mnl_attr_put_u16(head, TCA_FLOWER_KEY_TCP_DST, htons(80));
	mnl_attr_put_u16(head, TCA_FLOWER_KEY_TCP_DST_MASK, port_mask);
	mnl_attr_put_u16(head, TCA_FLOWER_KEY_TCP_FLAGS, 0);
	mnl_attr_put_u16(head, TCA_FLOWER_KEY_TCP_FLAGS_MASK, tcp_mask);
	mnl_attr_put_u32(head, TCA_FLOWER_KEY_FLAGS, htonl(TCA_FLOWER_KEY_FLAGS_IS_FRAGMENT));
	mnl_attr_put_u32(head, TCA_FLOWER_KEY_FLAGS_MASK, htonl(TCA_FLOWER_KEY_FLAGS_IS_FRAGMENT));
	mnl_attr_nest_end(head, options);
}

/* Somebody else's rule, that begins as one of ours. */
static void what_is_matched_in_part_is_not_taken_for_the_whole(void **state)
{
	struct slot_flower_rule rule = make_rule();
	struct slot_flower_seen seen;
	union message message;

	(void)state;
	put_ends(slot_flower_put_del(&message, &place, &rule), htonl(~0U), htons(0xffff), htons(7));
	assert_true(slot_flower_read(&message.head, &place, &seen));
	assert_int_equal(seen.rule.match.source.address[0], htonl(0xc0000200));
	assert_int_equal(seen.rule.match.destination.port, htons(80));
	assert_true(seen.rule.match.no_ends);
	assert_false(seen.rule.match.no_fragments);
	put_ends(slot_flower_put_del(&message, &place, &rule), htonl(~0xffU), htons(0xfff0),
		 htons(3));
	assert_true(slot_flower_read(&message.head, &place, &seen));
	assert_int_equal(seen.rule.match.source.address[0], 0);
	assert_int_equal(seen.rule.match.destination.port, 0);
	assert_false(seen.rule.match.no_ends);
}

#define ADD(fn) TAP_ADD(&plan, fn, NULL, NULL)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(a_destination_that_is_changed_by_a_byte_is_another);
	ADD(another_device_is_another_rule);
	ADD(what_is_matched_in_part_is_not_taken_for_the_whole);
	return tap_run(&plan, "flower_same", 0);
}
