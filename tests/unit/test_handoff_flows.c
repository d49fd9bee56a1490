/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections that a device sends on: what its rules match and do, in a bounded table. */
#include <string.h>

#include <arpa/inet.h>

#include "programs/handoff/agent/handoff_flows.h"
#include "programs/handoff/maps/handoff_words.h"
#include "tests/support/tap.h"

#define ID 7
#define DEVICE 3
#define OTHER_DEVICE 5
#define MAX 3
#define OWNER 5
#define FIRST (SLOT_FLOWS_HANDLE + OWNER * SLOT_FLOWS_ROOM)

static struct slot_flows flows;

static int set_up(void **state)
{
	(void)state;
	return handoff_flows_new(MAX, OWNER, &flows);
}

static int tear_down(void **state)
{
	(void)state;
	slot_flows_free(&flows);
	return 0;
}

static struct handoff_key make_key(const char *client, const char *local)
{
	struct handoff_key key;
	struct slot_reason why;

	assert_int_equal(handoff_key_parse(client, local, &why, &key), 0);
	return key;
}

static struct handoff_rule make_rule(const char *target)
{
	struct handoff_rule rule = {
		.id = ID,
		.ingress = HANDOFF_REDIRECT,
		.target = { .next_hop_mac = { 2, 0, 0, 0, 0, 1 }, .own_mac = { 2, 0, 0, 0, 0, 2 } },
	};
	struct slot_reason why;

	assert_int_equal(
		handoff_address_parse(target, &why, rule.target.address, &rule.target.port), 0);
	return rule;
}

static void check_ip4(const struct slot_flower_end *end, const char *address, __u16 port)
{
	assert_int_equal(end->address[0], inet_addr(address));
	assert_int_equal(end->address[1] | end->address[2] | end->address[3], 0);
	assert_int_equal(end->port, htons(port));
}

static void check_ip6(const struct slot_flower_end *end, const char *address, __u16 port)
{
	struct in6_addr wanted;

	assert_int_equal(inet_pton(AF_INET6, address, &wanted), 1);
	assert_memory_equal(end->address, &wanted, sizeof(wanted));
	assert_int_equal(end->port, htons(port));
}

static void a_rule_of_ip4_leads_to_the_target_by_the_same_device(void **state)
{
	const struct handoff_key key = make_key("192.0.2.2:40000", "203.0.113.1:80");
	const struct handoff_rule rule = make_rule("198.51.100.9:8080");
	const struct handoff_flow *flow = handoff_flows_add(&flows, &key, &rule, DEVICE);
	const struct slot_flower_rule *made = &flow->flow.request.rule;

	(void)state;
	assert_int_equal(made->match.family, AF_INET);
	assert_int_equal(made->match.proto, IPPROTO_TCP);
	assert_true(made->match.no_fragments && made->match.no_ends);
	check_ip4(&made->match.source, "192.0.2.2", 40000);
	check_ip4(&made->match.destination, "203.0.113.1", 80);
	assert_int_equal(made->action_count, 2);
	assert_int_equal(made->actions[0].kind, SLOT_FLOWER_READDRESS);
	check_ip4(&made->actions[0].address.end, "198.51.100.9", 8080);
	assert_memory_equal(made->actions[0].address.next_hop_mac, rule.target.next_hop_mac, 6);
	assert_memory_equal(made->actions[0].address.own_mac, rule.target.own_mac, 6);
	assert_int_equal(made->actions[1].kind, SLOT_FLOWER_REDIRECT);
	assert_int_equal(made->actions[1].ifindex, DEVICE);
}

static void a_rule_of_ip6_leads_to_the_target_by_another_device(void **state)
{
	const struct handoff_key key = make_key("[2001:db8::2]:40000", "[2001:db8:1::1]:80");
	struct handoff_rule rule = make_rule("[2001:db8:9::9]:8080");
	const struct slot_flower_rule *made;

	(void)state;
	rule.target.ifindex = OTHER_DEVICE;
	made = &handoff_flows_add(&flows, &key, &rule, DEVICE)->flow.request.rule;
	assert_int_equal(made->match.family, AF_INET6);
	check_ip6(&made->match.source, "2001:db8::2", 40000);
	check_ip6(&made->match.destination, "2001:db8:1::1", 80);
	check_ip6(&made->actions[0].address.end, "2001:db8:9::9", 8080);
	assert_int_equal(made->actions[1].ifindex, OTHER_DEVICE);
}

static void a_full_table_takes_no_more_until_one_goes(void **state)
{
	const struct handoff_rule rule = make_rule("198.51.100.9:8080");
	struct handoff_key key = make_key("192.0.2.2:40000", "203.0.113.1:80");
	struct handoff_flow *flow;
	__u32 handles = 0;

	(void)state;
	for (int i = 0; i < MAX; i++) {
		key.client_port = htons((__u16)i);
		flow = handoff_flows_add(&flows, &key, &rule, DEVICE);
		assert_ptr_equal(handoff_flows_find(&flows, &key), flow);
		assert_ptr_equal(handoff_flows_of(&flows, flow->flow.request.rule.handle), flow);
		handles |= 1U << (flow->flow.request.rule.handle - FIRST);
	}
	assert_int_equal(handles, 7);
	key.client_port = htons(MAX);
	assert_null(handoff_flows_add(&flows, &key, &rule, DEVICE));
	assert_null(handoff_flows_find(&flows, &key));
	handoff_flows_del(&flows, handoff_flows_of(&flows, FIRST + 2));
	assert_null(handoff_flows_of(&flows, FIRST + 2));
	assert_int_equal(flows.count, MAX - 1);
	flow = handoff_flows_add(&flows, &key, &rule, DEVICE);
	assert_int_equal(flow->flow.request.rule.handle, FIRST + 2);
}

static void a_handle_that_is_none_is_nobodys(void **state)
{
	(void)state;
	assert_null(handoff_flows_of(&flows, 0));
	assert_null(handoff_flows_of(&flows, FIRST - 1));
	assert_null(handoff_flows_of(&flows, FIRST));
	assert_null(handoff_flows_of(&flows, FIRST + MAX));
}

static void a_flow_holds_until_another_step_or_the_end(void **state)
{
	const struct handoff_key key = make_key("192.0.2.2:40000", "203.0.113.1:80");
	const struct handoff_rule rule = make_rule("198.51.100.9:8080");
	const struct handoff_flow *flow = handoff_flows_add(&flows, &key, &rule, DEVICE);
	struct handoff_rule other = rule;

	(void)state;
	other.use.in_packets = 5;
	assert_true(handoff_flow_holds(flow, &other));
	other.use.seen = HANDOFF_CLIENT_FIN;
	assert_false(handoff_flow_holds(flow, &other));
	other = rule;
	other.ingress = HANDOFF_BLOCK;
	assert_false(handoff_flow_holds(flow, &other));
	other = rule;
	other.id++;
	assert_false(handoff_flow_holds(flow, &other));
	other = rule;
	other.since_ns++;
	assert_false(handoff_flow_holds(flow, &other));
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = { 0 };

	ADD(a_rule_of_ip4_leads_to_the_target_by_the_same_device);
	ADD(a_rule_of_ip6_leads_to_the_target_by_another_device);
	ADD(a_full_table_takes_no_more_until_one_goes);
	ADD(a_handle_that_is_none_is_nobodys);
	ADD(a_flow_holds_until_another_step_or_the_end);
	return tap_run(&plan, "handoff_flows", 0);
}
