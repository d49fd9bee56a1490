/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's rulesets in words: what is read, what is printed, what is refused and how. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/compile/fw_compile.h"
#include "programs/firewall/rules/fw_format.h"
#include "tests/support/tap.h"

struct text_case {
	const char *name;
	const char *text;
	const char *expected; /* printed again, without the policy's line, or the first message */
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }
#define SYN "tcp flags & (syn) == syn drop\n"

static const struct text_case good[] = {
	CASE(takes_an_empty_text, "", ""),
	CASE(takes_a_rule_for_all, "accept", "accept\n"),
	CASE(takes_comments_and_blank_lines, "# a\n\n  \t\r\naccept # b\n#", "accept\n"),
	CASE(takes_several_rules_in_a_line, "accept; drop;;", "accept\ndrop\n"),
	CASE(takes_a_line_that_goes_on, "tcp dport 80 \\\n accept", "tcp dport 80 accept\n"),
	CASE(takes_a_source, "ip saddr 192.0.2.0/24 drop", "ip saddr 192.0.2.0/24 drop\n"),
	CASE(takes_an_address_for_its_prefix, "ip6 daddr 2001:DB8::1 drop",
	     "ip6 daddr 2001:db8::1 drop\n"),
	CASE(takes_sources_of_both_families, "saddr { 192.0.2.1, 2001:db8::/32 } drop",
	     "saddr { 192.0.2.1, 2001:db8::/32 } drop\n"),
	CASE(takes_all_sources, "ip saddr 0.0.0.0/0 drop", "ip saddr 0.0.0.0/0 drop\n"),
	CASE(takes_ports_names_and_ranges, "tcp dport { ssh, 80, 8000-8999 } accept",
	     "tcp dport { 22, 80, 8000-8999 } accept\n"),
	CASE(takes_both_ports, "udp sport 53 udp dport 1024-65535 accept",
	     "udp sport 53 udp dport 1024-65535 accept\n"),
	CASE(takes_ports_of_tcp_and_udp, "th dport 53 accept", "th dport 53 accept\n"),
	CASE(takes_ports_of_given_protocols, "meta l4proto { udp, tcp } th dport 53 accept",
	     "th dport 53 accept\n"),
	CASE(narrows_ports_to_the_given_protocol, "meta l4proto udp th dport 53 accept",
	     "udp dport 53 accept\n"),
	CASE(takes_a_protocol, "meta l4proto { gre, 50, icmpv6 } accept",
	     "meta l4proto { gre, esp, icmpv6 } accept\n"),
	CASE(takes_a_protocol_of_ip4, "ip protocol icmp accept",
	     "meta nfproto ipv4 meta l4proto icmp accept\n"),
	CASE(takes_a_family, "meta nfproto ipv6 drop", "meta nfproto ipv6 drop\n"),
	CASE(takes_icmp_types, "icmp type { echo-request, 3 } accept",
	     "icmp type { echo-request, destination-unreachable } accept\n"),
	CASE(takes_an_icmp_code, "icmp type 3 icmp code 4 accept",
	     "icmp type destination-unreachable icmp code 4 accept\n"),
	CASE(takes_icmp6_types, "icmpv6 type 130-132 accept", "icmpv6 type 130-132 accept\n"),
	CASE(takes_a_flag, "tcp flags syn drop", SYN),
	CASE(takes_any_of_some_flags, "tcp flags syn,rst drop", "tcp flags syn,rst drop\n"),
	CASE(takes_flags_that_are_not_0, "tcp flags & (fin|syn) != 0 drop",
	     "tcp flags fin,syn drop\n"),
	CASE(takes_flags_under_a_mask, "tcp flags & (syn | ack) == syn drop",
	     "tcp flags & (syn|ack) == syn drop\n"),
	CASE(takes_flags_as_newer_nft_prints_them, "tcp flags syn / fin,syn,rst,ack drop",
	     "tcp flags & (fin|syn|rst|ack) == syn drop\n"),
	CASE(takes_no_flags_at_all, "tcp flags & (fin|syn|rst|ack) == 0x0 drop",
	     "tcp flags & (fin|syn|rst|ack) == 0 drop\n"),
	CASE(takes_parts_of_packets, "frag later drop", "frag later drop\n"),
	CASE(takes_an_interface, "iifname eth0 accept", "iifname \"eth0\" accept\n"),
	CASE(takes_an_interface_of_packets_that_go_out, "meta oifname eth0 drop",
	     "oifname \"eth0\" drop\n"),
	CASE(takes_several_interfaces, "meta iifname { \"eth1\", eth0, eth1 } accept",
	     "iifname { \"eth1\", \"eth0\" } accept\n"),
	CASE(takes_a_limit, "limit rate 10/minute accept",
	     "limit rate 10/minute burst 5 packets accept\n"),
	CASE(takes_a_limit_by_source, "ip saddr 10.0.0.0/8 limit rate 1/second per saddr accept",
	     "ip saddr 10.0.0.0/8 limit rate 1/second burst 5 packets per saddr/32 accept\n"),
	CASE(takes_a_limit_by_network,
	     "ip6 saddr ::/0 limit rate 1/second burst 9 per saddr/48 accept",
	     "ip6 saddr ::/0 limit rate 1/second burst 9 packets per saddr/48 accept\n"),
	CASE(takes_a_limit_for_both_families, "limit rate 1/second per saddr/24,56 accept",
	     "limit rate 1/second burst 5 packets per saddr/24,56 accept\n"),
	CASE(takes_a_sample, "sample 1/1000 drop", "sample 1/1000 drop\n"),
	CASE(takes_a_comment_before_or_behind, "comment \"a b\" accept\naccept comment \"# { ; }\"",
	     "accept comment \"a b\"\naccept comment \"# { ; }\"\n"),
	CASE(takes_counters_as_show_prints_them, "counter packets 12 bytes 345 drop", "drop\n"),
	CASE(sorts_by_priority_and_keeps_order,
	     "drop\npriority -5 accept\ntcp dport 1 drop\npriority -5 drop",
	     "priority -5 accept\npriority -5 drop\ndrop\ntcp dport 1 drop\n"),
	CASE(takes_presets,
	     "preset syn-flood 1000/second per saddr\npreset udp-amplification 3/second",
	     "preset syn-flood 1000/second burst 1000 packets per saddr/32,64\n"
	     "preset udp-amplification 3/second burst 5 packets\n"),
	CASE(takes_definitions,
	     "define web = 192.0.2.1\ndefine all = { $web,\n # of IPv6\n 2001:db8::/32, }\n"
	     "saddr $all accept\ndaddr { $web } drop",
	     "saddr { 192.0.2.1, 2001:db8::/32 } accept\nip daddr 192.0.2.1 drop\n"),
	CASE(drops_the_family_that_cannot_match,
	     "saddr { 192.0.2.1, 2001:db8::1 } ip daddr 192.0.2.2 drop",
	     "saddr { 192.0.2.1, 2001:db8::1 } ip daddr 192.0.2.2 drop\n"),
	CASE(takes_a_definition_for_what_it_is_used,
	     "define n = { 80, 443 }\ntcp dport $n accept\nmeta l4proto 80 drop",
	     "tcp dport { 80, 443 } accept\nmeta l4proto 80 drop\n"),
};

#define CONDITIONS                                                                                           \
	"iifname, oifname, ip saddr, ip daddr, ip protocol, ip6 saddr, ip6 daddr, saddr, daddr, tcp sport, " \
	"tcp dport, tcp flags, udp sport, udp dport, th sport, th dport, icmp type, icmp code, "             \
	"icmpv6 type, icmpv6 code, frag, meta l4proto, meta nfproto, meta iifname, meta oifname"

static const struct text_case bad[] = {
	CASE(refuses_an_unknown_word, "tcp dport 80 allow",
	     "f:1: 'allow': expected accept, drop, counter, limit, sample, comment or a condition: " CONDITIONS),
	CASE(refuses_an_unknown_first_word, "\n\nplicy drop",
	     "f:3: 'plicy': expected policy, define, preset, priority, accept, drop, counter, limit, "
	     "sample, comment or a condition: " CONDITIONS),
	CASE(refuses_a_rule_without_a_verdict, "tcp dport 80\naccept",
	     "f:1: at the end of the line: expected accept or drop"),
	CASE(refuses_words_behind_the_verdict, "accept drop",
	     "f:1: 'drop': expected the end of the line"),
	CASE(refuses_another_policy, "policy reject",
	     "f:1: 'reject': expected accept, drop or default (the slot's settings)"),
	CASE(refuses_nfts_frame, "table inet filter {",
	     "f:1: 'table': expected rules, a line each, without table and chain around them"),
	CASE(refuses_connection_tracking, "ct state established accept",
	     "f:1: 'ct': expected a condition on the packet itself: there is no connection tracking"),
	CASE(refuses_an_address_of_the_other_family, "ip saddr 2001:db8::1 drop",
	     "f:1: '2001:db8::1': expected IPv4 behind ip (saddr alone takes both)"),
	CASE(refuses_bits_behind_the_prefix, "ip saddr 192.0.2.1/24 drop",
	     "f:1: '192.0.2.1/24': expected no bits set behind the first 24 of the address"),
	CASE(refuses_a_long_prefix, "ip saddr 192.0.2.0/33 drop",
	     "f:1: '192.0.2.0/33': expected a length from 0 to 32 behind the /"),
	CASE(refuses_half_an_address, "ip saddr 192.0.2 drop",
	     "f:1: '192.0.2': expected an address or a prefix, such as 192.0.2.0/24 or "
	     "2001:db8::/32"),
	CASE(refuses_both_families, "ip saddr 192.0.2.1 ip6 daddr ::1 drop",
	     "f:1: 'ip6': expected IPv4 or IPv6 in a rule, not both"),
	CASE(refuses_addresses_that_do_not_meet, "saddr 192.0.2.1 daddr ::1 drop",
	     "f:1: 'saddr': expected addresses of one family in a rule: no packet has IPv4 and IPv6"),
	CASE(refuses_a_port_too_high, "udp dport 65536 drop",
	     "f:1: '65536': expected a port from 0 to 65535, two with - between, or one of ftp, ssh, "
	     "telnet, smtp, domain, bootps, bootpc, tftp, http, ntp, snmp, bgp, ldap, https, syslog, "
	     "ldaps, imaps"),
	CASE(refuses_two_protocols, "tcp dport 80 udp sport 1 drop",
	     "f:1: 'udp': expected one protocol in a rule: no packet has this one and the one before"),
	CASE(refuses_ports_of_a_protocol_without, "meta l4proto gre tcp dport 80 drop",
	     "f:1: 'meta': expected conditions that a packet can meet: ports, flags or types are not "
	     "of these protocols"),
	CASE(refuses_a_field_that_is_not_there, "tcp window 1 drop",
	     "f:1: 'window': expected one of sport, dport, flags behind tcp"),
	CASE(refuses_the_same_condition_twice, "tcp dport 80 tcp dport 81 drop",
	     "f:1: '81': expected no second condition of the same kind; a set { A, B } is any of its "
	     "values"),
	CASE(refuses_not, "ip saddr != 192.0.2.1 drop",
	     "f:1: '!=': expected no != (put a rule for these before this one: the first that matches "
	     "decides)"),
	CASE(refuses_a_set_that_does_not_end, "tcp dport { 80,\n81\ndrop",
	     "f:3: 'drop': expected , or } (the { is in line 1)"),
	CASE(refuses_a_code_without_a_type, "icmp code 1 drop",
	     "f:1: 'icmp': expected a type beside the code"),
	CASE(refuses_ports_of_later_parts, "frag later udp dport 1 drop",
	     "f:1: 'frag': expected no ports, flags or types: later parts of a packet have none"),
	CASE(refuses_flags_that_are_not_looked_at, "tcp flags & syn == ack drop",
	     "f:1: 'ack': expected flags of those that are looked at"),
	CASE(refuses_a_limit_from_above, "limit rate over 5/second drop",
	     "f:1: 'over': expected what may pass: limit rate N/second accept; what is more is "
	     "dropped"),
	CASE(refuses_a_limit_that_drops, "limit rate 5/second drop",
	     "f:1: 'drop': expected accept: beyond a limit all is dropped anyway"),
	CASE(refuses_a_rate_of_bytes, "limit rate 5/kbytes accept",
	     "f:1: '5/kbytes': expected packets (1 to 100000000) by time, such as 100/second, "
	     "20/minute or 5/hour"),
	CASE(refuses_a_long_prefix_of_ip4_sources, "limit rate 5/second per saddr/64 accept",
	     "f:1: 'limit': expected at most 32 bits of IPv4 sources in saddr/64: saddr/32,64 is for "
	     "both families"),
	CASE(refuses_an_unknown_preset, "preset ddos 1/second",
	     "f:1: 'ddos': expected syn-flood or udp-amplification"),
	CASE(refuses_a_preset_twice, "preset syn-flood 1/second\npreset syn-flood 2/second",
	     "f:2: 'preset': expected each preset once for all packets and once per saddr, "
	     "line 1 has it already"),
	CASE(refuses_a_second_policy, "policy drop\nudp dport 53 accept\npolicy accept",
	     "f:3: 'policy': expected one policy, line 1 has it already"),
	CASE(refuses_a_name_that_is_not_defined, "saddr $web drop",
	     "f:1: '$web': expected a name from a define above"),
	CASE(refuses_a_second_definition, "define a = 1\ndefine a = 2",
	     "f:2: 'a': expected a name that is not defined yet"),
	CASE(names_the_line_that_a_value_is_in, "define a = {\n 80,\n x }\n\ntcp dport $a drop",
	     "f:3: 'x': expected a port from 0 to 65535, two with - between, or one of ftp, ssh, "
	     "telnet, smtp, domain, bootps, bootpc, tftp, http, ntp, snmp, bgp, ldap, https, syslog, "
	     "ldaps, imaps (line 5 has it by $a)"),
	CASE(refuses_a_definition_by_itself, "define a = $a",
	     "f:1: '$a': expected a name from a define above"),
	CASE(refuses_bytes_that_are_no_text, "tcp dport \x01 drop",
	     "f:1: byte 0x01: expected a port from 0 to 65535, two with - between, or one of ftp, "
	     "ssh, telnet, smtp, domain, bootps, bootpc, tftp, http, ntp, snmp, bgp, ldap, https, "
	     "syslog, ldaps, imaps"),
	CASE(refuses_a_text_without_an_end, "accept comment \"abc\ndrop",
	     "f:1: a text that does not end with a quote in its line: expected, once, a text in "
	     "quotes of at most 127 characters"),
	CASE(refuses_a_long_interface, "iifname abcdefghijklmnop drop",
	     "f:1: 'abcdefghijklmnop': expected an interface's name"),
};

static char *print(const struct fw_ruleset *set)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	fw_ruleset_print(out, set, NULL);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *parse_and_print(const char *text)
{
	struct slot_reasons errors = {};
	struct fw_ruleset set;
	char *printed;

	if (fw_ruleset_parse("f", text, strlen(text), &errors, &set))
		fail_msg("%s", errors.count ? errors.lines[0] : "out of memory");
	assert_int_equal(errors.count, 0);
	printed = print(&set);
	fw_ruleset_free(&set);
	return printed;
}

static void check_good(void **state)
{
	const struct text_case *row = *state;
	char expected[1024], *printed = parse_and_print(row->text), *again;

	snprintf(expected, sizeof(expected), "policy default\n%s", row->expected);
	assert_string_equal(printed, expected);
	again = parse_and_print(printed);
	assert_string_equal(again, printed);
	free(printed);
	free(again);
}

static void check_bad(void **state)
{
	const struct text_case *row = *state;
	struct slot_reasons errors = {};
	struct fw_ruleset set = {};

	assert_int_equal(fw_ruleset_parse("f", row->text, strlen(row->text), &errors, &set),
			 -EINVAL);
	assert_null(set.rules);
	assert_true(errors.count > 0);
	assert_string_equal(errors.lines[0], row->expected);
	slot_reasons_free(&errors);
}

static void tells_twenty_errors_and_counts_the_rest(void **state)
{
	struct slot_reasons errors = {};
	struct fw_ruleset set;
	char text[512] = "";
	int i;

	(void)state;
	for (i = 0; i < 23; i++)
		strcat(text, "tcp foo\naccept\n");
	assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), -EINVAL);
	assert_int_equal(errors.count, 21);
	assert_string_equal(errors.lines[19],
			    "f:39: 'foo': expected one of sport, dport, flags behind tcp");
	assert_string_equal(errors.lines[20], "f: 3 more errors");
	slot_reasons_free(&errors);
}

static void bounds_what_definitions_multiply(void **state)
{
	struct slot_reasons errors = {};
	struct fw_ruleset set;
	char text[8192] = "define a0 = { 1", line[64];
	int i;

	(void)state;
	for (i = 0; i < 99; i++)
		strcat(text, ",1");
	strcat(text, "}\n");
	for (i = 1; i < 6; i++) {
		snprintf(line, sizeof(line), "define a%d = { $a%d", i, i - 1);
		strcat(text, line);
		snprintf(line, sizeof(line), ",$a%d", i - 1);
		for (int n = 0; n < 99; n++)
			strcat(text, line);
		strcat(text, "}\n");
	}
	strcat(text, "tcp dport $a5 drop");
	assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), -EINVAL);
	assert_non_null(strstr(errors.lines[0], "values in all"));
	slot_reasons_free(&errors);
}

static void refuses_more_combinations_than_fit(void **state)
{
	static const char text[] =
		"define p = { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,"
		"27,28,29,30,31,32 }\ndefine q = { $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p,"
		" $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p, $p }\n\n"
		"tcp sport $q tcp dport { $q, $q } drop";
	struct slot_reasons errors = {};
	struct slot_reason why;
	struct fw_ruleset set;
	struct fw_build build;

	(void)state;
	assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), 0);
	assert_int_equal(fw_compile(&set, &why, &build), -E2BIG);
	assert_string_equal(why.text, "line 4: with all combinations of the rule's sets there are "
				      "2097152 or more matches of IPv4, there is room for 1048576");
	fw_ruleset_free(&set);
}

static void tells_lists_from_rulesets(void **state)
{
	(void)state;
	assert_true(fw_ruleset_is_list("", 0));
	assert_true(fw_ruleset_is_list("# a\n\n  deny tcp/80", 19));
	assert_true(fw_ruleset_is_list("allow 10.0.0.0/8", 16));
	assert_false(fw_ruleset_is_list("policy drop", 11));
	assert_false(fw_ruleset_is_list("denied", 6));
}

/* What README.md shows as a ruleset, from its first line to the end of the block. */
static void the_manuals_example_is_right(void **state)
{
	static const char first[] = "# who talks to the web servers\n";
	struct slot_reasons errors = {};
	struct fw_ruleset set;
	static char text[65536];
	FILE *file = fopen("programs/firewall/README.md", "r");
	const char *start, *end;

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	start = strstr(text, first);
	assert_non_null(start);
	end = strstr(start, "```");
	assert_non_null(end);
	if (fw_ruleset_parse("README.md", start, (size_t)(end - start), &errors, &set))
		fail_msg("%s", errors.lines[0]);
	assert_int_equal(set.rule_count, 11);
	fw_ruleset_free(&set);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, check_good, good);
	TAP_ADD_TABLE(&plan, check_bad, bad);
	TAP_ADD(&plan, tells_twenty_errors_and_counts_the_rest, NULL, NULL);
	TAP_ADD(&plan, bounds_what_definitions_multiply, NULL, NULL);
	TAP_ADD(&plan, refuses_more_combinations_than_fit, NULL, NULL);
	TAP_ADD(&plan, the_manuals_example_is_right, NULL, NULL);
	TAP_ADD(&plan, tells_lists_from_rulesets, NULL, NULL);
	return tap_run(&plan, "fw_ruleset", 0);
}
