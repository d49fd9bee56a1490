/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rulesets and packets at random: the program's answer is that of asking every rule in
 * turn. SLOTD_FAULTS=all compares a million packets.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/draw.h"
#include "tests/support/fw_case.h"
#include "tests/support/fw_entries.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

struct row {
	const char *name;
	size_t count;
	unsigned int words;
	__u32 networks;
	int packets;
};

static void load_rules(struct bpf_object *object, const struct fw_entries *entries)
{
	struct fw_case_rules rules = { .policy = FW_DROP, .rules = (__u32)entries->count };

	if (entries->words == FW_WORDS4) {
		rules.entries4 = entries->items;
		rules.count4 = entries->count;
	} else {
		rules.entries6 = entries->items;
		rules.count6 = entries->count;
	}
	fw_case_load(object, &rules);
}

static void compare_packet(struct fw_entries *entries, int prog_fd, int *found)
{
	const struct fw_entry *entry = &entries->items[fw_entries_draw(entries) % entries->count];
	LIBBPF_OPTS(bpf_test_run_opts, run);
	unsigned char frame[FW_ENTRIES_FRAME_MAX];
	__u64 key[FW_WORDS6];
	__u32 wanted = XDP_DROP;
	long rule;

	fw_entries_key(entries, entry, fw_entries_draw(entries) % 4, key);
	run.data_size_in = (__u32)fw_entries_frame(entries, key, frame);
	run.data_in = frame;
	rule = fw_entries_find(entries, key);
	if (rule >= 0 && entries->items[rule].answer == FW_ACCEPT)
		wanted = XDP_PASS;
	*found += rule >= 0;
	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &run), 0);
	if (run.retval != wanted)
		fail_msg("rule %ld: verdict %u, wanted %u", rule, run.retval, wanted);
}

static void answers_as_asking_every_rule(void **state)
{
	const struct row *row = *state;
	struct bpf_object *object = fw_case_open(row->count);
	struct fw_entries entries = {
		.seed = draw_seed(row->count * 8 + row->words),
		.words = row->words,
		.networks = row->networks,
	};
	int i, round, prog_fd, found = 0, packets = row->packets * fw_case_scale(24);

	prog_fd = progrun_fd(object, "firewall");
	/* Each round is another ruleset, in the other bank. */
	for (round = 0; round < 3; round++) {
		fw_entries_make(&entries, row->count);
		load_rules(object, &entries);
		for (i = 0; i < packets / 3; i++)
			compare_packet(&entries, prog_fd, &found);
		fw_entries_free(&entries);
	}
	assert_in_range(found, packets / 4, packets);
	bpf_object__close(object);
}

static const struct row rows[] = {
	{ "answers_by_ten_rules", 10, FW_WORDS4, 4096, 6000 },
	{ "answers_by_ten_rules_of_ip6", 10, FW_WORDS6, 4096, 6000 },
	{ "answers_by_a_thousand_rules", 1000, FW_WORDS4, 4096, 12000 },
	{ "answers_by_a_thousand_rules_of_few_networks", 1000, FW_WORDS6, 16, 12000 },
	{ "answers_by_ten_thousand_rules", 10000, FW_WORDS4, 4096, 6000 },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, answers_as_asking_every_rule, rows);
	return tap_run(&plan, "fw_random", 1);
}
