/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of flower in the kernel: as tc tells them, with packets, and refused. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/support/flower_bed.h"
#include "tests/support/tap.h"

#define MANY 1000
#define MORE_FRAGMENTS 0x2000
#define DEADLINE_S 10
#define NS_PER_S 1000000000ULL

struct kind {
	const char *name;
	const char *place; /* for tc */
	const char *device;
	enum slot_hook hook;
	struct flower_flow flow;
	const char *told[4]; /* by tc, beside told_always */
};

static const struct kind kinds[] = {
	{ "a_rule_for_tcp_of_ip4_on_egress_is_as_tc_tells_it_and_counts",
	  "v0 egress",
	  "v0",
	  SLOT_HOOK_TC_EGRESS,
	  { AF_INET, IPPROTO_TCP, FLOWER_SPORT, FLOWER_DPORT, 0 },
	  { "\"protocol\":\"ip\",\"pref\":100", "\"ip_proto\":\"tcp\"",
	    "\"dst_ip\":\"198.51.100.2\",\"src_ip\":\"192.0.2.1\"",
	    "\"dst_port\":443,\"src_port\":40000" } },
	{ "a_rule_for_udp_of_ip4_on_ingress_is_as_tc_tells_it_and_counts",
	  "v1 ingress",
	  "v1",
	  SLOT_HOOK_TC_INGRESS,
	  { AF_INET, IPPROTO_UDP, FLOWER_SPORT, FLOWER_DPORT, 0 },
	  { "\"protocol\":\"ip\",\"pref\":100", "\"ip_proto\":\"udp\"",
	    "\"dst_ip\":\"198.51.100.2\",\"src_ip\":\"192.0.2.1\"",
	    "\"dst_port\":443,\"src_port\":40000" } },
	{ "a_rule_for_tcp_of_ip6_on_ingress_is_as_tc_tells_it_and_counts",
	  "v1 ingress",
	  "v1",
	  SLOT_HOOK_TC_INGRESS,
	  { AF_INET6, IPPROTO_TCP, FLOWER_SPORT, FLOWER_DPORT, 0 },
	  { "\"protocol\":\"ipv6\",\"pref\":101", "\"ip_proto\":\"tcp\"",
	    "\"dst_ip\":\"2001:db8::2\",\"src_ip\":\"2001:db8::1\"",
	    "\"dst_port\":443,\"src_port\":40000" } },
	{ "a_rule_for_udp_of_ip6_on_egress_is_as_tc_tells_it_and_counts",
	  "v0 egress",
	  "v0",
	  SLOT_HOOK_TC_EGRESS,
	  { AF_INET6, IPPROTO_UDP, FLOWER_SPORT, FLOWER_DPORT, 0 },
	  { "\"protocol\":\"ipv6\",\"pref\":101", "\"ip_proto\":\"udp\"",
	    "\"dst_ip\":\"2001:db8::2\",\"src_ip\":\"2001:db8::1\"",
	    "\"dst_port\":443,\"src_port\":40000" } },
};

static const char *const told_always[] = {
	"\"handle\":7",
	"\"ip_flags\":{\"frag\":false}",
	"\"kind\":\"skbedit\",\"mark\":4660",
	"\"cookie\":\"746573742d6f776e0000000000000007\"",
};

static void refuse_rule(const struct slot_flower_place *place, const struct slot_flower_rule *rule,
			int err, const char *words)
{
	struct slot_answer answer;

	assert_int_equal(slot_flower_add(place, &rule, 1, &answer), err);
	assert_int_equal(answer.err, err);
	assert_string_equal(answer.text, words);
}

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * NS_PER_S + (__u64)now.tv_nsec;
}

/* Packets come to v1 a moment after they were sent. */
static struct slot_flower_seen wait_packets(const struct slot_flower_place *place, __u64 packets)
{
	const __u64 deadline = now_ns() + DEADLINE_S * NS_PER_S;
	struct flower_tally tally;

	do {
		tally = flower_bed_list(place);
	} while (tally.last.packets < packets && now_ns() < deadline);
	return tally.last;
}

static void check_told(const struct kind *kind, const struct slot_flower_place *place,
		       const struct slot_flower_rule *rule)
{
	const char *told = flower_bed_told(kind->place);
	struct flower_tally tally = flower_bed_list(place);
	size_t i;

	for (i = 0; i < sizeof(told_always) / sizeof(told_always[0]); i++)
		if (!strstr(told, told_always[i]))
			fail_msg("no %s in %s", told_always[i], told);
	for (i = 0; i < sizeof(kind->told) / sizeof(kind->told[0]); i++)
		if (!strstr(told, kind->told[i]))
			fail_msg("no %s in %s", kind->told[i], told);
	assert_int_equal(tally.own, 1);
	assert_memory_equal(&tally.last.rule, rule, sizeof(*rule));
	assert_false(tally.last.is_in_hw);
}

static void check_counts(const struct kind *kind, const struct slot_flower_place *place)
{
	struct flower_flow other = kind->flow;
	struct slot_flower_seen seen;

	other.dport++;
	flower_bed_send(&other, 5);
	other = kind->flow;
	other.proto = other.proto == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;
	flower_bed_send(&other, 5);
	flower_bed_send(&kind->flow, 3);
	seen = wait_packets(place, 3);
	assert_int_equal(seen.packets, 3);
	assert_true(seen.bytes >= 3 * 45ULL);
	assert_int_equal(seen.hw_packets, 0);
	assert_true(seen.idle_ms < DEADLINE_S * 1000ULL);
	flower_bed_send(&kind->flow, 4);
	assert_int_equal(wait_packets(place, 7).packets, 7);
}

static void check_gone(const struct kind *kind, const struct slot_flower_place *place,
		       const struct slot_flower_rule *rule)
{
	struct slot_answer answer;

	assert_int_equal(slot_flower_del(place, &rule, 1, &answer), 0);
	assert_int_equal(flower_bed_list(place).own, 0);
	assert_int_equal(slot_flower_del(place, &rule, 1, &answer), -ENOENT);
	assert_null(strstr(flower_bed_told(kind->place), "flower"));
}

static void check_kind(void **state)
{
	const struct kind *kind = *state;
	struct slot_flower_rule rule = flower_bed_rule(&kind->flow, 7);
	struct slot_flower_place place;

	flower_bed_start(NULL);
	place = flower_bed_place(kind->device, kind->hook);
	flower_bed_add(&place, &rule);
	check_told(kind, &place, &rule);
	check_counts(kind, &place);
	check_gone(kind, &place, &rule);
	flower_bed_end(NULL);
}

/* How many of a first fragment and a whole packet meet a rule for any port. */
static __u64 count_fragment(__u8 family, bool no_fragments)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct flower_flow flow = { family, IPPROTO_UDP, 0, 0, 0 };
	struct slot_flower_rule rule = flower_bed_rule(&flow, 7);

	rule.match.no_fragments = no_fragments;
	flower_bed_add(&place, &rule);
	flow.sport = FLOWER_SPORT;
	flow.dport = FLOWER_DPORT;
	flower_bed_send(&flow, 1);
	flow.fragment = MORE_FRAGMENTS;
	flower_bed_send(&flow, 1);
	return flower_bed_list(&place).last.packets;
}

static void first_fragments_of_ip4_do_not_match(void **state)
{
	(void)state;
	assert_int_equal(count_fragment(AF_INET, true), 1);
}

static void first_fragments_of_ip6_do_not_match(void **state)
{
	(void)state;
	assert_int_equal(count_fragment(AF_INET6, true), 1);
}

static void fragments_match_where_they_may(void **state)
{
	(void)state;
	assert_int_equal(count_fragment(AF_INET, false), 2);
}

/* By the classifier fw, which compares marks. */
static void filters_behind_see_the_mark(void **state)
{
	struct slot_flower_place place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	const __u64 deadline = now_ns() + DEADLINE_S * NS_PER_S;
	struct flower_flow flow = kinds[1].flow;
	struct slot_flower_rule rule = flower_bed_rule(&flow, 7);

	(void)state;
	flower_bed_must("tc filter add dev v1 ingress pref 60000 protocol ip handle 0x1234 fw "
			"action pass");
	flower_bed_add(&place, &rule);
	flower_bed_send(&flow, 3);
	wait_packets(&place, 3);
	while (!strstr(flower_bed_told("v1 ingress pref 60000"), "\"packets\":3"))
		assert_true(now_ns() < deadline);
}

static void refuses_the_same_handle_again(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);

	(void)state;
	flower_bed_add(&place, &rule);
	rule.match.source.port = htons(1);
	refuse_rule(&place, &rule, -EEXIST, "Filter already exists");
}

static void refuses_the_same_match_again(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);

	(void)state;
	flower_bed_add(&place, &rule);
	rule.handle = 8;
	refuse_rule(&place, &rule, -EEXIST, "File exists");
}

static void refuses_a_device_that_is_not_there(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);

	(void)state;
	place.ifindex = 9999;
	refuse_rule(&place, &rule, -ENODEV, "No such device");
	assert_int_equal(flower_bed_list(&place).own, 0);
}

static void refuses_a_device_without_a_qdisc(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);

	(void)state;
	flower_bed_must("tc qdisc del dev v0 clsact");
	refuse_rule(&place, &rule, -EINVAL, "Parent Qdisc doesn't exists");
}

static void refuses_what_a_veth_cannot_do_itself(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);

	(void)state;
	rule.mode = SLOT_FLOWER_SKIP_SW;
	refuse_rule(&place, &rule, -EOPNOTSUPP, "Operation not supported");
	assert_int_equal(flower_bed_list(&place).own, 0);
	rule.mode = SLOT_FLOWER_SKIP_HW;
	flower_bed_add(&place, &rule);
	assert_int_equal(flower_bed_list(&place).last.rule.mode, SLOT_FLOWER_SKIP_HW);
}

static void refuses_what_is_no_rule_before_the_kernel_sees_any(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule good = flower_bed_rule(&kinds[0].flow, 7);
	struct slot_flower_rule bad = good;
	const struct slot_flower_rule *rules[] = { &good, &bad };
	struct slot_answer answers[2];

	(void)state;
	bad.handle = 0;
	assert_int_equal(slot_flower_add(&place, rules, 2, answers), -EINVAL);
	assert_int_equal(answers[0].err, -EINVAL);
	assert_int_equal(flower_bed_list(&place).own, 0);
}

/* The same handle, and all but one word. */
static void a_rule_that_is_another_is_neither_found_nor_taken_off(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&kinds[0].flow, 7);
	struct slot_flower_rule others[4] = { rule, rule, rule, rule };
	const struct slot_flower_rule *pointers[] = { &others[0], &others[1], &others[2],
						      &others[3], &rule };
	struct slot_answer answers[5];
	size_t i;

	(void)state;
	others[0].actions[0].mark++;
	others[1].owner++;
	others[2].id++;
	others[3].match.source.port++;
	flower_bed_add(&place, &rule);
	assert_int_equal(slot_flower_find(&place, pointers, 5, answers), -ENOENT);
	for (i = 0; i < 5; i++)
		assert_int_equal(answers[i].err, i < 4 ? -ENOENT : 0);
	assert_int_equal(slot_flower_del(&place, pointers, 4, answers), -ENOENT);
	assert_int_equal(flower_bed_list(&place).own, 1);
	assert_int_equal(slot_flower_del(&place, &pointers[4], 1, answers), 0);
	assert_int_equal(flower_bed_list(&place).own, 0);
}

struct many {
	struct slot_flower_rule rules[MANY];
	const struct slot_flower_rule *pointers[MANY];
	struct slot_answer answers[MANY];
};

static struct many *make_many(void)
{
	struct many *many = calloc(1, sizeof(*many));
	unsigned int i;

	assert_non_null(many);
	for (i = 0; i < MANY; i++) {
		const struct flower_flow flow = { i % 2 ? AF_INET : AF_INET6,
						  i % 3 ? IPPROTO_TCP : IPPROTO_UDP,
						  (__u16)(1000 + i), FLOWER_DPORT, 0 };

		many->rules[i] = flower_bed_rule(&flow, i + 1);
		many->pointers[i] = &many->rules[i];
	}
	return many;
}

static void one_bad_rule_of_a_batch_is_refused_alone(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct many *many = make_many();
	size_t i;

	(void)state;
	many->rules[77].handle = many->rules[75].handle;
	many->rules[500].mode = SLOT_FLOWER_SKIP_SW;
	assert_int_equal(slot_flower_add(&place, many->pointers, MANY, many->answers), -EEXIST);
	for (i = 0; i < MANY; i++) {
		const struct slot_answer *answer = &many->answers[i];

		assert_int_equal(answer->err, i == 77 ? -EEXIST : i == 500 ? -EOPNOTSUPP : 0);
		assert_int_equal(answer->text[0] != '\0', i == 77 || i == 500);
	}
	assert_string_equal(many->answers[77].text, "Filter already exists");
	assert_int_equal(flower_bed_list(&place).own, MANY - 2);
	free(many);
}

static void print_rate(const char *what, __u64 since)
{
	print_message("# %s: %llu rules per second\n", what,
		      (unsigned long long)(MANY * NS_PER_S / (now_ns() - since)));
}

static void a_thousand_come_and_go_one_by_one_and_together(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct many *many = make_many();
	size_t count;
	__u64 since;
	size_t i;

	(void)state;
	since = now_ns();
	for (i = 0; i < MANY; i++)
		flower_bed_add(&place, &many->rules[i]);
	print_rate("one by one", since);
	assert_int_equal(flower_bed_list(&place).own, MANY);
	since = now_ns();
	assert_int_equal(slot_flower_flush(&place, FLOWER_OWNER, &count), 0);
	print_rate("listed and taken off", since);
	assert_int_equal(count, MANY);
	assert_int_equal(flower_bed_list(&place).own, 0);
	since = now_ns();
	assert_int_equal(slot_flower_add(&place, many->pointers, MANY, many->answers), 0);
	print_rate("together", since);
	assert_int_equal(flower_bed_list(&place).own, MANY);
	free(many);
}

#define ADD(fn) TAP_ADD(&plan, fn, flower_bed_start, flower_bed_end)

int main(void)
{
	struct tap_plan plan = { 0 };
	const char *why;

	if (!flower_bed_enter(&why)) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	TAP_ADD_TABLE(&plan, check_kind, kinds);
	ADD(first_fragments_of_ip4_do_not_match);
	ADD(first_fragments_of_ip6_do_not_match);
	ADD(fragments_match_where_they_may);
	ADD(filters_behind_see_the_mark);
	ADD(refuses_the_same_handle_again);
	ADD(refuses_the_same_match_again);
	ADD(refuses_a_device_that_is_not_there);
	ADD(refuses_a_device_without_a_qdisc);
	ADD(refuses_what_a_veth_cannot_do_itself);
	ADD(refuses_what_is_no_rule_before_the_kernel_sees_any);
	ADD(a_rule_that_is_another_is_neither_found_nor_taken_off);
	ADD(one_bad_rule_of_a_batch_is_refused_alone);
	ADD(a_thousand_come_and_go_one_by_one_and_together);
	return tap_run(&plan, "flower", 1);
}
