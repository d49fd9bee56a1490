/* SPDX-License-Identifier: GPL-2.0-only */
/* handoff: what becomes of packets that come in, by the rule of their connection. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/clock.h"
#include "tests/support/draw.h"
#include "tests/support/handoff_case.h"
#include "tests/support/tap.h"

#define ID 0x1234
#define NS_PER_S 1000000000ULL
#define OTHER_IFINDEX 4711
#define CLIENT4 "198.51.100.7"
#define LOCAL4 "203.0.113.80"
#define TARGET4 "192.0.2.33"
#define CLIENT6 "2001:db8:7::7"
#define LOCAL6 "2001:db8:80::80"
#define TARGET6 "2001:db8:33::3333"
#define NEXT_HOP "\x02\x00\x00\x00\x33\x33"
#define OWN_MAC "\x02\x00\x00\x00\x80\x80"
#define TARGET_PORT 32768
#define DRAWS 500

static struct handoff_pair bed;

struct row {
	const char *name;
	struct handoff_spec spec;
};

#define SPEC4 .src = CLIENT4, .dst = LOCAL4, .sport = 40000, .dport = 443, .flags = HANDOFF_ACK
#define SPEC6                                                                                      \
	.src = CLIENT6, .dst = LOCAL6, .sport = 40000, .dport = 443, .flags = HANDOFF_ACK,         \
	.is_ip6 = true

static const struct row rows[] = {
	{ "ip4", { SPEC4, .payload = 100 } },
	{ "ip4_without_data", { SPEC4 } },
	{ "ip4_of_an_odd_length", { SPEC4, .payload = 1 } },
	{ "ip4_with_tcp_options", { SPEC4, .options = 12, .payload = 33 } },
	{ "ip4_with_all_tcp_options", { SPEC4, .options = 40, .payload = 1000 } },
	{ "ip4_in_a_vlan", { SPEC4, .tags = 1, .payload = 10 } },
	{ "ip4_in_two_vlans", { SPEC4, .tags = 2, .payload = 10 } },
	{ "ip6", { SPEC6, .payload = 100 } },
	{ "ip6_of_an_odd_length", { SPEC6, .payload = 333 } },
	{ "ip6_with_tcp_options", { SPEC6, .options = 12, .payload = 3 } },
	{ "ip6_in_two_vlans", { SPEC6, .tags = 2, .payload = 10 } },
};

static const struct handoff_spec plain = { SPEC4, .payload = 10 };

static int set_up(void **state)
{
	(void)state;
	handoff_pair_open(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_pair_close(&bed);
	return 0;
}

static struct handoff_target get_target(const char *address, uint16_t port)
{
	struct handoff_target target = {};

	handoff_address(address, port, target.address, &target.port);
	memcpy(target.next_hop_mac, NEXT_HOP, sizeof(target.next_hop_mac));
	memcpy(target.own_mac, OWN_MAC, sizeof(target.own_mac));
	return target;
}

static void redirect_to(const struct handoff_spec *spec, const char *address, uint16_t port)
{
	const struct handoff_target target = get_target(address, port);
	const struct handoff_key key = handoff_spec_key(spec);

	assert_int_equal(handoff_rules_redirect(&bed.rules, &key, ID, &target), 0);
}

/* What is sent on, made anew. */
static void build_sent(const struct handoff_spec *spec, const char *address, uint16_t port,
		       struct packet *ret_p)
{
	struct handoff_spec sent = *spec;

	sent.dst = address;
	sent.dport = port;
	memcpy(sent.dst_mac, NEXT_HOP, sizeof(sent.dst_mac));
	memcpy(sent.src_mac, OWN_MAC, sizeof(sent.src_mac));
	handoff_spec_build(&sent, ret_p);
}

static void run(struct packet *p, uint32_t verdict, struct progrun *ret_run)
{
	assert_int_equal(progrun_packet(progrun_fd(bed.in, "handoff"), p, ret_run), 0);
	assert_int_equal(ret_run->verdict, verdict);
}

static void assert_sent(const struct handoff_spec *spec, const char *address, uint16_t port)
{
	struct packet p, sent;
	struct progrun out;

	handoff_spec_build(spec, &p);
	build_sent(spec, address, port, &sent);
	run(&p, XDP_TX, &out);
	assert_int_equal(out.len, sent.len);
	assert_memory_equal(out.bytes, packet_bytes(&sent), sent.len);
}

/* As it came, with this verdict. */
static void assert_left(struct packet *p, uint32_t verdict)
{
	struct progrun out;

	run(p, verdict, &out);
	assert_int_equal(out.len, p->len);
	assert_memory_equal(out.bytes, packet_bytes(p), p->len);
}

static void assert_spec_left(const struct handoff_spec *spec, uint32_t verdict)
{
	struct packet p;

	handoff_spec_build(spec, &p);
	assert_left(&p, verdict);
}

/* All counters together: one packet more, by @counter; -1: none more. */
static void assert_counted(int counter, uint64_t packets)
{
	for (int i = 0; i < HANDOFF_COUNTS_SIZE; i++)
		assert_int_equal(handoff_pair_count(&bed, false, (unsigned int)i),
				 i == counter ? packets : 0);
}

static struct handoff_rule get_rule(const struct handoff_spec *spec)
{
	const struct handoff_key key = handoff_spec_key(spec);
	struct handoff_rule rule = {};

	assert_int_equal(handoff_rules_get(&bed.rules, &key, &rule), 0);
	return rule;
}

static void without_a_rule_a_packet_passes_and_is_not_counted(void **state)
{
	const struct row *row = *state;

	assert_spec_left(&row->spec, XDP_PASS);
	assert_counted(-1, 0);
}

static void a_redirected_packet_is_as_if_it_had_been_sent_to_the_target(void **state)
{
	const struct row *row = *state;

	redirect_to(&row->spec, row->spec.is_ip6 ? TARGET6 : TARGET4, TARGET_PORT);
	assert_sent(&row->spec, row->spec.is_ip6 ? TARGET6 : TARGET4, TARGET_PORT);
	assert_counted(HANDOFF_IN_REDIRECT, 1);
	assert_int_equal(get_rule(&row->spec).use.in_packets, 1);
	assert_true(get_rule(&row->spec).use.in_bytes >= row->spec.payload);
}

static void a_blocked_packet_is_dropped_until_the_deadline(void **state)
{
	const struct row *row = *state;
	const struct handoff_key key = handoff_spec_key(&row->spec);

	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, slot_clock_ns() + 60 * NS_PER_S),
			 0);
	assert_spec_left(&row->spec, XDP_DROP);
	assert_int_equal(handoff_pair_count(&bed, false, HANDOFF_IN_BLOCKED), 1);
	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, 0), 0);
	assert_spec_left(&row->spec, XDP_DROP);
	assert_counted(HANDOFF_IN_BLOCKED, 2);
	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, slot_clock_ns() - NS_PER_S), 0);
	assert_spec_left(&row->spec, XDP_PASS);
	assert_int_equal(handoff_pair_count(&bed, false, HANDOFF_IN_EXPIRED), 1);
	assert_int_equal(get_rule(&row->spec).use.blocked, 2);
}

static void a_rule_of_what_goes_out_lets_pass_what_comes_in(void **state)
{
	const struct row *row = *state;
	const struct handoff_key key = handoff_spec_key(&row->spec);
	struct handoff_source source = {};

	handoff_address(row->spec.is_ip6 ? TARGET6 : TARGET4, 443, source.address, &source.port);
	assert_int_equal(handoff_rules_rewrite(&bed.rules, &key, ID, &source, HANDOFF_PASS), 0);
	assert_spec_left(&row->spec, XDP_PASS);
	assert_counted(HANDOFF_IN_PASS, 1);
}

static void other_connections_are_left_alone(void **state)
{
	const struct row *row = *state;
	struct handoff_spec other = row->spec;

	redirect_to(&row->spec, row->spec.is_ip6 ? TARGET6 : TARGET4, TARGET_PORT);
	other.sport++;
	assert_spec_left(&other, XDP_PASS);
	other = row->spec;
	other.dport++;
	assert_spec_left(&other, XDP_PASS);
	other = row->spec;
	other.src = row->spec.dst;
	other.dst = row->spec.src;
	assert_spec_left(&other, XDP_PASS);
	assert_counted(-1, 0);
}

static void another_interface_is_where_the_rule_says(void **state)
{
	const struct handoff_key key = handoff_spec_key(&plain);
	struct handoff_target target = get_target(TARGET4, TARGET_PORT);
	struct packet p;
	struct progrun out;

	(void)state;
	target.ifindex = OTHER_IFINDEX;
	assert_int_equal(handoff_rules_redirect(&bed.rules, &key, ID, &target), 0);
	handoff_spec_build(&plain, &p);
	run(&p, XDP_REDIRECT, &out);
	assert_counted(HANDOFF_IN_AWAY, 1);
}

/* Checksums that come to 0 or to all ones, carries: all that addresses and ports lead to. */
static void checksums_are_right_whatever_changes(void **state)
{
	uint64_t draws = draw_seed(1);
	char src[32], dst[32], to[32];

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		struct handoff_spec spec = { SPEC4, .payload = draw_below(&draws, 64) };
		uint16_t port = (uint16_t)(1 + draw_below(&draws, 65535));

		spec.is_ip6 = i % 2;
		snprintf(src, sizeof(src), spec.is_ip6 ? "2001:db8::%x:%x" : "198.51.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		snprintf(dst, sizeof(dst), spec.is_ip6 ? "2001:db8::%x:%x" : "203.0.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		snprintf(to, sizeof(to), spec.is_ip6 ? "2001:db8:ffff::%x:%x" : "192.0.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		spec.src = src;
		spec.dst = dst;
		spec.sport = (uint16_t)(1 + draw_below(&draws, 65535));
		redirect_to(&spec, to, port);
		assert_sent(&spec, to, port);
	}
}

static void a_target_of_the_other_family_changes_nothing(void **state)
{
	const struct handoff_target target = get_target(TARGET6, 1);
	const struct handoff_key key = handoff_spec_key(&plain);
	struct handoff_rule rule = { .id = ID, .ingress = HANDOFF_REDIRECT, .target = target };

	(void)state;
	assert_int_equal(handoff_rules_redirect(&bed.rules, &key, ID, &target), -EAFNOSUPPORT);
	assert_int_equal(bpf_map_update_elem(bed.rules.table, &key, &rule, BPF_ANY), 0);
	assert_spec_left(&plain, XDP_PASS);
	assert_counted(HANDOFF_IN_FAMILY, 1);
}

static void block_becomes_redirect_in_one_update_that_keeps_counts(void **state)
{
	const struct handoff_key key = handoff_spec_key(&plain);

	(void)state;
	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, 0), 0);
	assert_spec_left(&plain, XDP_DROP);
	redirect_to(&plain, TARGET4, TARGET_PORT);
	assert_sent(&plain, TARGET4, TARGET_PORT);
	assert_int_equal(get_rule(&plain).use.blocked, 1);
	assert_int_equal(get_rule(&plain).use.in_packets, 1);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, without_a_rule_a_packet_passes_and_is_not_counted, rows, set_up,
		     tear_down);
	TAP_ADD_ROWS(&plan, a_redirected_packet_is_as_if_it_had_been_sent_to_the_target, rows,
		     set_up, tear_down);
	TAP_ADD_ROWS(&plan, a_blocked_packet_is_dropped_until_the_deadline, rows, set_up,
		     tear_down);
	TAP_ADD_ROWS(&plan, a_rule_of_what_goes_out_lets_pass_what_comes_in, rows, set_up,
		     tear_down);
	TAP_ADD_ROWS(&plan, other_connections_are_left_alone, rows, set_up, tear_down);
	TAP_ADD(&plan, another_interface_is_where_the_rule_says, set_up, tear_down);
	TAP_ADD(&plan, checksums_are_right_whatever_changes, set_up, tear_down);
	TAP_ADD(&plan, a_target_of_the_other_family_changes_nothing, set_up, tear_down);
	TAP_ADD(&plan, block_becomes_redirect_in_one_update_that_keeps_counts, set_up, tear_down);
	return tap_run(&plan, "handoff", 1);
}
