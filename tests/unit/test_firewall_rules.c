/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's rules in words, as files, and the difference of two rule sets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/firewall_rules.h"
#include "tests/support/tap.h"

struct rule_case {
	const char *name;
	const char *text;
	const char *expected; /* the rule in words again, or the message */
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct rule_case good_rules[] = {
	CASE(takes_an_ip4_address_for_its_prefix, "192.0.2.1", "192.0.2.1/32"),
	CASE(takes_an_ip4_prefix, "192.0.2.0/24", "192.0.2.0/24"),
	CASE(takes_an_odd_ip4_prefix, "192.0.2.128/27", "192.0.2.128/27"),
	CASE(takes_all_of_ip4, "0.0.0.0/0", "0.0.0.0/0"),
	CASE(takes_an_ip6_address_for_its_prefix, "2001:DB8::1", "2001:db8::1/128"),
	CASE(takes_an_ip6_prefix, "2001:db8::/32", "2001:db8::/32"),
	CASE(takes_an_odd_ip6_prefix, "2001:db8::8000/113", "2001:db8::8000/113"),
	CASE(takes_all_of_ip6, "::/0", "::/0"),
	CASE(takes_an_ip6_address_that_ends_like_ip4, "64:ff9b::192.0.2.1",
	     "64:ff9b::c000:201/128"),
	CASE(takes_a_tcp_port, "tcp/80", "tcp/80"),
	CASE(takes_the_first_port, "tcp/1", "tcp/1"),
	CASE(takes_the_last_tcp_port, "tcp/65535", "tcp/65535"),
	CASE(takes_the_last_udp_port, "udp/65535", "udp/65535"),
	CASE(takes_leading_zeros_in_a_port, "udp/0053", "udp/53"),
};

#define EXPECTED                                                                                   \
	": expected a source such as 192.0.2.0/24 or 2001:db8::/32, or a port such as tcp/80 or "  \
	"udp/53"
#define IP4_LENGTH ": the prefix length of an IPv4 source is a number from 0 to 32"
#define IP6_LENGTH ": the prefix length of an IPv6 source is a number from 0 to 128"
#define TEN "2001:db8::"
#define PORT ": a port is a number from 1 to 65535"

static const struct rule_case bad_rules[] = {
	CASE(refuses_nothing, "", "''" EXPECTED),
	CASE(refuses_a_word, "everything", "'everything'" EXPECTED),
	CASE(refuses_another_protocol, "icmp/8", "'icmp/8'" EXPECTED),
	CASE(refuses_a_protocol_in_capitals, "TCP/80", "'TCP/80'" EXPECTED),
	CASE(refuses_a_protocol_alone, "tcp", "'tcp'" EXPECTED),
	CASE(refuses_half_an_address, "192.0.2", "'192.0.2'" EXPECTED),
	CASE(refuses_an_address_and_a_port, "192.0.2.1:80", "'192.0.2.1:80'" EXPECTED),
	CASE(refuses_a_host_name, "example.org", "'example.org'" EXPECTED),
	CASE(refuses_a_zone, "fe80::1%eth0", "'fe80::1%eth0'" EXPECTED),
	CASE(refuses_a_prefix_without_an_address, "/24", "'/24'" EXPECTED),
	CASE(refuses_a_very_long_word, TEN TEN TEN TEN TEN TEN TEN TEN TEN,
	     "'" TEN TEN TEN TEN TEN TEN TEN TEN "'" EXPECTED),
	CASE(refuses_33_bits_of_ip4, "192.0.2.0/33", "'192.0.2.0/33'" IP4_LENGTH),
	CASE(refuses_a_huge_prefix_length, "192.0.2.0/4294967320",
	     "'192.0.2.0/4294967320'" IP4_LENGTH),
	CASE(refuses_no_prefix_length, "192.0.2.0/", "'192.0.2.0/'" IP4_LENGTH),
	CASE(refuses_a_negative_prefix_length, "192.0.2.0/-1", "'192.0.2.0/-1'" IP4_LENGTH),
	CASE(refuses_a_netmask, "192.0.2.0/255.255.255.0", "'192.0.2.0/255.255.255.0'" IP4_LENGTH),
	CASE(refuses_129_bits_of_ip6, "2001:db8::/129", "'2001:db8::/129'" IP6_LENGTH),
	CASE(refuses_a_prefix_length_in_hex, "::/0x10", "'::/0x10'" IP6_LENGTH),
	CASE(refuses_host_bits_of_ip4, "203.0.113.7/24",
	     "'203.0.113.7/24': has bits set behind its prefix; the prefix is 203.0.113.0/24"),
	CASE(refuses_the_last_host_bit_of_ip4, "203.0.113.1/31",
	     "'203.0.113.1/31': has bits set behind its prefix; the prefix is 203.0.113.0/31"),
	CASE(refuses_host_bits_of_all_of_ip4, "192.0.2.1/0",
	     "'192.0.2.1/0': has bits set behind its prefix; the prefix is 0.0.0.0/0"),
	CASE(refuses_host_bits_of_ip6, "2001:db8:1::1/47",
	     "'2001:db8:1::1/47': has bits set behind its prefix; the prefix is 2001:db8::/47"),
	CASE(refuses_port_0, "tcp/0", "'tcp/0'" PORT),
	CASE(refuses_port_65536, "udp/65536", "'udp/65536'" PORT),
	CASE(refuses_no_port, "tcp/", "'tcp/'" PORT),
	CASE(refuses_a_service_name, "tcp/http", "'tcp/http'" PORT),
	CASE(refuses_a_port_range, "tcp/80-90", "'tcp/80-90'" PORT),
	CASE(refuses_a_sign, "tcp/+80", "'tcp/+80'" PORT),
};

static void parse_good_rule(void **state)
{
	const struct rule_case *row = *state;
	char text[FIREWALL_RULE_TEXT_MAX];
	struct slot_reason why = {};
	struct firewall_rule rule;

	assert_int_equal(firewall_rule_parse(row->text, &why, &rule), 0);
	assert_int_equal(rule.lists, 0);
	firewall_rule_format(&rule, text);
	assert_string_equal(text, row->expected);
}

static void refuse_bad_rule(void **state)
{
	const struct rule_case *row = *state;
	struct slot_reason why = {};
	struct firewall_rule rule;

	assert_int_equal(firewall_rule_parse(row->text, &why, &rule), -EINVAL);
	assert_string_equal(why.text, row->expected);
}

struct file_case {
	const char *name;
	const char *text;
	size_t len; /* 0: up to the NUL */
	const char *errors;
};

static const struct file_case bad_files[] = {
	CASE(file_refuses_another_list, "permit tcp/80", 0,
	     "rules:1: 'permit': expected allow or deny\n"),
	CASE(file_refuses_a_list_in_capitals, "DENY tcp/80", 0,
	     "rules:1: 'DENY': expected allow or deny\n"),
	CASE(file_refuses_a_list_without_a_rule, "\n\nallow # tcp/80\n", 0,
	     "rules:3: 'allow': expected a source or a port behind it\n"),
	CASE(file_refuses_two_rules_in_a_line, "deny tcp/80 tcp/81\n", 0,
	     "rules:1: 'tcp/81': expected the end of the line\n"),
	CASE(file_refuses_a_wrong_rule, "deny tcp/80\ndeny 10.0.0.0/33\n", 0,
	     "rules:2: '10.0.0.0/33'" IP4_LENGTH "\n"),
	CASE(file_tells_every_wrong_line, "tcp/80\ndeny tcp/80\nallow udp/0", 0,
	     "rules:1: 'tcp/80': expected allow or deny\nrules:3: 'udp/0'" PORT "\n"),
	CASE(file_refuses_nul_characters, "deny tcp/80\ndeny\0tcp/81\n", 24,
	     "rules:2: byte 0x00: expected plain text\n"),
	CASE(file_refuses_control_characters, "deny \033[31m\n", 0,
	     "rules:1: byte 0x1b: expected plain text\n"),
	CASE(file_refuses_other_alphabets, "deny \303\251\n", 0,
	     "rules:1: byte 0xc3: expected plain text\n"),
	CASE(file_takes_no_comment_for_a_rule, "deny# \303\251\n", 0,
	     "rules:1: 'deny': expected a source or a port behind it\n"),
	CASE(file_refuses_a_line_of_256_characters, NULL, 256,
	     "rules:1: line of 256 characters: expected at most 255\n"),
};

static char *join_lines(const struct slot_reasons *reasons)
{
	char *text = NULL;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (i = 0; i < reasons->count; i++)
		fprintf(out, "%s\n", reasons->lines[i]);
	fclose(out);
	return text;
}

static void refuse_bad_file(void **state)
{
	const struct file_case *row = *state;
	struct firewall_rules rules = {};
	struct slot_reasons errors = {};
	char blanks[256], *said;
	const char *text = row->text ? row->text : memset(blanks, 'x', sizeof(blanks));

	assert_int_equal(firewall_rules_parse("rules", text, row->len ? row->len : strlen(text),
					      &errors, &rules),
			 -EINVAL);
	said = join_lines(&errors);
	assert_string_equal(said, row->errors);
	assert_null(rules.items);
	free(said);
	slot_reasons_free(&errors);
}

static struct firewall_rules parse(const char *text)
{
	struct firewall_rules rules = {};
	struct slot_reasons errors = {};

	assert_int_equal(firewall_rules_parse("rules", text, strlen(text), &errors, &rules), 0);
	return rules;
}

static void assert_rule(const struct firewall_rules *rules, size_t i, const char *text, __u32 lists)
{
	char said[FIREWALL_RULE_TEXT_MAX];

	assert_true(i < rules->count);
	firewall_rule_format(&rules->items[i], said);
	assert_string_equal(said, text);
	assert_int_equal(rules->items[i].lists, lists);
}

static void file_is_sorted_and_each_rule_is_there_once(void **state)
{
	struct firewall_rules rules = parse("deny udp/53\nallow tcp/80\ndeny ::/0\n"
					    "deny 10.0.0.0/8\ndeny tcp/80\ndeny 10.0.0.0/8\n"
					    "allow 10.0.0.0/16\nallow 9.9.9.9\n");

	(void)state;
	assert_int_equal(rules.count, 6);
	assert_rule(&rules, 0, "9.9.9.9/32", FIREWALL_ALLOW);
	assert_rule(&rules, 1, "10.0.0.0/8", FIREWALL_DENY);
	assert_rule(&rules, 2, "10.0.0.0/16", FIREWALL_ALLOW);
	assert_rule(&rules, 3, "::/0", FIREWALL_DENY);
	assert_rule(&rules, 4, "tcp/80", FIREWALL_ALLOW | FIREWALL_DENY);
	assert_rule(&rules, 5, "udp/53", FIREWALL_DENY);
	firewall_rules_free(&rules);
}

static void file_may_hold_comments_blanks_and_carriage_returns(void **state)
{
	struct firewall_rules rules = parse("# all of it\n\r\n \t \n  deny   tcp/80 # web\r\n"
					    "allow\t192.0.2.1\r\n#deny tcp/81");

	(void)state;
	assert_int_equal(rules.count, 2);
	assert_rule(&rules, 0, "192.0.2.1/32", FIREWALL_ALLOW);
	assert_rule(&rules, 1, "tcp/80", FIREWALL_DENY);
	firewall_rules_free(&rules);
}

static void file_may_be_empty(void **state)
{
	struct firewall_rules rules = parse("");

	(void)state;
	assert_int_equal(rules.count, 0);
	firewall_rules_free(&rules);
}

static void file_tells_twenty_wrong_lines_and_counts_the_rest(void **state)
{
	struct firewall_rules rules = {};
	struct slot_reasons errors = {};
	char text[25 * 2 + 1] = "";
	int i;

	(void)state;
	for (i = 0; i < 25; i++)
		strcat(text, "x\n");
	assert_int_equal(firewall_rules_parse("rules", text, strlen(text), &errors, &rules),
			 -EINVAL);
	assert_int_equal(errors.count, 21);
	assert_string_equal(errors.lines[19], "rules:20: 'x': expected allow or deny");
	assert_string_equal(errors.lines[20], "rules: 5 more lines are wrong");
	slot_reasons_free(&errors);
}

static void file_refuses_more_prefixes_than_fit(void **state)
{
	struct firewall_rules rules = {};
	struct slot_reasons errors = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	(void)state;
	for (i = 0; i <= FIREWALL_PREFIXES_MAX; i++)
		fprintf(out, "deny 2001:db8::%x:%x\n", i >> 16, i & 0xffff);
	fclose(out);
	assert_int_equal(firewall_rules_parse("rules", text, size, &errors, &rules), -EINVAL);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.lines[0],
			    "rules: 100001 IPv6 prefixes are more than the 100000 that fit");
	slot_reasons_free(&errors);
	free(text);
}

static void diff_of_equal_rules_is_empty(void **state)
{
	struct firewall_rules a = parse("deny tcp/80\nallow 10.0.0.0/8\n");
	struct firewall_change change;

	(void)state;
	assert_int_equal(firewall_rules_diff(&a, &a, &change), 0);
	assert_int_equal(change.set.count, 0);
	assert_int_equal(change.del.count, 0);
	firewall_change_free(&change);
	firewall_rules_free(&a);
}

static void diff_sets_what_is_new_or_moved_and_deletes_what_is_gone(void **state)
{
	struct firewall_rules current = parse("deny 10.0.0.0/8\ndeny 11.0.0.0/8\ndeny tcp/80\n");
	struct firewall_rules wanted = parse("allow 11.0.0.0/8\ndeny 12.0.0.0/8\ndeny tcp/80\n"
					     "deny tcp/81\n");
	struct firewall_change change;

	(void)state;
	assert_int_equal(firewall_rules_diff(&current, &wanted, &change), 0);
	assert_int_equal(change.set.count, 3);
	assert_int_equal(change.added, 2);
	assert_rule(&change.set, 0, "11.0.0.0/8", FIREWALL_ALLOW);
	assert_rule(&change.set, 1, "12.0.0.0/8", FIREWALL_DENY);
	assert_rule(&change.set, 2, "tcp/81", FIREWALL_DENY);
	assert_int_equal(change.del.count, 1);
	assert_rule(&change.del, 0, "10.0.0.0/8", FIREWALL_DENY);
	firewall_change_free(&change);
	firewall_rules_free(&current);
	firewall_rules_free(&wanted);
}

static void find_tells_a_prefix_from_one_that_holds_it(void **state)
{
	struct firewall_rules rules = parse("deny 10.0.0.0/8\ndeny 10.0.0.0/16\n");
	struct firewall_rule rule;
	struct slot_reason why;

	(void)state;
	assert_int_equal(firewall_rule_parse("10.0.0.0/16", &why, &rule), 0);
	assert_ptr_equal(firewall_rules_find(&rules, &rule), &rules.items[1]);
	assert_int_equal(firewall_rule_parse("10.0.0.0/24", &why, &rule), 0);
	assert_null(firewall_rules_find(&rules, &rule));
	firewall_rules_free(&rules);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, parse_good_rule, good_rules);
	TAP_ADD_TABLE(&plan, refuse_bad_rule, bad_rules);
	TAP_ADD_TABLE(&plan, refuse_bad_file, bad_files);
	TAP_ADD(&plan, file_is_sorted_and_each_rule_is_there_once, NULL, NULL);
	TAP_ADD(&plan, file_may_hold_comments_blanks_and_carriage_returns, NULL, NULL);
	TAP_ADD(&plan, file_may_be_empty, NULL, NULL);
	TAP_ADD(&plan, file_tells_twenty_wrong_lines_and_counts_the_rest, NULL, NULL);
	TAP_ADD(&plan, file_refuses_more_prefixes_than_fit, NULL, NULL);
	TAP_ADD(&plan, diff_of_equal_rules_is_empty, NULL, NULL);
	TAP_ADD(&plan, diff_sets_what_is_new_or_moved_and_deletes_what_is_gone, NULL, NULL);
	TAP_ADD(&plan, find_tells_a_prefix_from_one_that_holds_it, NULL, NULL);
	return tap_run(&plan, "firewall_rules", 0);
}
