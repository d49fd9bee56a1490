/* SPDX-License-Identifier: GPL-2.0-only */
/* sk_steer's words, and what follows from its rules. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sk_steer/sk_steer.h"
#include "tests/support/tap.h"

#define WORDS_MAX 8

static int parse_line(const char *text, struct slot_reason *why, struct sk_steer_line *ret_line)
{
	char copy[256], *words[WORDS_MAX], *rest = NULL;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	return sk_steer_line_parse(count, words, why, ret_line);
}

static struct sk_steer_rule rule_of(const char *text)
{
	struct slot_reason why = {};
	struct sk_steer_line line;

	if (parse_line(text, &why, &line))
		fail_msg("%s", why.text);
	return line.rule;
}

static const struct told {
	const char *said; /* and with "web" behind it a line */
	const char *told;
} told[] = {
	{ "192.0.2.1 tcp 80", "192.0.2.1 tcp 80" },
	{ "192.0.2.1/32 tcp 80-80", "192.0.2.1 tcp 80" },
	{ "192.0.2.0/24 udp any", "192.0.2.0/24 udp any" },
	{ "192.0.2.0/24 udp 1-65535", "192.0.2.0/24 udp any" },
	{ "0.0.0.0/0 udp 1-2", "0.0.0.0/0 udp 1-2" },
	{ "2001:db8:0::/48 tcp 65535", "2001:db8::/48 tcp 65535" },
};

static void rule_is_told_as_it_can_be_said(void **state)
{
	const struct told *row = *state;
	char text[SK_STEER_MATCH_TEXT_MAX], line[128];
	struct sk_steer_rule rule;

	snprintf(line, sizeof(line), "%s web", row->said);
	rule = rule_of(line);
	sk_steer_match_format(&rule, text);
	assert_string_equal(text, row->told);
}

static const struct refused {
	const char *said;
} refused[] = {
	{ "192.0.2.1 tcp" },
	{ "192.0.2.1 tcp 80" },
	{ "192.0.2.1 tcp 80 web drop exact drop" },
	{ "192.0.2.1 tcp 0 web" },
	{ "192.0.2.1 tcp 65536 web" },
	{ "192.0.2.1 tcp 99999999999999999999 web" },
	{ "192.0.2.1 tcp -80 web" },
	{ "192.0.2.1 tcp 80- web" },
	{ "192.0.2.1 tcp 80-79 web" },
	{ "192.0.2.1 tcp 1-2-3 web" },
	{ "192.0.2.1 tcp 0x50 web" },
	{ "192.0.2.1 TCP 80 web" },
	{ "192.0.2.1/33 tcp 80 web" },
	{ "somewhere tcp 80 web" },
	{ "192.0.2.1 tcp 80 a-name-too-long1" },
	{ "192.0.2.1 tcp 80 we/b" },
	{ "192.0.2.1 tcp 80 web DROP" },
};

static void line_is_refused(void **state)
{
	const struct refused *row = *state;
	struct slot_reason why = {};
	struct sk_steer_line line;

	assert_int_equal(parse_line(row->said, &why, &line), -EINVAL);
	assert_true(*why.text);
}

static void sources_are_read(void **state)
{
	struct sk_steer_source source;
	char text[SK_STEER_MATCH_TEXT_MAX];

	(void)state;
	assert_int_equal(sk_steer_source_parse("4711:3", NULL, &source), 0);
	assert_int_equal(source.pid, 4711);
	assert_int_equal(source.fd, 3);
	assert_int_equal(sk_steer_source_parse("tcp/192.0.2.1:80", NULL, &source), 0);
	assert_int_equal(source.pid, 0);
	slot_endpoint_format(&source.bound, text);
	assert_string_equal(text, "tcp/192.0.2.1:80");
	assert_int_equal(sk_steer_source_parse("udp/[2001:db8::1]:53", NULL, &source), 0);
	slot_endpoint_format(&source.bound, text);
	assert_string_equal(text, "udp/[2001:db8::1]:53");
}

static void sources_that_make_no_sense_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"0:3",
		"1",
		"1:",
		"1:2:3",
		"1:-2",
		"99999999999:1",
		"tcp",
		"tcp/",
		"tcp/192.0.2.1",
		"tcp/192.0.2.1:",
		"tcp/192.0.2.1:0",
		"tcp/:80",
		"sctp/192.0.2.1:1",
		"tcp/[::1]",
		"tcp/[::1]80",
		"tcp/[192.0.2.1]:80",
		"tcp/::1:80",
		"tcp/[::1]:65536",
		"udp/[::1:53",
	};
	struct sk_steer_source source;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (sk_steer_source_parse(texts[i], NULL, &source) != -EINVAL)
			fail_msg("'%s' is taken", texts[i]);
}

/* --- what follows from rules ----------------------------------------------------------------- */

static struct sk_steer_rules rules;
static struct sk_steer_plan plan_of;

static int set_up(void **state)
{
	(void)state;
	rules = (struct sk_steer_rules){};
	return 0;
}

static void assert_span(__u32 number, __u16 port, __u16 rule)
{
	assert_int_equal(plan_of.spans[number].port, port);
	assert_int_equal(plan_of.spans[number].rule, rule);
}

static void no_rules_make_nothing(void **state)
{
	(void)state;
	assert_int_equal(sk_steer_compile(&rules, &plan_of), 0);
	assert_int_equal(plan_of.prefix_count, 0);
	assert_int_equal(plan_of.span_count, 0);
}

static void ranges_split_the_ports_of_their_prefix(void **state)
{
	(void)state;
	rules.rules[7] = rule_of("192.0.2.0/24 tcp 80-90 web");
	rules.rules[3] = rule_of("192.0.2.0/24 tcp 85 web drop");
	rules.rules[9] = rule_of("192.0.2.0/24 tcp 65535 web");
	assert_int_equal(sk_steer_compile(&rules, &plan_of), 0);
	assert_int_equal(plan_of.prefix_count, 1);
	assert_int_equal(plan_of.span_count, 6);
	assert_span(0, 0, SK_STEER_NO_RULE);
	assert_span(1, 80, 7);
	assert_span(2, 85, 3);
	assert_int_equal(plan_of.spans[2].flags, SK_STEER_DROP);
	assert_span(3, 86, 7);
	assert_span(4, 91, SK_STEER_NO_RULE);
	assert_span(5, 65535, 9);
}

static void longer_prefixes_fall_back_on_shorter_ones(void **state)
{
	(void)state;
	rules.rules[0] = rule_of("192.0.2.0/24 tcp any web");
	rules.rules[1] = rule_of("192.0.2.1 tcp 80 one");
	rules.rules[2] = rule_of("198.51.100.0/24 tcp 80 one");
	rules.rules[4] = rule_of("192.0.2.0/24 udp any one");
	assert_int_equal(sk_steer_compile(&rules, &plan_of), 0);
	assert_int_equal(plan_of.prefix_count, 4);
	/* the longest comes first */
	assert_int_equal(plan_of.prefixes[0].prefix.len, SK_STEER_FIXED_BITS + 32);
	assert_int_equal(plan_of.prefixes[0].spans.first, 0);
	assert_int_equal(plan_of.prefixes[0].spans.count, 4);
	assert_span(0, 0, SK_STEER_NO_RULE);
	assert_span(1, 1, 0);
	assert_span(2, 80, 1);
	assert_span(3, 81, 0);
}

/* 32 prefixes in each other, each with 32 ranges: the innermost has to know all of them. */
static void too_many_overlaps_are_refused(void **state)
{
	__u16 number = 0;

	(void)state;
	for (__u8 len = 1; len <= 32; len++)
		for (__u16 i = 0; i < 32; i++, number++)
			rules.rules[number] = (struct sk_steer_rule){
				.family = 4,
				.proto = IPPROTO_TCP,
				.len = len,
				.first = (__u16)(1000 + number * 4),
				.last = (__u16)(1001 + number * 4),
			};
	assert_int_equal(sk_steer_compile(&rules, &plan_of), -E2BIG);
}

/* --- files ----------------------------------------------------------------------------------- */

static void every_wrong_line_of_a_file_is_told(void **state)
{
	static const char text[] = "192.0.2.1 tcp 80 web # good\n\tnonsense\r\n\n"
				   "192.0.2.1 tcp 80 other\n192.0.2.2 tcp any web";
	struct slot_reasons errors = {};
	struct sk_steer_lines lines = {};

	(void)state;
	assert_int_equal(sk_steer_file_parse("rules", text, strlen(text), &errors, &lines),
			 -EINVAL);
	assert_int_equal(errors.count, 2);
	assert_string_equal(errors.lines[0],
			    "rules:2: expected PREFIX tcp|udp PORTS GROUP [drop] [exact]");
	assert_string_equal(errors.lines[1],
			    "rules:4: a line before has the same prefix, protocol and ports");
	assert_null(lines.lines);
	slot_reasons_free(&errors);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, rule_is_told_as_it_can_be_said, told);
	TAP_ADD_TABLE(&plan, line_is_refused, refused);
	TAP_ADD(&plan, sources_are_read, NULL, NULL);
	TAP_ADD(&plan, sources_that_make_no_sense_are_refused, NULL, NULL);
	TAP_ADD(&plan, no_rules_make_nothing, set_up, NULL);
	TAP_ADD(&plan, ranges_split_the_ports_of_their_prefix, set_up, NULL);
	TAP_ADD(&plan, longer_prefixes_fall_back_on_shorter_ones, set_up, NULL);
	TAP_ADD(&plan, too_many_overlaps_are_refused, set_up, NULL);
	TAP_ADD(&plan, every_wrong_line_of_a_file_is_told, NULL, NULL);
	return tap_run(&plan, "sk_steer", 0);
}
