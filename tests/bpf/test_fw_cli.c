/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall check, load, show and trace, on the pinned maps of a loaded firewall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/fw_abi.h"
#include "tests/support/fw_bed.h"
#include "tests/support/tap.h"

#define NOBODY 65534

static char line[1024];

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	fw_bed_load("policy drop\n"
		    "ip saddr 203.0.113.66 drop\n"
		    "ip saddr 203.0.113.0/24 tcp dport { 80, 443 } accept\n");
	program_bed_assert_said(
		&fw_bed,
		"in force: 2 rules, 0 of them with a limit, 0 presets, policy drop; "
		"3 matches of IPv4 and 0 of IPv6\n",
		"");
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 443, FW_BED_ACK)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 22, FW_BED_SYN)), XDP_DROP);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.66", 80, FW_BED_SYN)), XDP_DROP);
	assert_int_equal(fw_bed_send(fw_bed_tcp("198.51.100.1", 80, FW_BED_SYN)), XDP_DROP);
}

static void lists_come_before_the_ruleset(void **state)
{
	(void)state;
	fw_bed_load("policy drop\ntcp dport 80 accept\n");
	program_bed_assert_runs(&fw_bed, "deny add 203.0.113.66",
				"1 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&fw_bed, "allow add tcp/22",
				"1 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.66", 80, FW_BED_SYN)), XDP_DROP);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 22, FW_BED_SYN)), XDP_PASS);
	program_bed_assert_runs(&fw_bed, "trace ip saddr 203.0.113.66 tcp dport 80",
				"drop: its source is on the deny list\n");
	program_bed_assert_runs(&fw_bed, "trace ip saddr 203.0.113.7 tcp dport 22",
				"accept: its port is on the allow list\n");
}

static void a_file_of_lists_leaves_the_ruleset_alone(void **state)
{
	(void)state;
	fw_bed_load("policy drop\ntcp dport 80 accept\n");
	assert_int_equal(fw_bed_try("deny 203.0.113.0/24\n"), PROGRAM_OK);
	program_bed_assert_said(&fw_bed, "1 added, 0 moved to another list, 0 deleted\n", "");
	program_bed_assert_runs(&fw_bed, "show", "policy drop\ntcp dport 80 accept\n");
	fw_bed_load("policy accept\n");
	program_bed_assert_runs(&fw_bed, "list", "deny 203.0.113.0/24\n");
}

static void show_nothing(void)
{
	assert_int_equal(program_bed_run(&fw_bed, "show"), PROGRAM_OK);
	program_bed_assert_said(&fw_bed, "",
				"no ruleset is loaded: lists and the slot's settings decide\n");
}

static void show_prints_the_text_as_it_was_loaded(void **state)
{
	static const char text[] = "# of the web\n\ndefine w = { 80,\n\t443 }\n"
				   "policy drop   # all else\ntcp dport $w accept";

	(void)state;
	show_nothing();
	fw_bed_load(text);
	program_bed_assert_runs(&fw_bed, "show", text);
	fw_bed_load("policy default\n");
	program_bed_assert_runs(&fw_bed, "show", "policy default\n");
}

static void show_counts_by_rule(void **state)
{
	int i;

	(void)state;
	fw_bed_load("policy drop\nudp dport 1 drop\ntcp dport 80 accept\n"
		    "priority -1 tcp dport 443 drop comment \"no\"\n");
	for (i = 0; i < 3; i++)
		fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN));
	fw_bed_send(fw_bed_tcp("203.0.113.7", 443, FW_BED_SYN));
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_int_equal(strncmp(fw_bed.out, "# loaded 2", 10), 0);
	assert_string_equal(strchr(fw_bed.out, '\n') + 1,
			    "policy drop\n"
			    "priority -1 tcp dport 443 counter packets 1 bytes 55 drop comment "
			    "\"no\"\n"
			    "udp dport 1 counter packets 0 bytes 0 drop\n"
			    "tcp dport 80 counter packets 3 bytes 165 accept\n");
	/* What it prints can be loaded, and counts anew. */
	fw_bed_load(fw_bed.out);
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "tcp dport 80 counter packets 0 bytes 0 accept\n"));
}

/* As where a change of rules_max has maps start empty, but for that which counts rulesets. */
static void show_does_not_vouch_for_rules_without_their_maps(void **state)
{
	static const struct fw_text_chunk empty;
	const struct bpf_map *map = bpf_object__find_map_by_name(fw_bed.object, FW_TEXT_NAME);
	__u32 i;

	(void)state;
	fw_bed_load("policy accept\ntcp dport 80 drop\n");
	for (i = 0; i < bpf_map__max_entries(map); i++)
		assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &i, &empty, BPF_ANY), 0);
	assert_int_equal(program_bed_run(&fw_bed, "show"), PROGRAM_FAILED);
	program_bed_assert_said(&fw_bed, "",
				"map 'fw_text' does not hold the text of the ruleset in force: it "
				"was emptied, and where others were, too, the rules match nothing; "
				"load it again\n");
	fw_bed_load("policy accept\n");
	program_bed_assert_runs(&fw_bed, "show", "policy accept\n");
}

static void show_as_json_has_text_rules_and_counters(void **state)
{
	const char *text;
	json_t *root, *rule;

	(void)state;
	assert_int_equal(program_bed_run_json(&fw_bed, "show"), PROGRAM_OK);
	root = json_loads(fw_bed.out, 0, NULL);
	assert_true(json_is_null(json_object_get(root, "loaded")));
	json_decref(root);
	fw_bed_load("policy drop\n\ntcp dport 80 accept\n");
	fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN));
	assert_int_equal(program_bed_run_json(&fw_bed, "show"), PROGRAM_OK);
	root = json_loads(fw_bed.out, 0, NULL);
	assert_non_null(root);
	text = json_string_value(json_object_get(root, "text"));
	assert_string_equal(text, "policy drop\n\ntcp dport 80 accept\n");
	rule = json_array_get(json_object_get(root, "rules"), 0);
	assert_int_equal(json_integer_value(json_object_get(rule, "number")), 1);
	assert_int_equal(json_integer_value(json_object_get(rule, "line")), 3);
	assert_int_equal(json_integer_value(json_object_get(rule, "packets")), 1);
	assert_int_equal(json_integer_value(json_object_get(rule, "bytes")), 55);
	json_decref(root);
}

/* One rule more than rules_max is by default. */
static int load_more_than_fits(void)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	unsigned int i;

	assert_non_null(out);
	for (i = 0; i <= 16384; i++)
		fprintf(out, "ip saddr 10.%u.%u.1 drop\n", i >> 8, i & 255);
	assert_int_equal(fclose(out), 0);
	return fw_bed_try(text);
}

static void wrong_files_change_nothing_and_say_all_that_is_wrong(void **state)
{
	char expected[512];

	(void)state;
	fw_bed_load("policy drop\ntcp dport 80 accept\n");
	assert_int_equal(fw_bed_try("policy drop\ntcp dport 80 allow_it\n"), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected), "%s:2: 'allow_it': expected accept, drop, ",
		 fw_bed_path);
	assert_int_equal(strncmp(fw_bed.err, expected, strlen(expected)), 0);
	assert_int_equal(fw_bed_try("policy drop\ntcp foo\nip saddr 10.1.1.1/8 drop\n"),
			 PROGRAM_FAILED);
	snprintf(expected, sizeof(expected),
		 "%s:2: 'foo': expected one of sport, dport, flags behind tcp\n"
		 "%s:3: '10.1.1.1/8': expected no bits set behind the first 8 of the address\n"
		 "cannot load '%s'; the rules from before stay in force\n",
		 fw_bed_path, fw_bed_path, fw_bed_path);
	program_bed_assert_said(&fw_bed, "", expected);
	assert_int_equal(fw_bed_try("iifname nosuch0 drop\n"), PROGRAM_FAILED);
	assert_non_null(strstr(fw_bed.err, "iifname \"nosuch0\": no such interface is here"));
	assert_int_equal(program_bed_run(&fw_bed, "load /nonexistent/rules"), PROGRAM_FAILED);
	program_bed_assert_said(&fw_bed, "",
				"cannot open '/nonexistent/rules': No such file or directory; "
				"nothing was changed\n");
	assert_int_equal(load_more_than_fits(), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected),
		 "%s: the ruleset has 16385 rules, and the slot has room for 16384: a greater "
		 "rules_max in its settings makes more; the rules from before stay in force\n",
		 fw_bed_path);
	program_bed_assert_said(&fw_bed, "", expected);
	program_bed_assert_runs(&fw_bed, "show", "policy drop\ntcp dport 80 accept\n");
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 81, FW_BED_SYN)), XDP_DROP);
}

static void check_needs_no_maps(void **state)
{
	struct program_context ctx = { .map_dir = NULL, .out = tmpfile() };
	char *argv[] = { fw_bed_path };
	const struct program_command *command = firewall_cli.commands;

	(void)state;
	while (strcmp(command->name, "check") != 0)
		command++;
	assert_string_equal(firewall_cli.offline_command, "check");
	fw_bed_write("policy drop\npreset syn-flood 10/second\nlimit rate 1/second accept\n");
	assert_non_null(ctx.out);
	assert_int_equal(command->run(&ctx, 1, argv), PROGRAM_OK);
	fclose(ctx.out);
	snprintf(line, sizeof(line), "check %s", fw_bed_path);
	program_bed_assert_runs(&fw_bed, line,
				"can be loaded: 1 rules, 1 of them with a limit, 1 presets, policy "
				"drop; 1 matches of IPv4 and 1 of IPv6\n");
	fw_bed_write("deny 192.0.2.0/24\nallow tcp/80\n");
	program_bed_assert_runs(&fw_bed, line, "can be loaded: lists of 2 sources and ports\n");
	fw_bed_write("policy drop\nfoo\n");
	assert_int_equal(program_bed_run(&fw_bed, line), PROGRAM_FAILED);
	assert_non_null(
		strstr(fw_bed.err, ":2: 'foo': expected policy, define, preset, priority, "));
	show_nothing();
}

static void trace_names_the_rule_and_what_was_missed(void **state)
{
	(void)state;
	fw_bed_load("policy drop\n"
		    "ip saddr 10.0.0.0/8 tcp dport 80 drop\n"
		    "udp dport 53 accept\n"
		    "tcp dport 80 tcp flags syn limit rate 5/second accept\n");
	program_bed_assert_runs(
		&fw_bed, "trace ip saddr 192.0.2.1 tcp dport 80 tcp flags syn",
		"rule 1 (line 2) differs in saddr: ip saddr 10.0.0.0/8 tcp dport 80 drop\n"
		"rule 2 (line 3) differs in l4proto, dport: udp dport 53 accept\n"
		"rule 3 (line 4) matches: tcp dport 80 tcp flags & (syn) == syn limit rate 5/second "
		"burst 5 packets accept\n"
		"accept: the first rule that matches; within the rule's limit, beyond it drop\n");
	program_bed_assert_runs(
		&fw_bed, "trace icmpv6 type nd-neighbor-solicit",
		"rule 1 (line 2) differs in nfproto, saddr, l4proto, dport: ip saddr 10.0.0.0/8 tcp "
		"dport 80 drop\n"
		"rule 2 (line 3) differs in l4proto, dport: udp dport 53 accept\n"
		"rule 3 (line 4) differs in l4proto, dport, flags: tcp dport 80 tcp flags & (syn) == "
		"syn limit rate 5/second burst 5 packets accept\n"
		"drop: no rule matches; neighbour discovery with hop limit 255 passes\n");
	program_bed_assert_fails(
		&fw_bed, "trace tcp dport 80 accept",
		"'accept': expected iifname, oifname, ip saddr, ip daddr, ip protocol, ip6 "
		"saddr, ip6 daddr, saddr, daddr, tcp sport, tcp dport, tcp flags, "
		"udp sport, udp dport, th sport, th dport, icmp type, icmp code, "
		"icmpv6 type, icmpv6 code, frag, meta l4proto, meta nfproto, meta "
		"iifname, meta oifname\n");
	program_bed_assert_fails(&fw_bed, "trace ip saddr 192.0.2.0/24",
				 "address: expected one value, as a packet has one\n");
	assert_int_equal(program_bed_run(&fw_bed, "trace"), PROGRAM_USAGE);
}

static void trace_knows_when_nothing_is_loaded(void **state)
{
	(void)state;
	program_bed_assert_runs(&fw_bed, "trace ip saddr 192.0.2.1",
				"accept: no ruleset is loaded\n");
	fw_bed.slot = NULL;
	program_bed_assert_runs(
		&fw_bed, "trace ip saddr 192.0.2.1",
		"accept or drop: no ruleset is loaded; default_deny of the slot decides\n");
}

static void trace_as_json_has_the_verdict_and_the_misses(void **state)
{
	json_t *root, *misses;

	(void)state;
	fw_bed_load("udp dport 53 accept\ntcp dport 80 drop\npreset syn-flood 1/second\n");
	assert_int_equal(program_bed_run_json(&fw_bed, "trace ip saddr 192.0.2.1 tcp dport 80"),
			 PROGRAM_OK);
	root = json_loads(fw_bed.out, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "verdict")), "drop");
	assert_string_equal(json_string_value(json_object_get(root, "by")), "rule");
	assert_int_equal(json_integer_value(json_object_get(root, "asked")), 2);
	misses = json_object_get(root, "misses");
	assert_int_equal(json_array_size(misses), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(misses, 0), "differs")), 2);
	json_decref(root);
}

static void the_latest_samples_are_shown(void **state)
{
	int i;

	(void)state;
	fw_bed_load("udp dport 1 drop\ntcp dport 80 sample 1/1 drop\n");
	program_bed_assert_runs(&fw_bed, "samples", "");
	fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN));
	fw_bed_send(fw_bed_tcp("203.0.113.7", 81, FW_BED_SYN));
	assert_int_equal(program_bed_run(&fw_bed, "samples"), PROGRAM_OK);
	assert_int_equal(strncmp(fw_bed.out, "1 2", 3), 0);
	assert_non_null(
		strstr(fw_bed.out, "Z ruleset 1 rule 2 55 bytes 02000000000202000000000108"));
	assert_ptr_equal(strchr(fw_bed.out, '\n') + 1, fw_bed.out + strlen(fw_bed.out));
	for (i = 0; i < 1025; i++)
		fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN));
	assert_int_equal(program_bed_run(&fw_bed, "samples"), PROGRAM_OK);
	assert_int_equal(strncmp(fw_bed.out, "3 2", 3), 0);
	assert_non_null(strstr(fw_bed.out, "\n1026 2"));
	assert_int_equal(program_bed_run_json(&fw_bed, "samples"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "\"ruleset\": 1"));
}

/* Packets of one CPU come faster than the buckets fill. */
static void a_guard_limits_what_passes_and_opens_nothing(void **state)
{
	int passed = 0, i;

	(void)state;
	fw_bed_load("policy drop\npreset syn-flood 5/hour burst 5 packets per saddr\n"
		    "tcp dport 80 accept\n");
	for (i = 0; i < 20; i++)
		passed += fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)) == XDP_PASS;
	assert_int_equal(passed, 5);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_ACK)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.8", 80, FW_BED_SYN)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.9", 22, FW_BED_SYN)), XDP_DROP);
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out,
			       "preset syn-flood 5/hour burst 5 packets per saddr/32,64 "
			       "counter packets 15 bytes 825\n"));
	assert_non_null(strstr(fw_bed.out, "tcp dport 80 counter packets 22 bytes 1210 accept\n"));
	program_bed_assert_runs(
		&fw_bed, "trace ip saddr 203.0.113.7 tcp dport 80 tcp flags syn",
		"rule 2 (line 3) matches: tcp dport 80 accept\n"
		"preset 1 (line 2) limits what passes: preset syn-flood 5/hour burst 5 packets per "
		"saddr/32,64\n"
		"accept: the first rule that matches; within the preset's limit, beyond it drop\n");
}

static void words_of_packets_that_go_out_are_refused(void **state)
{
	(void)state;
	assert_int_equal(fw_bed_try("policy accept\noifname lo drop\n"), PROGRAM_FAILED);
	assert_non_null(strstr(fw_bed.err,
			       ": line 2: oifname is for packets that go out; expected iifname, "
			       "as these come in; the rules from before stay in force\n"));
}

/* A source of its own for each SYN, as who forges them has. */
static int count_forged(int packets)
{
	int passed = 0, i;
	char src[32];

	for (i = 0; i < packets; i++) {
		snprintf(src, sizeof(src), "203.0.113.%d", i + 1);
		passed += fw_bed_send(fw_bed_tcp(src, 80, FW_BED_SYN)) == XDP_PASS;
	}
	return passed;
}

static void a_preset_may_limit_each_source_and_all_of_them(void **state)
{
	int passed = 0, i;

	(void)state;
	fw_bed_load("preset syn-flood 5/hour burst 5 packets per saddr\n");
	assert_int_equal(count_forged(40), 40);
	fw_bed_load("preset syn-flood 20/hour burst 20 packets\n"
		    "preset syn-flood 5/hour burst 5 packets per saddr\n");
	/* What one source sends too much of takes nothing from the others. */
	for (i = 0; i < 30; i++)
		passed += fw_bed_send(fw_bed_tcp("198.51.100.1", 80, FW_BED_SYN)) == XDP_PASS;
	assert_int_equal(passed, 5);
	assert_int_equal(count_forged(40), 15);
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "20 packets counter packets 25 bytes"));
	assert_non_null(strstr(fw_bed.out, "per saddr/32,64 counter packets 25 bytes"));
	assert_int_equal(program_bed_run(&fw_bed,
					 "trace ip saddr 203.0.113.7 tcp dport 80 tcp flags syn"),
			 PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "preset 2 (line 2) limits what passes: "));
	assert_non_null(strstr(fw_bed.out,
			       "accept: no rule matches; within the presets' limits, beyond "
			       "them drop\n"));
}

static void amplified_answers_are_limited(void **state)
{
	int passed = 0, i;
	struct packet p;

	(void)state;
	fw_bed_load("preset udp-amplification 3/hour\n");
	for (i = 0; i < 10; i++) {
		packet_start(&p, "x", 1);
		packet_udp(&p, i % 2 ? 123 : 53, 40000);
		packet_ip4(&p, &(struct packet_ip4){ .src = "203.0.113.7", .dst = "192.0.2.1" });
		packet_eth(&p);
		passed += fw_bed_send(p) == XDP_PASS;
	}
	assert_int_equal(passed, 5); /* the burst */
	packet_start(&p, "x", 1);
	packet_udp(&p, 54, 40000);
	packet_ip4(&p, &(struct packet_ip4){ .src = "203.0.113.7", .dst = "192.0.2.1" });
	packet_eth(&p);
	assert_int_equal(fw_bed_send(p), XDP_PASS);
}

/* All that the owner has are the pins. */
static int run_as_owner(const char *command)
{
	struct bpf_map *map;
	char pin[256];
	pid_t child;
	int status;

	bpf_object__for_each_map(map, fw_bed.object) {
		snprintf(pin, sizeof(pin), PROGRAM_BED_DIR "/%s", bpf_map__name(map));
		if (!bpf_map__is_internal(map))
			assert_int_equal(chown(pin, NOBODY, NOBODY), 0);
	}
	child = fork();
	if (!child) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(program_bed_run(&fw_bed, command));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_owner_of_the_pins_needs_no_root(void **state)
{
	(void)state;
	fw_bed_write("policy drop\ntcp dport 80 accept\n");
	snprintf(line, sizeof(line), "check %s", fw_bed_path);
	assert_int_equal(run_as_owner(line), PROGRAM_OK);
	snprintf(line, sizeof(line), "load %s", fw_bed_path);
	assert_int_equal(run_as_owner(line), PROGRAM_OK);
	assert_int_equal(run_as_owner("show --counters"), PROGRAM_OK);
	assert_int_equal(run_as_owner("trace tcp dport 80"), PROGRAM_OK);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_PASS);
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 81, FW_BED_SYN)), XDP_DROP);
}

#define ADD(fn) TAP_ADD(&plan, fn, fw_bed_set_up, fw_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(the_first_rule_that_matches_decides);
	ADD(lists_come_before_the_ruleset);
	ADD(a_file_of_lists_leaves_the_ruleset_alone);
	ADD(show_prints_the_text_as_it_was_loaded);
	ADD(show_counts_by_rule);
	ADD(show_does_not_vouch_for_rules_without_their_maps);
	ADD(show_as_json_has_text_rules_and_counters);
	ADD(wrong_files_change_nothing_and_say_all_that_is_wrong);
	ADD(check_needs_no_maps);
	ADD(trace_names_the_rule_and_what_was_missed);
	ADD(trace_knows_when_nothing_is_loaded);
	ADD(trace_as_json_has_the_verdict_and_the_misses);
	ADD(the_latest_samples_are_shown);
	ADD(a_guard_limits_what_passes_and_opens_nothing);
	ADD(words_of_packets_that_go_out_are_refused);
	ADD(a_preset_may_limit_each_source_and_all_of_them);
	ADD(amplified_answers_are_limited);
	ADD(an_owner_of_the_pins_needs_no_root);
	return tap_run(&plan, "fw_cli", 1);
}
