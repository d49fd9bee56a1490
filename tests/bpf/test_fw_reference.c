/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rulesets, as texts, and frames at random, sound and spoiled: the program's verdict, and the
 * rule that it counts, are those of the reference, which reads frames and asks rules by itself.
 * SLOTD_FAULTS=all compares two million frames.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/draw.h"
#include "tests/support/fw_case.h"
#include "tests/support/fw_draw.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define RULES_MAX 2000
/* BPF_PROG_TEST_RUN takes what it is given for packets of lo. */
#define IFINDEX 1

struct row {
	const char *name;
	void (*draw_rule)(struct fw_draw *draw, struct fw_reference_rule *ret_rule);
	size_t rules;
	bool is_policy_accept;
	bool is_spoiled;
	int frames;
	bool goes_out;
};

struct ruleset {
	struct fw_reference_rule rules[RULES_MAX];
	size_t count;
	char text[64 + RULES_MAX * FW_DRAW_LINE_MAX];
};

static void draw_ruleset(struct fw_draw *draw, const struct row *row, struct ruleset *set)
{
	static const char *const interfaces[] = { NULL, "here0", "there0" };
	char *at = set->text;
	size_t i;

	at += sprintf(at, "policy %s\n", row->is_policy_accept ? "accept" : "drop");
	set->count = row->rules;
	for (i = 0; i < set->count; i++) {
		row->draw_rule(draw, &set->rules[i]);
		fw_draw_print(&set->rules[i], interfaces, at);
		at += strlen(at);
	}
}

static void load_ruleset(struct bpf_object *object, const struct ruleset *set)
{
	static const struct fw_case_interface interfaces[] = { { "here0", IFINDEX },
							       { "there0", IFINDEX + 1 },
							       {} };

	fw_case_text(object, set->text, interfaces);
}

/* What rule @number is in words. */
static void dump_rule(const struct ruleset *set, long number)
{
	const char *at = strchr(set->text, '\n') + 1;

	while (number-- > 0)
		at = strchr(at, '\n') + 1;
	print_error("%.*s\n", (int)strcspn(at, "\n"), at);
}

static void dump_frame(const uint8_t *frame, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		print_error("%02x", frame[i]);
	print_error("\n");
}

static __u32 get_wanted(const struct row *row, enum fw_reference_verdict verdict)
{
	if (row->goes_out)
		return verdict == FW_REFERENCE_PASS ? (__u32)TC_ACT_UNSPEC : TC_ACT_SHOT;
	return verdict == FW_REFERENCE_PASS ? XDP_PASS : XDP_DROP;
}

/* Returns the rule that decided, or -1. */
static long compare_frame(struct fw_draw *draw, const struct row *row, const struct ruleset *set,
			  int prog_fd)
{
	const struct fw_reference_rule *about =
		&set->rules[fw_draw_below(draw, (uint32_t)set->count)];
	uint8_t frame[FW_DRAW_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame);
	enum fw_reference_verdict wanted;
	long rule;

	run.data_size_in = (__u32)fw_draw_frame(draw, about, row->is_spoiled, frame);
	wanted = fw_reference_judge(set->rules, set->count, row->is_policy_accept, frame,
				    run.data_size_in, IFINDEX, &rule);
	/* What has no whole IP header the kernel does not run as a packet that goes out. */
	if (bpf_prog_test_run_opts(prog_fd, &run) == -EINVAL && row->goes_out)
		return -1;
	if (run.retval == get_wanted(row, wanted))
		return rule;
	dump_frame(frame, run.data_size_in);
	if (rule >= 0)
		dump_rule(set, rule);
	fail_msg("rule %ld by the reference: verdict %u", rule, run.retval);
	return -1;
}

/* The rules that decided, each as often as the reference says. */
static void compare_hits(struct bpf_object *object, const struct ruleset *set,
			 const unsigned long *wanted)
{
	__u64 packets, bytes;
	__u32 i;

	for (i = 0; i < set->count; i++) {
		fw_case_hits(object, i, &packets, &bytes);
		if (packets != wanted[i])
			fail_msg("rule %u: %llu packets counted, wanted %lu", i, packets,
				 wanted[i]);
		assert_true(packets ? bytes >= packets * 14 : !bytes);
	}
}

static void judges_as_the_reference(void **state)
{
	static struct ruleset set;
	static unsigned long wanted[RULES_MAX];
	const struct row *row = *state;
	struct fw_draw draw = { .seed = draw_seed(row->rules * 2 + row->is_spoiled) };
	struct bpf_object *object = row->goes_out ? fw_case_open_egress(4 * RULES_MAX) :
						    fw_case_open(4 * RULES_MAX);
	int prog_fd = progrun_fd(object, row->goes_out ? "fw_egress" : "firewall");
	int i, round, decided = 0;
	int rounds = fw_case_scale(16) * 2, frames = row->frames * fw_case_scale(26) / rounds;
	long rule;

	for (round = 0; round < rounds; round++) {
		memset(wanted, 0, sizeof(wanted));
		draw_ruleset(&draw, row, &set);
		load_ruleset(object, &set);
		for (i = 0; i < frames; i++) {
			rule = compare_frame(&draw, row, &set, prog_fd);
			if (rule >= 0)
				wanted[rule]++;
			decided += rule >= 0;
		}
		compare_hits(object, &set, wanted);
	}
	/* Neither all nor nothing matched, or little was compared. */
	assert_in_range(decided, rounds * frames / 10, rounds * frames * 9 / 10);
	bpf_object__close(object);
}

static const struct row rows[] = {
	{ "one_rule", fw_draw_rule, 1, true, false, 4000, false },
	{ "ten_rules", fw_draw_rule, 10, false, false, 8000, false },
	{ "a_hundred_rules", fw_draw_rule, 100, true, false, 8000, false },
	{ "two_thousand_rules", fw_draw_rule, 2000, false, false, 8000, false },
	{ "ranges_with_a_common_start", fw_draw_range_rule, 60, true, false, 16000, false },
	{ "spoiled_frames_and_ten_rules", fw_draw_rule, 10, true, true, 8000, false },
	{ "spoiled_frames_and_a_thousand_rules", fw_draw_rule, 1000, false, true, 8000, false },
	{ "ten_rules_of_what_goes_out", fw_draw_rule, 10, true, false, 8000, true },
	{ "a_thousand_rules_of_what_goes_out", fw_draw_rule, 1000, false, false, 8000, true },
	{ "spoiled_frames_that_go_out", fw_draw_rule, 10, true, true, 8000, true },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, judges_as_the_reference, rows);
	return tap_run(&plan, "fw_reference", 1);
}
