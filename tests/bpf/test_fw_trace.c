/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slotctl firewall trace says what the program does: on rulesets and frames at random, with
 * lists, settings and flows, and in cases of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "bpf/fw_flow_abi.h"
#include "programs/firewall/fw_abi.h"
#include "tests/support/firewall_case.h"
#include "tests/support/fw_bed.h"
#include "tests/support/fw_draw.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define RULES 40
#define RULESETS 8
#define FRAMES 60
/* BPF_PROG_TEST_RUN takes what it is given for packets of lo. */
#define IFINDEX 1

static char line[64 + 2 * FW_DRAW_FRAME_MAX];
static char text[64 + RULES * FW_DRAW_LINE_MAX];

struct row {
	const char *name;
	const char *policy;
	bool is_spoiled;
	struct firewall_config config;
	const struct fw_bed_setting *settings; /* what config is, in words */
};

/* Rules that name an interface name this one. */
static void load_rules(struct fw_draw *draw, const struct row *row,
		       struct fw_reference_rule rules[RULES])
{
	static const char *const interfaces[] = { NULL, "lo" };
	char *at = text;
	int i;

	at += sprintf(at, "policy %s\n", row->policy);
	for (i = 0; i < RULES; i++) {
		fw_draw_rule(draw, &rules[i]);
		if (rules[i].ifindex)
			rules[i].ifindex = IFINDEX;
		fw_draw_print(&rules[i], interfaces, at);
		at += strlen(at);
	}
	fw_bed_load(text);
}

static void write_line(const uint8_t *frame, size_t len)
{
	char *at = line + sprintf(line, "trace ");
	size_t i;

	for (i = 0; i < len; i++)
		at += sprintf(at, "%02x", frame[i]);
	sprintf(at, " iifname lo");
}

/* Returns whether it passed. */
static bool compare(struct fw_draw *draw, const struct fw_reference_rule *about, bool is_spoiled)
{
	uint8_t frame[FW_DRAW_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame);
	const char *verdict;
	json_t *root;

	run.data_size_in = (__u32)fw_draw_frame(draw, about, is_spoiled, frame);
	assert_int_equal(bpf_prog_test_run_opts(progrun_fd(fw_bed.object, "firewall"), &run), 0);
	write_line(frame, run.data_size_in);
	assert_int_equal(program_bed_run_json(&fw_bed, line), PROGRAM_OK);
	root = json_loads(fw_bed.out, 0, NULL);
	verdict = json_string_value(json_object_get(root, "verdict"));
	assert_non_null(verdict);
	if (strcmp(verdict, run.retval == XDP_PASS ? "accept" : "drop") != 0)
		fail_msg("%s\nverdict %u, trace: %s", line, run.retval, fw_bed.out);
	json_decref(root);
	return run.retval == XDP_PASS;
}

/* As fw_bed_set_up(), of a firewall with the row's settings. */
static void open_bed(const struct row *row)
{
	struct firewall_config config = row->config;

	config.rules_max = FW_RULES_DEFAULT;
	config.limited_sources_max = FW_SOURCES_DEFAULT;
	fw_bed_open(&config);
	fw_bed_settings = row->settings;
}

static void trace_says_what_the_program_does(void **state)
{
	static struct fw_reference_rule rules[RULES];
	const struct row *row = *state;
	struct fw_draw draw = { .seed = strlen(row->name) * 7919 + 1 };
	int i, round, passed = 0;

	open_bed(row);
	program_bed_assert_runs(&fw_bed, "deny add 198.51.100.0/30 2001:db8:0:100::/56",
				"2 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&fw_bed, "allow add tcp/443 udp/53",
				"2 added, 0 moved to another list, 0 deleted\n");
	for (round = 0; round < RULESETS; round++) {
		load_rules(&draw, row, rules);
		for (i = 0; i < FRAMES; i++)
			passed += compare(&draw, &rules[fw_draw_below(&draw, RULES)],
					  row->is_spoiled);
	}
	assert_in_range(passed, RULESETS * FRAMES / 20, RULESETS * FRAMES * 19 / 20);
	fw_bed_tear_down(state);
}

static const struct fw_bed_setting no_settings[] = { {} };
static const struct fw_bed_setting denying[] = { { "default_deny", "true" },
						 { "drop_fragments", "yes" },
						 {} };
static const struct fw_bed_setting static_port[] = { { "static_deny_port", "80" },
						     { "static_deny_proto", "6" },
						     {} };

static const struct row rows[] = {
	{ "policy_accept", "accept", false, {}, no_settings },
	{ "policy_drop_and_spoiled_frames", "drop", true, {}, no_settings },
	{ "settings_that_deny",
	  "default",
	  false,
	  { .default_deny = true, .drop_fragments = true },
	  denying },
	{ "settings_that_deny_a_port",
	  "default",
	  false,
	  { .static_deny_port = 80, .static_deny_proto = 6 },
	  static_port },
};

/* A map of flows, with one of TCP from 203.0.113.7:80 to 192.0.2.1:40000, seen @age_s ago. */
static int turn_on_replies(unsigned int age_s)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct fw_flow flow = {
		.addr[0] = 0xcb007107c0000201,
		.ports = 80 << 16 | 40000,
		.proto = 6,
	};
	struct timespec now;
	__u32 zero = 0;
	__u64 seen;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seen = (__u64)(now.tv_sec - age_s) * 1000000000 + (__u64)now.tv_nsec;
	fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, FW_FLOWS_NAME, sizeof(flow), sizeof(seen),
			    FW_FLOWS_DEFAULT, &opts);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &flow, &seen, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(bpf_object__find_map_fd_by_name(fw_bed.object,
									     FIREWALL_REPLIES_NAME),
					     &zero, &fd, BPF_ANY),
			 0);
	return fd;
}

#define REPLY "trace ip saddr 203.0.113.7 ip daddr 192.0.2.1 tcp sport 80 tcp dport 40000"

static void replies_pass_where_the_default_would_drop(void **state)
{
	int flows;

	(void)state;
	fw_bed_load("policy drop\n");
	program_bed_assert_runs(&fw_bed, REPLY, "drop: no rule matches\n");
	flows = turn_on_replies(10);
	program_bed_assert_runs(&fw_bed, REPLY, "accept: a reply to what the host has sent\n");
	program_bed_assert_runs(&fw_bed,
				"trace ip saddr 203.0.113.7 ip daddr 192.0.2.1 tcp sport 80 tcp "
				"dport 40001",
				"drop: no rule matches\n");
	program_bed_assert_runs(&fw_bed, "trace icmp type destination-unreachable",
				"drop: no rule matches; an error about what the host has sent "
				"passes\n");
	close(flows);
	flows = turn_on_replies(4000);
	program_bed_assert_runs(&fw_bed, REPLY, "drop: no rule matches\n");
	close(flows);
}

static void replies_meet_no_guard(void **state)
{
	int flows;

	(void)state;
	fw_bed_load("policy accept\npreset syn-flood 1/hour\n");
	flows = turn_on_replies(10);
	program_bed_assert_runs(
		&fw_bed, REPLY " tcp flags syn",
		"preset 1 (line 2) limits what passes: preset syn-flood 1/hour burst 5 "
		"packets\naccept: no rule matches; it is a reply to what the host has "
		"sent, which presets do not limit\n");
	close(flows);
}

static void without_slotd_settings_are_not_known(void **state)
{
	(void)state;
	fw_bed.slot = NULL;
	fw_bed_load("policy accept\n");
	program_bed_assert_runs(&fw_bed, "trace tcp dport 80",
				"accept: no rule matches; unless static_deny_port of the slot's "
				"settings denies it\n");
	program_bed_assert_runs(&fw_bed, "trace meta l4proto udp frag later",
				"accept: no rule matches; unless drop_fragments of the slot's "
				"settings drops it\n");
}

static void a_frame_is_taken_as_samples_print_it(void **state)
{
	char *sample;

	(void)state;
	fw_bed_load("tcp dport 80 sample 1/1 drop\n");
	fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN));
	assert_int_equal(program_bed_run(&fw_bed, "samples"), PROGRAM_OK);
	sample = strstr(fw_bed.out, "55 bytes ");
	assert_non_null(sample);
	snprintf(line, sizeof(line), "trace %.*s", (int)strcspn(sample, "\n"), sample);
	program_bed_assert_runs(&fw_bed, line,
				"rule 1 (line 1) matches: tcp dport 80 sample 1/1 drop\n"
				"drop: the first rule that matches\n");
	program_bed_assert_fails(&fw_bed, "trace 1500 bytes 0202020202020202020202020800450005dc",
				 "18 bytes of the frame do not reach to the end of its headers\n");
	program_bed_assert_runs(&fw_bed, "trace 0202020202020202020202020800450005dc",
				"drop: version, header length or total length of IPv4 is wrong\n");
	program_bed_assert_runs(&fw_bed, "trace 0202020202020202020202020806",
				"accept: it is neither IPv4 nor IPv6\n");
	program_bed_assert_fails(&fw_bed, "trace 02020202020202020202020208000 iifname lo",
				 "'02020202020202020202020208000': expected a frame in hexadecimal "
				 "digits, of at most 65535 bytes\n");
}

/* An interface that has been made anew since. */
static __u32 ifindex_now = IFINDEX;

static int find_changed(const struct program_slot *slot, const char *name, struct slot_reason *why,
			__u32 *ret_ifindex)
{
	(void)slot;
	(void)why;
	assert_string_equal(name, "eth0");
	*ret_ifindex = ifindex_now;
	return 0;
}

static void an_interface_made_anew_is_told(void **state)
{
	const struct program_slot slot = { .setting = fw_bed.slot->setting,
					   .find_interface = find_changed };

	(void)state;
	fw_bed.slot = &slot;
	ifindex_now = IFINDEX;
	fw_bed_load("iifname eth0 drop\n");
	assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_DROP);
	program_bed_assert_runs(&fw_bed, "show", "iifname eth0 drop\n");
	program_bed_assert_runs(&fw_bed, "trace iifname eth0",
				"rule 1 (line 1) matches: iifname \"eth0\" drop\n"
				"drop: the first rule that matches\n");
	ifindex_now = 77;
	assert_int_equal(program_bed_run(&fw_bed, "show"), PROGRAM_OK);
	program_bed_assert_said(
		&fw_bed, "iifname eth0 drop\n",
		"iifname \"eth0\" is interface 1 to the rules in force, and it is 77 "
		"now: no packet meets its rules until they are loaded again\n");
	program_bed_assert_runs(&fw_bed, "trace iifname eth0",
				"rule 1 (line 1) differs in iifname: iifname \"eth0\" drop\n"
				"accept: no rule matches\n");
	assert_int_equal(program_bed_run_json(&fw_bed, "show"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "\"stale\": true"));
}

#define ADD(fn) TAP_ADD(&plan, fn, fw_bed_set_up, fw_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, trace_says_what_the_program_does, rows);
	ADD(replies_pass_where_the_default_would_drop);
	ADD(replies_meet_no_guard);
	ADD(without_slotd_settings_are_not_known);
	ADD(a_frame_is_taken_as_samples_print_it);
	ADD(an_interface_made_anew_is_told);
	return tap_run(&plan, "fw_trace", 1);
}
