/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain promises, on every engine that the running kernel accepts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/support/chainrun.h"
#include "tests/support/tap.h"

#define STAMP_COUNT_AT 14 /* right behind the Ethernet header */
#define STAMPS_AT 15

static const struct slot_engine *const engines[] = { &slot_engine_freplace, &slot_engine_fused };

/* Each case runs once per engine; the engine is the case's state. */
static const struct slot_engine *engine_of(void **state)
{
	const struct slot_engine *engine = *state;
	struct slot_reason why;

	if (engine->probe(&why)) {
		print_message("# SKIP engine %s: %s\n", engine->name, why.text);
		skip();
	}
	return engine;
}

static void start(struct chainrun *chain, void **state)
{
	chainrun_start(chain, engine_of(state));
}

static void add(struct chainrun *chain, unsigned int slot, const char *object, const char *settings)
{
	if (chainrun_add(chain, slot, object, settings))
		fail_msg("slot %u: %s", slot, chain->why.text);
}

static void build(struct chainrun *chain)
{
	if (chainrun_build(chain))
		fail_msg("%s", chain->why.text);
}

static void assert_verdict(struct chainrun *chain, unsigned int verdict)
{
	struct progrun run = chainrun_frame(chain);

	assert_int_equal(run.verdict, verdict);
}

static void an_empty_chain_passes_and_counts(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	start(&chain, state);
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.passed, 1);
	chainrun_end(&chain);
}

static void slots_run_in_the_order_of_their_numbers(void **state)
{
	static const unsigned int slots[] = { 19, 0, 7, 12, 2 };
	static const unsigned char order[] = { 0, 2, 7, 12, 19 };
	struct chainrun chain;
	struct progrun run;
	char settings[16];
	size_t i;

	start(&chain, state);
	for (i = 0; i < 5; i++) {
		snprintf(settings, sizeof(settings), "id=%u", slots[i]);
		add(&chain, slots[i], "stamp", settings);
	}
	build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], 5);
	assert_memory_equal(run.bytes + STAMPS_AT, order, 5);
	chainrun_end(&chain);
}

static void twenty_full_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct progrun run;
	char settings[16];
	unsigned int slot;

	start(&chain, state);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		snprintf(settings, sizeof(settings), "id=%u", slot);
		add(&chain, slot, "stamp", settings);
	}
	build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], ROOT_SLOTS);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(run.bytes[STAMPS_AT + slot], slot);
	counters = chainrun_counters(&chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[XDP_PASS], 1);
	chainrun_end(&chain);
}

static void every_verdict_but_pass_ends_the_chain_there(void **state)
{
	static const unsigned int verdicts[] = { XDP_ABORTED, XDP_DROP, XDP_TX, XDP_REDIRECT };
	size_t i;

	for (i = 0; i < 4; i++) {
		struct slot_counters counters;
		struct chainrun chain;
		struct progrun run;
		char settings[16];

		start(&chain, state);
		snprintf(settings, sizeof(settings), "verdict=%u", verdicts[i]);
		add(&chain, 1, "stamp", "id=1");
		add(&chain, 5, "ret", settings);
		add(&chain, 9, "stamp", "id=9");
		build(&chain);
		run = chainrun_frame(&chain);
		assert_int_equal(run.verdict, verdicts[i]);
		assert_int_equal(run.bytes[STAMP_COUNT_AT], 1);
		counters = chainrun_counters(&chain);
		assert_int_equal(counters.slots[1].verdicts[XDP_PASS], 1);
		assert_int_equal(counters.slots[5].seen, 1);
		assert_int_equal(counters.slots[5].verdicts[verdicts[i]], 1);
		assert_int_equal(counters.slots[9].seen, 0);
		assert_int_equal(counters.passed, 0);
		chainrun_end(&chain);
	}
}

static void continue_on_lets_other_verdicts_go_on(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct progrun run;

	start(&chain, state);
	add(&chain, 3, "stamp", "id=3 verdict=3");
	add(&chain, 4, "stamp", "id=4");
	chain.state.slots[3].rules.continue_on = 1U << XDP_PASS | 1U << XDP_TX;
	build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.bytes[STAMP_COUNT_AT], 2);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[3].verdicts[XDP_TX], 1);
	assert_int_equal(counters.slots[3].verdicts[XDP_PASS], 0);
	assert_int_equal(counters.slots[4].seen, 1);
	assert_int_equal(counters.passed, 1);
	chainrun_end(&chain);
}

static void without_pass_in_continue_on_a_pass_ends_the_chain(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 3, "ret", "verdict=2");
	add(&chain, 4, "ret", "verdict=1");
	chain.state.slots[3].rules.continue_on = 1U << XDP_DROP;
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[3].verdicts[XDP_PASS], 1);
	assert_int_equal(counters.slots[4].seen, 0);
	assert_int_equal(counters.passed, 0);
	chainrun_end(&chain);
}

/* The same forbidden verdict under each way to treat it. */
static void check_denied(void **state, const char *object, const char *settings, unsigned int allow,
			 unsigned int denied_as, unsigned int verdict, unsigned int seen_behind)
{
	struct slot_counters counters;
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 6, object, settings);
	add(&chain, 8, "stamp", "id=8");
	chain.state.slots[6].rules.allow = (__u8)allow;
	chain.state.slots[6].rules.denied_as = (__u8)denied_as;
	build(&chain);
	assert_verdict(&chain, verdict);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DENIED], 1);
	assert_int_equal(counters.slots[6].verdicts[XDP_PASS], 0);
	assert_int_equal(counters.slots[8].seen, seen_behind);
	assert_int_equal(counters.passed, seen_behind);
	chainrun_end(&chain);
}

static void a_verdict_outside_allow_aborts_by_default(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_ABORTED, XDP_ABORTED, 0);
}

static void a_verdict_outside_allow_drops_if_so_reserved(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_DROP, XDP_DROP, 0);
}

static void a_verdict_outside_allow_goes_on_if_so_reserved(void **state)
{
	check_denied(state, "ret", "verdict=3", 1U << XDP_PASS | 1U << XDP_DROP,
		     ROOT_DENIED_AS_PASS, XDP_PASS, 1);
}

static void what_is_no_verdict_is_denied(void **state)
{
	check_denied(state, "badverdict", NULL, ROOT_VERDICT_ALL, ROOT_DENIED_AS_ABORTED,
		     XDP_ABORTED, 0);
	check_denied(state, "ret", "verdict=-1", ROOT_VERDICT_ALL, ROOT_DENIED_AS_DROP, XDP_DROP,
		     0);
}

static void an_allowed_verdict_of_a_short_list_is_kept(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 6, "ret", "verdict=1");
	chain.state.slots[6].rules.allow = 1U << XDP_PASS | 1U << XDP_DROP;
	build(&chain);
	assert_verdict(&chain, XDP_DROP);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[6].verdicts[XDP_DROP], 1);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DENIED], 0);
	chainrun_end(&chain);
}

static void counters_add_up_over_many_packets(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	unsigned int i;

	start(&chain, state);
	add(&chain, 0, "stamp", "id=0");
	add(&chain, 2, "globals", "step=1"); /* passes three packets, then drops */
	add(&chain, 11, "stamp", "id=11");
	build(&chain);
	for (i = 0; i < 100; i++)
		chainrun_frame(&chain);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 100);
	assert_int_equal(counters.slots[0].verdicts[XDP_PASS], 100);
	assert_int_equal(counters.slots[2].seen, 100);
	assert_int_equal(counters.slots[2].verdicts[XDP_DROP], 97);
	assert_int_equal(counters.slots[2].verdicts[XDP_PASS], 3);
	assert_int_equal(counters.slots[11].seen, 3);
	assert_int_equal(counters.passed, 3);
	chainrun_end(&chain);
}

static void a_chain_without_counters_works_the_same(void **state)
{
	struct chainrun chain;
	int counters_fd;

	start(&chain, state);
	counters_fd = chain.build.counters_fd;
	chain.build.counters_fd = -1;
	add(&chain, 2, "stamp", "id=2 verdict=3");
	add(&chain, 3, "ret", "verdict=1");
	chain.state.slots[2].rules.continue_on |= 1U << XDP_TX;
	build(&chain);
	assert_verdict(&chain, XDP_DROP);
	chain.build.counters_fd = counters_fd;
	chainrun_end(&chain);
}

static void global_data_of_two_instances_stays_apart(void **state)
{
	struct chainrun chain;
	unsigned int i;

	start(&chain, state);
	add(&chain, 2, "globals", "step=1");
	add(&chain, 3, "globals", "step=3");
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	/* The second instance counts in threes: its limit is reached by the second packet. */
	for (i = 0; i < 3; i++)
		assert_verdict(&chain, XDP_DROP);
	assert_int_equal(chainrun_counters(&chain).slots[3].seen, 3);
	chainrun_end(&chain);
}

static void check_drops(void **state, const char *object, unsigned int verdict)
{
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 1, "stamp", "id=1");
	add(&chain, 4, object, NULL);
	add(&chain, 9, "stamp", "id=9");
	build(&chain);
	assert_verdict(&chain, verdict);
	chainrun_end(&chain);
}

static void tail_calls_work(void **state)
{
	check_drops(state, "tailcall", XDP_DROP);
}

static void subprograms_work(void **state)
{
	check_drops(state, "subprogs", XDP_PASS);
}

static void callbacks_work(void **state)
{
	/* The bytes of the test frame's header add up to an odd number or not; ask the program alone. */
	struct chainrun chain;
	struct progrun run;
	unsigned int sum = 0;
	unsigned int i;

	start(&chain, state);
	add(&chain, 4, "loop", NULL);
	build(&chain);
	run = chainrun_frame(&chain);
	for (i = 0; i < 14; i++)
		sum += run.bytes[i];
	assert_int_equal(run.verdict, sum & 1 ? XDP_DROP : XDP_PASS);
	chainrun_end(&chain);
}

static void objects_written_for_freplace_work(void **state)
{
	check_drops(state, "freplace", XDP_DROP);
}

static void per_cpu_and_lru_maps_work(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 4, "hashes", NULL);
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	assert_verdict(&chain, XDP_PASS);
	assert_verdict(&chain, XDP_DROP);
	chainrun_end(&chain);
}

static void ring_buffers_work(void **state)
{
	check_drops(state, "ringbuf", XDP_PASS);
}

static void a_later_slot_sees_the_packet_as_an_earlier_one_left_it(void **state)
{
	struct chainrun chain;
	struct progrun run;

	start(&chain, state);
	add(&chain, 4, "head", NULL);
	add(&chain, 5, "stamp", "id=5");
	build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.len, 60 - 4);
	assert_int_equal(run.bytes[STAMPS_AT], 5);
	chainrun_end(&chain);
}

static void a_chain_of_frags_programs_takes_frags(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 4, "frags", NULL);
	assert_true(chain.build.has_frags);
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	chainrun_end(&chain);
}

static void a_frags_program_runs_in_a_chain_without(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 4, "frags", NULL);
	add(&chain, 5, "ret", "verdict=1");
	assert_false(chain.build.has_frags);
	build(&chain);
	assert_verdict(&chain, XDP_DROP);
	chainrun_end(&chain);
}

static void a_program_of_another_licence_runs(void **state)
{
	check_drops(state, "proprietary", XDP_PASS);
}

static void what_the_verifier_rejects_is_refused_with_its_words(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	add(&chain, 4, "toolong", NULL);
	assert_int_not_equal(chainrun_build(&chain), 0);
	assert_non_null(strstr(chain.why.text, "verifier rejected it"));
	assert_non_null(strstr(chain.why.text, "invalid access to packet"));
	chainrun_end(&chain);
}

static void an_object_of_another_type_is_refused(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	assert_int_equal(chainrun_add(&chain, 4, "classifier", NULL), -EINVAL);
	assert_non_null(strstr(chain.why.text, "has no XDP program"));
	chainrun_end(&chain);
}

static void an_object_with_several_programs_must_name_one(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	assert_int_equal(chainrun_add(&chain, 4, "several", NULL), -EINVAL);
	assert_non_null(strstr(chain.why.text, "several_pass, several_drop"));
	chainrun_end(&chain);
}

static void an_unknown_setting_is_refused_with_the_known_ones(void **state)
{
	struct chainrun chain;

	start(&chain, state);
	assert_int_equal(chainrun_add(&chain, 4, "stamp", "colour=red"), -ENOENT);
	assert_non_null(strstr(chain.why.text, "id, verdict"));
	assert_int_equal(chainrun_add(&chain, 5, "stamp", "id=256"), -EINVAL);
	chainrun_end(&chain);
}

/* A program that is loaded is linked into a second root as it is. */
static void a_loaded_program_is_linked_again_and_keeps_its_data(void **state)
{
	struct chainrun chain;
	struct chainrun next;

	start(&chain, state);
	start(&next, state);
	add(&chain, 2, "globals", "step=1");
	build(&chain);
	assert_verdict(&chain, XDP_PASS);
	assert_verdict(&chain, XDP_PASS);

	next.build.programs[2] = chain.build.programs[2];
	next.build.has_frags = chain.build.has_frags;
	next.state = chain.state;
	add(&next, 7, "stamp", "id=7");
	build(&next);
	assert_verdict(&next, XDP_PASS);
	assert_verdict(&next, XDP_DROP); /* the fourth packet of one count */
	assert_verdict(&chain, XDP_DROP);

	next.build.programs[2] = NULL;
	chainrun_end(&next);
	chainrun_end(&chain);
}

struct chain_case {
	const char *name;
	void (*run)(void **state);
};

#define CASE(fn) { #fn, fn }

static const struct chain_case cases[] = {
	CASE(an_empty_chain_passes_and_counts),
	CASE(slots_run_in_the_order_of_their_numbers),
	CASE(twenty_full_slots_all_run),
	CASE(every_verdict_but_pass_ends_the_chain_there),
	CASE(continue_on_lets_other_verdicts_go_on),
	CASE(without_pass_in_continue_on_a_pass_ends_the_chain),
	CASE(a_verdict_outside_allow_aborts_by_default),
	CASE(a_verdict_outside_allow_drops_if_so_reserved),
	CASE(a_verdict_outside_allow_goes_on_if_so_reserved),
	CASE(what_is_no_verdict_is_denied),
	CASE(an_allowed_verdict_of_a_short_list_is_kept),
	CASE(counters_add_up_over_many_packets),
	CASE(a_chain_without_counters_works_the_same),
	CASE(global_data_of_two_instances_stays_apart),
	CASE(tail_calls_work),
	CASE(subprograms_work),
	CASE(callbacks_work),
	CASE(objects_written_for_freplace_work),
	CASE(per_cpu_and_lru_maps_work),
	CASE(ring_buffers_work),
	CASE(a_later_slot_sees_the_packet_as_an_earlier_one_left_it),
	CASE(a_chain_of_frags_programs_takes_frags),
	CASE(a_frags_program_runs_in_a_chain_without),
	CASE(a_program_of_another_licence_runs),
	CASE(what_the_verifier_rejects_is_refused_with_its_words),
	CASE(an_object_of_another_type_is_refused),
	CASE(an_object_with_several_programs_must_name_one),
	CASE(an_unknown_setting_is_refused_with_the_known_ones),
	CASE(a_loaded_program_is_linked_again_and_keeps_its_data),
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* A case on an engine: a row of the plan. */
struct row {
	const char *name;
	const struct chain_case *chain_case;
	const struct slot_engine *engine;
};

static void run_row(void **state)
{
	const struct row *row = *state;
	void *engine = (void *)row->engine;

	row->chain_case->run(&engine);
}

int main(void)
{
	static struct row rows[CASES * 2];
	static char names[CASES * 2][128];
	struct tap_plan plan = { 0 };
	size_t i;

	for (i = 0; i < CASES * 2; i++) {
		rows[i] = (struct row){
			.name = names[i],
			.chain_case = &cases[i % CASES],
			.engine = engines[i / CASES],
		};
		snprintf(names[i], sizeof(names[i]), "%s: %s", rows[i].engine->name,
			 rows[i].chain_case->name);
	}
	TAP_ADD_TABLE(&plan, run_row, rows);
	return tap_run(&plan, "chain", 1);
}
