/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of flower as bytes: written as the kernel wants them, read as it and tc write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_skbedit.h>

#include "loader/lib/offload/flower_message.h"
#include "tests/support/tap.h"

#define OVER_32_BITS 0x100000005ULL
#define TICKS_PER_S 100

static const struct slot_flower_place place = { 3, SLOT_HOOK_TC_INGRESS, 0, 100 };
static const struct slot_flower_place place_egress = { 3, SLOT_HOOK_TC_EGRESS, 5, 100 };

static struct slot_flower_rule make_rule4(void)
{
	return (struct slot_flower_rule){
		.match = { .family = AF_INET,
			   .proto = IPPROTO_TCP,
			   .no_fragments = true,
			   .source = { { htonl(0xc0000201) }, htons(4660) },
			   .destination = { { htonl(0xc6336402) }, htons(80) } },
		.actions = { { .kind = SLOT_FLOWER_MARK, .mark = 4660 } },
		.action_count = 1,
		.mode = SLOT_FLOWER_SKIP_HW,
		.handle = 7,
		.owner = 0x0011223344556677,
		.id = 0x8899aabbccddeeff,
	};
}

static struct slot_flower_rule make_rule6(void)
{
	struct slot_flower_rule rule = {
		.match = { .family = AF_INET6, .proto = IPPROTO_UDP },
		.actions = { { .kind = SLOT_FLOWER_MARK, .mark = 4660 } },
		.action_count = 1,
		.mode = SLOT_FLOWER_SKIP_SW,
		.handle = 9,
		.owner = 0x746573742d6f776e,
		.id = 9,
	};

	inet_pton(AF_INET6, "2001:db8::1", rule.match.source.address);
	inet_pton(AF_INET6, "2001:db8::2", rule.match.destination.address);
	rule.match.destination.port = htons(443);
	return rule;
}

/* clang-format off */
static const char golden_add[] =
	/* RTM_NEWTFILTER, create, only if it is new; device 3, handle 7, ingress, pref 100, IPv4 */
	"c8000000 2c000106 00000000 00000000 00000000 03000000 07000000 f2ffffff 08006400 "
	"0b000100 666c6f77 65720000 " /* flower */
	"98000280 06000800 08000000 05000900 06000000 " /* IPv4, TCP */
	"08000a00 c0000201 06001200 12340000 08000c00 c6336402 06001300 00500000 "
	"08002f00 00000000 08003000 00000001 " /* no fragment */
	"4c000380 48000180 0c000100 736b6265 64697400 " /* skbedit */
	"14000600 00112233 44556677 8899aabb ccddeeff " /* owner and id */
	"24000280 18000200 00000000 00000000 ffffffff 00000000 00000000 08000500 34120000 "
	"08001600 01000000"; /* skip_hw */

static const char golden_readdress[] =
	"08020000 2c000106 00000000 00000000 00000000 03000000 07000000 f2ffffff 08006400 "
	"0b000100 666c6f77 65720000 "
	"d8010280 06000800 08000000 05000900 06000000 "
	"08000a00 c0000201 06001200 12340000 08000c00 c6336402 06001300 00500000 "
	"06004700 00000000 06004800 00070000 " /* neither FIN, SYN nor RST */
	"8c010380 24010180 0a000100 70656469 74000000 " /* pedit */
	"14000600 00112233 44556677 8899aabb ccddeeff " /* owner and id */
	"00010280 94000400 00000000 00000000 03000000 00000000 00000000 05000000 "
	"00000000 02000000 00000000 00000000 00000000 00000000 "
	"00000000 00210200 04000000 00000000 00000000 00000000 "
	"00000000 00000012 08000000 00000000 00000000 00000000 "
	"00000000 cb007103 10000000 00000000 00000000 00000000 "
	"ffff0000 00001f90 00000000 00000000 00000000 00000000 " /* a port, the other stays */
	"68000580 14000680 06000100 01000000 06000200 00000000 " /* Ethernet, */
	"14000680 06000100 01000000 06000200 00000000 "
	"14000680 06000100 01000000 06000200 00000000 "
	"14000680 06000100 02000000 06000200 00000000 " /* IPv4, */
	"14000680 06000100 04000000 06000200 00000000 " /* TCP */
	"30000280 09000100 6373756d 00000000 " /* csum: the IPv4 header, TCP */
	"20000280 1c000100 00000000 00000000 03000000 00000000 00000000 09000000 "
	"34000380 0b000100 6d697272 65640000 " /* mirred: out of device 9 */
	"24000280 20000200 00000000 00000000 04000000 00000000 00000000 01000000 09000000 "
	"08001600 01000000";

static const char golden_del[] =
	"30000000 2d000100 00000000 00000000 00000000 03000000 07000000 f2ffffff 08006400 "
	"0b000100 666c6f77 65720000";

/*
 * What tc 6.1 sends for: filter add dev v0 ingress protocol ip pref 100 handle 7 flower ip_proto
 * tcp src_ip 192.0.2.1 dst_ip 198.51.100.2 src_port 4660 dst_port 80 ip_flags nofrag skip_hw
 * action skbedit mark 4660 continue cookie 00112233445566778899aabbccddeeff
 */
static const char tc_add4[] =
	"d8000000 2c000506 65d9026b 00000000 00000000 03000000 07000000 f2ffffff 08006400 "
	"0b000100 666c6f77 65720000 a8000200 05000900 06000000 08000a00 c0000201 08000b00 "
	"ffffffff 08000c00 c6336402 08000d00 ffffffff 06001200 12340000 06001300 00500000 "
	"4c000300 48000100 0c000100 736b6265 64697400 24000280 18000200 00000000 00000000 "
	"ffffffff 00000000 00000000 08000500 34120000 14000600 00112233 44556677 8899aabb "
	"ccddeeff 08001600 01000000 08002f00 00000000 08003000 00000001 06000800 08000000";

/*
 * And for: dev v0 egress protocol ipv6 pref 101 chain 5 handle 9 flower ip_proto udp src_ip
 * 2001:db8::1 dst_ip 2001:db8::2 dst_port 443 skip_sw
 * action skbedit mark 4660 continue cookie 746573742d6f776e0000000000000009
 */
static const char tc_add6[] =
	"f8000000 2c000506 b7da026b 00000000 00000000 03000000 09000000 f3ffffff 86dd6500 "
	"08000b00 05000000 0b000100 666c6f77 65720000 c0000200 05000900 11000000 14000e00 "
	"20010db8 00000000 00000000 00000001 14000f00 ffffffff ffffffff ffffffff ffffffff "
	"14001000 20010db8 00000000 00000000 00000002 14001100 ffffffff ffffffff ffffffff "
	"ffffffff 06001500 01bb0000 4c000300 48000100 0c000100 736b6265 64697400 24000280 "
	"18000200 00000000 00000000 ffffffff 00000000 00000000 08000500 34120000 14000600 "
	"74657374 2d6f776e 00000000 00000009 08001600 02000000 06000800 86dd0000";
/* clang-format on */

union message {
	struct nlmsghdr head;
	unsigned char bytes[2 * SLOT_NETLINK_SIZE];
};

static size_t parse_bytes(const char *text, unsigned char *ret_bytes)
{
	size_t count = 0;

	for (; *text; text += *text == ' ') {
		unsigned int byte;

		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		ret_bytes[count++] = (unsigned char)byte;
		text += 2;
	}
	return count;
}

static void check_bytes(const struct nlmsghdr *message, const char *golden)
{
	union message wanted;
	size_t size = parse_bytes(golden, wanted.bytes);

	assert_int_equal(message->nlmsg_len, size);
	assert_memory_equal(message, wanted.bytes, size);
}

static void writes_a_rule_byte_for_byte(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	union message message;

	(void)state;
	check_bytes(slot_flower_put_add(&message, &place, &rule), golden_add);
}

static void writes_a_removal_by_handle_byte_for_byte(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	union message message;

	(void)state;
	check_bytes(slot_flower_put_del(&message, &place, &rule), golden_del);
}

static void check_read(const struct nlmsghdr *message, const struct slot_flower_place *at,
		       const struct slot_flower_rule *rule)
{
	struct slot_flower_seen seen;

	assert_true(slot_flower_read(message, at, &seen));
	assert_memory_equal(&seen.rule, rule, sizeof(*rule));
}

static void reads_what_it_writes(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	union message message;

	(void)state;
	check_read(slot_flower_put_add(&message, &place, &rule), &place, &rule);
	rule = make_rule6();
	check_read(slot_flower_put_add(&message, &place_egress, &rule), &place_egress, &rule);
	rule.match.source = (struct slot_flower_end){ 0 };
	rule.match.destination.port = 0;
	rule.mode = SLOT_FLOWER_BOTH;
	check_read(slot_flower_put_add(&message, &place_egress, &rule), &place_egress, &rule);
}

static void reads_a_rule_of_ip4_that_tc_wrote(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	union message message;

	(void)state;
	parse_bytes(tc_add4, message.bytes);
	check_read(&message.head, &place, &rule);
}

static void reads_a_rule_of_ip6_that_tc_wrote(void **state)
{
	struct slot_flower_rule rule = make_rule6();
	union message message;

	(void)state;
	parse_bytes(tc_add6, message.bytes);
	check_read(&message.head, &place_egress, &rule);
}

static void the_longest_rule_fits(void **state)
{
	struct slot_flower_rule rule = make_rule6();
	union message message;

	(void)state;
	rule.match.no_fragments = rule.match.no_ends = true;
	rule.match.proto = IPPROTO_TCP;
	rule.match.source.port = htons(1);
	rule.actions[1].kind = SLOT_FLOWER_READDRESS;
	rule.actions[2] = (struct slot_flower_action){ .kind = SLOT_FLOWER_REDIRECT, .ifindex = 5 };
	rule.action_count = SLOT_FLOWER_ACTION_COUNT;
	assert_int_equal(slot_flower_put_add(&message, &place_egress, &rule)->nlmsg_len, 752);
	check_read(slot_flower_put_add(&message, &place_egress, &rule), &place_egress, &rule);
}

static void another_destination_is_written_byte_for_byte(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	union message message;

	(void)state;
	rule.match.no_fragments = false;
	rule.match.no_ends = true;
	rule.actions[0] = (struct slot_flower_action){
		.kind = SLOT_FLOWER_READDRESS,
		.address = { { 2, 0, 0, 0, 0, 0x21 },
			     { 2, 0, 0, 0, 0, 0x12 },
			     { { htonl(0xcb007103) }, htons(8080) } },
	};
	rule.actions[1] = (struct slot_flower_action){ .kind = SLOT_FLOWER_REDIRECT, .ifindex = 9 };
	rule.action_count = 2;
	check_bytes(slot_flower_put_add(&message, &place, &rule), golden_readdress);
	check_read(&message.head, &place, &rule);
}

static void put_basic(struct nlmsghdr *message, __u16 type, __u64 bytes, __u32 packets)
{
	const struct gnet_stats_basic basic = { .bytes = bytes, .packets = packets };

	mnl_attr_put(message, type, sizeof(basic), &basic);
}

static void put_stats(struct nlmsghdr *message)
{
	struct nlattr *stats = mnl_attr_nest_start(message, TCA_ACT_STATS);

	put_basic(message, TCA_STATS_BASIC, 9000, 5);
	mnl_attr_put_u64(message, TCA_STATS_PKT64, OVER_32_BITS);
	put_basic(message, TCA_STATS_BASIC_HW, 8000, 4);
	mnl_attr_nest_end(message, stats);
}

/* As the kernel shows one: with counts, times and what became of its offload. */
static struct nlmsghdr *put_seen(union message *message)
{
	const struct tcf_t times = { .install = 50 * TICKS_PER_S, .lastuse = 3 * TICKS_PER_S };
	struct slot_flower_rule rule = make_rule4();
	struct nlmsghdr *head;
	struct nlattr *nests[4];

	rule.handle = 7;
	head = slot_flower_put_del(message, &place, &rule);
	head->nlmsg_type = RTM_NEWTFILTER;
	nests[0] = mnl_attr_nest_start(head, TCA_OPTIONS);
	nests[1] = mnl_attr_nest_start(head, TCA_FLOWER_ACT);
	nests[2] = mnl_attr_nest_start(head, 1);
	mnl_attr_put_strz(head, TCA_ACT_KIND, "skbedit");
	put_stats(head);
	nests[3] = mnl_attr_nest_start(head, TCA_ACT_OPTIONS);
	mnl_attr_put(head, TCA_SKBEDIT_TM, sizeof(times), &times);
	mnl_attr_nest_end(head, nests[3]);
	mnl_attr_nest_end(head, nests[2]);
	mnl_attr_nest_end(head, nests[1]);
	mnl_attr_put_u32(head, TCA_FLOWER_FLAGS, TCA_CLS_FLAGS_SKIP_SW | TCA_CLS_FLAGS_IN_HW);
	mnl_attr_nest_end(head, nests[0]);
	return head;
}

static void reads_counts_of_the_device_and_of_all_apart(void **state)
{
	struct slot_flower_seen seen;
	union message message;

	(void)state;
	assert_true(slot_flower_read(put_seen(&message), &place, &seen));
	assert_true(seen.packets == OVER_32_BITS);
	assert_int_equal(seen.bytes, 9000);
	assert_int_equal(seen.hw_packets, 4);
	assert_int_equal(seen.hw_bytes, 8000);
	assert_int_equal(seen.idle_ms, 3000);
}

static void reads_whether_the_device_has_it(void **state)
{
	struct slot_flower_seen seen;
	union message message;

	(void)state;
	assert_true(slot_flower_read(put_seen(&message), &place, &seen));
	assert_true(seen.is_in_hw);
	assert_int_equal(seen.rule.mode, SLOT_FLOWER_SKIP_SW);
}

static void a_cookie_of_another_form_names_nobody(void **state)
{
	struct slot_flower_seen seen;
	union message message;

	(void)state;
	parse_bytes(tc_add4, message.bytes);
	/* its last word becomes an attribute of a kind that nobody asks for */
	message.bytes[164] = 0x10;
	memcpy(&message.bytes[180], "\x04\x00\x00\x01", 4);
	assert_true(slot_flower_read(&message.head, &place, &seen));
	assert_int_equal(seen.rule.owner, 0);
	assert_int_equal(seen.rule.id, 0);
}

static void what_is_no_rule_of_the_place_is_not_read(void **state)
{
	struct slot_flower_seen seen;
	union message message;
	struct tcmsg *tc;

	(void)state;
	parse_bytes(tc_add6, message.bytes);
	assert_false(slot_flower_read(&message.head, &place, &seen));
	tc = mnl_nlmsg_get_payload(&message.head);
	tc->tcm_handle = 0;
	assert_false(slot_flower_read(&message.head, &place_egress, &seen));
	tc->tcm_handle = 9;
	message.head.nlmsg_type = RTM_DELTFILTER;
	assert_false(slot_flower_read(&message.head, &place_egress, &seen));
	message.head.nlmsg_type = RTM_NEWTFILTER;
	memcpy(&message.bytes[48], "basic", 6);
	assert_false(slot_flower_read(&message.head, &place_egress, &seen));
}

static void put_action(struct nlmsghdr *head, __u16 number, __u32 mark)
{
	const __be32 cookie[4] = { htonl(number), 0, 0, htonl(number) };
	struct nlattr *action = mnl_attr_nest_start(head, number);
	struct nlattr *options;

	mnl_attr_put_strz(head, TCA_ACT_KIND, "skbedit");
	mnl_attr_put(head, TCA_ACT_COOKIE, sizeof(cookie), cookie);
	options = mnl_attr_nest_start(head, TCA_ACT_OPTIONS);
	mnl_attr_put_u32(head, TCA_SKBEDIT_MARK, mark);
	mnl_attr_nest_end(head, options);
	mnl_attr_nest_end(head, action);
}

/* Somebody else's rule has as many actions as it wants. */
static void of_many_actions_the_first_has_the_cookie_and_the_last_are_left_out(void **state)
{
	struct slot_flower_rule rule = make_rule4();
	struct slot_flower_seen seen;
	struct nlattr *nests[2];
	union message message;
	struct nlmsghdr *head = slot_flower_put_del(&message, &place, &rule);
	__u16 i;

	(void)state;
	head->nlmsg_type = RTM_NEWTFILTER;
	nests[0] = mnl_attr_nest_start(head, TCA_OPTIONS);
	nests[1] = mnl_attr_nest_start(head, TCA_FLOWER_ACT);
	for (i = 1; i <= SLOT_FLOWER_ACTIONS_MAX + 2; i++)
		put_action(head, i, 100 + i);
	mnl_attr_nest_end(head, nests[1]);
	mnl_attr_nest_end(head, nests[0]);
	assert_true(slot_flower_read(head, &place, &seen));
	assert_true(seen.rule.owner == 1ULL << 32);
	assert_int_equal(seen.rule.id, 1);
	assert_int_equal(seen.rule.action_count, SLOT_FLOWER_ACTIONS_MAX);
	assert_int_equal(seen.rule.actions[3].mark, 104);
	assert_int_equal(seen.rule.mode, SLOT_FLOWER_BOTH);
}

static void an_address_that_is_too_long_is_left_out(void **state)
{
	const unsigned char address[24] = { 1, 2, 3 };
	struct slot_flower_rule rule = make_rule4();
	struct slot_flower_seen seen;
	union message message;
	struct nlmsghdr *head = slot_flower_put_del(&message, &place, &rule);
	struct nlattr *options;

	(void)state;
	head->nlmsg_type = RTM_NEWTFILTER;
	options = mnl_attr_nest_start(head, TCA_OPTIONS);
	mnl_attr_put(head, TCA_FLOWER_KEY_IPV6_SRC, sizeof(address), address);
	mnl_attr_nest_end(head, options);
	assert_true(slot_flower_read(head, &place, &seen));
	assert_int_equal(seen.rule.match.source.address[0], 0);
	assert_int_equal(seen.rule.match.source.port, 0);
}

/* Of the size of the rest, whatever is cut off: ASan looks on. */
static void a_message_that_ends_early_is_read_to_its_end(void **state)
{
	union message whole;
	size_t size = parse_bytes(tc_add6, whole.bytes);

	(void)state;
	while ((size -= MNL_ALIGNTO) >= sizeof(struct nlmsghdr)) {
		struct slot_flower_seen seen;
		union message *cut = malloc(size);

		assert_non_null(cut);
		memcpy(cut, &whole, size);
		cut->head.nlmsg_len = (__u32)size;
		slot_flower_read(&cut->head, &place_egress, &seen);
		free(cut);
	}
}

#define ADD(fn) TAP_ADD(&plan, fn, NULL, NULL)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(writes_a_rule_byte_for_byte);
	ADD(writes_a_removal_by_handle_byte_for_byte);
	ADD(reads_what_it_writes);
	ADD(reads_a_rule_of_ip4_that_tc_wrote);
	ADD(reads_a_rule_of_ip6_that_tc_wrote);
	ADD(the_longest_rule_fits);
	ADD(another_destination_is_written_byte_for_byte);
	ADD(reads_counts_of_the_device_and_of_all_apart);
	ADD(reads_whether_the_device_has_it);
	ADD(a_cookie_of_another_form_names_nobody);
	ADD(what_is_no_rule_of_the_place_is_not_read);
	ADD(of_many_actions_the_first_has_the_cookie_and_the_last_are_left_out);
	ADD(an_address_that_is_too_long_is_left_out);
	ADD(a_message_that_ends_early_is_read_to_its_end);
	return tap_run(&plan, "flower_message", 0);
}
