/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of a packet, by all that decides about it, in the order of the program. */
#include <stdio.h>
#include <string.h>

#include "programs/firewall/rules/fw_flow.h"
#include "programs/firewall/rules/fw_judge.h"
#include "tests/support/tap.h"

#define SSH "ip saddr 192.0.2.1 ip daddr 203.0.113.7 tcp dport 22"
#define LATER "ip saddr 192.0.2.1 frag later"
#define NEIGHBOUR "ip6 saddr fe80::1 icmpv6 type 135"
#define UNREACHABLE "ip saddr 192.0.2.1 icmp type 3"
#define DENYING { .default_deny = true }
#define KNOWN .has_config = true

static const struct judge_case {
	const char *name, *rules; /* NULL: no ruleset */
	const char *packet;
	struct fw_facts facts;
	const char *outcome, *by, *also; /* also: what is in it; NULL: nothing */
} cases[] = {
	{ "the_source_comes_first",
	  "drop\n",
	  SSH,
	  { KNOWN, .source_lists = FIREWALL_ALLOW, .port_lists = FIREWALL_DENY },
	  "accept",
	  "list",
	  NULL },
	{ "allow_wins_over_deny",
	  NULL,
	  SSH,
	  { KNOWN, .source_lists = FIREWALL_ALLOW | FIREWALL_DENY },
	  "accept",
	  "list",
	  NULL },
	{ "then_the_port",
	  "accept\n",
	  SSH,
	  { KNOWN, .port_lists = FIREWALL_DENY },
	  "drop",
	  "list",
	  NULL },
	{ "then_the_static_port",
	  "accept\n",
	  SSH,
	  { KNOWN, .config = { .static_deny_port = 22, .static_deny_proto = 6 } },
	  "drop",
	  "settings",
	  NULL },
	{ "another_protocols_is_not_meant",
	  "accept\n",
	  SSH,
	  { KNOWN, .config = { .static_deny_port = 22, .static_deny_proto = 17 } },
	  "accept",
	  "rule",
	  NULL },
	{ "later_parts_by_the_settings",
	  "accept\n",
	  LATER,
	  { KNOWN, .config = { .drop_fragments = true } },
	  "drop",
	  "settings",
	  NULL },
	{ "unknown_settings_are_said", "accept\n", LATER, { 0 }, "accept", "rule", "drop_fragments" },
	{ "then_the_rules",
	  "ip saddr 192.0.2.1 drop\naccept\n",
	  SSH,
	  { KNOWN },
	  "drop",
	  "rule",
	  NULL },
	{ "then_the_policy",
	  "policy drop\nudp dport 53 accept\n",
	  SSH,
	  { KNOWN },
	  "drop",
	  "policy",
	  NULL },
	{ "then_the_settings",
	  "udp dport 53 accept\n",
	  SSH,
	  { KNOWN, .config = DENYING },
	  "drop",
	  "settings",
	  NULL },
	{ "which_may_not_be_known",
	  "udp dport 53 accept\n",
	  SSH,
	  { 0 },
	  "settings",
	  "settings",
	  "default_deny" },
	{ "without_a_ruleset_the_settings", NULL, SSH, { KNOWN }, "accept", "settings", NULL },
	{ "replies_pass_a_policy",
	  "policy drop\n",
	  SSH,
	  { KNOWN, .reply = FW_REPLY_YES },
	  "accept",
	  "reply",
	  NULL },
	{ "and_no_rule", "drop\n", SSH, { KNOWN, .reply = FW_REPLY_YES }, "drop", "rule", NULL },
	{ "they_may_not_be_known",
	  "policy drop\n",
	  SSH,
	  { KNOWN, .reply = FW_REPLY_UNKNOWN },
	  "drop",
	  "policy",
	  "only root can look up" },
	{ "nor_what_an_error_is_about",
	  "policy drop\n",
	  UNREACHABLE,
	  { KNOWN, .reply = FW_REPLY_UNKNOWN_ERROR },
	  "drop",
	  "policy",
	  "an error about" },
	{ "neighbours_of_the_link_may_pass",
	  "policy drop\n",
	  NEIGHBOUR,
	  { KNOWN },
	  "drop",
	  "policy",
	  "hop limit 255" },
	{ "a_limit_is_said",
	  "tcp dport 22 limit rate 10/second accept\n",
	  SSH,
	  { KNOWN },
	  "accept",
	  "rule",
	  "within the rule's limit" },
};

static struct fw_packet read_packet(const char *text)
{
	struct fw_ruleset words = { 0 };
	struct slot_reason why = { 0 };
	struct fw_packet packet;

	assert_int_equal(fw_ruleset_parse_packet(text, strlen(text), &why, &words), 0);
	assert_int_equal(fw_packet_read(&words, &why, &packet), 0);
	fw_ruleset_free(&words);
	return packet;
}

static void ask(const struct judge_case *row, struct fw_question *question,
		struct fw_judgement *judgement)
{
	struct slot_reasons errors = { 0 };

	question->trace.rule = -1;
	question->has_ruleset = row->rules;
	question->packet = read_packet(row->packet);
	if (row->rules)
		assert_int_equal(fw_ruleset_parse("rules", row->rules, strlen(row->rules), &errors,
						  &question->set),
				 0);
	slot_reasons_free(&errors);
	fw_judge(question, &row->facts, judgement);
}

static void is_judged(void **state)
{
	const struct judge_case *row = *state;
	struct fw_question question = { 0 };
	struct fw_judgement judgement;

	ask(row, &question, &judgement);
	assert_string_equal(fw_outcome_names[judgement.outcome], row->outcome);
	assert_string_equal(judgement.by, row->by);
	if (row->also)
		assert_non_null(strstr(judgement.also, row->also));
	else
		assert_string_equal(judgement.also, "");
	fw_ruleset_free(&question.set);
}

static void flows_are_told_by_ports_or_by_none(void **state)
{
	struct fw_packet tcp = read_packet(SSH " tcp sport 4000"), later = read_packet(LATER);
	struct fw_packet esp =
		read_packet("ip6 saddr 2001:db8::1 ip6 daddr 2001:db8::2 meta l4proto 50");
	struct fw_packet error = read_packet(UNREACHABLE);
	struct fw_flow flow = fw_flow_get(&tcp);

	(void)state;
	assert_int_equal(flow.addr[0], 0xc0000201cb007107);
	assert_int_equal(flow.ports, 4000 << 16 | 22);
	assert_int_equal(flow.proto, 6);
	assert_true(fw_flow_is_known(&tcp));
	flow = fw_flow_get(&esp);
	assert_int_equal(flow.addr[0], 0x20010db800000000);
	assert_int_equal(flow.addr[3], 2);
	assert_int_equal(flow.ports, 0);
	assert_true(fw_flow_is_known(&esp));
	later.proto = 6;
	assert_false(fw_flow_is_known(&later));
	assert_true(fw_flow_is_error(&error));
	assert_false(fw_flow_is_error(&tcp));
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD_TABLE(&plan, is_judged, cases);
	TAP_ADD(&plan, flows_are_told_by_ports_or_by_none, NULL, NULL);
	return tap_run(&plan, "fw_judge", 0);
}
