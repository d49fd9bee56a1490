/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain of TC programs promises: the same as one of XDP programs, in TC's numbers. */
#include <errno.h>
#include <stdio.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "bpf/skip_abi.h"
#include "tests/support/chaincase.h"

static void start(struct chainrun *chain)
{
	chainrun_start(chain, &slot_engines_fused[ROOT_KIND_TC]);
}

static void add(struct chainrun *chain, unsigned int slot, int answer)
{
	char settings[32];

	snprintf(settings, sizeof(settings), "answer=%d", answer);
	assert_int_equal(chainrun_add(chain, slot, "tc_ret", settings), 0);
}

static void build(struct chainrun *chain)
{
	assert_int_equal(chainrun_build(chain), 0);
}

static void assert_answer(struct chainrun *chain, int answer)
{
	assert_int_equal((int)chainrun_frame(chain).verdict, answer);
}

struct answer_case {
	const char *name;
	int answer; /* of the slot */
	int leaves; /* with this the packet leaves the chain */
	enum root_column column;
};

static const struct answer_case answers[] = {
	{ "ok_is_a_pass", TC_ACT_OK, TC_ACT_UNSPEC, ROOT_COL_PASS },
	{ "unspec_is_a_pass", TC_ACT_UNSPEC, TC_ACT_UNSPEC, ROOT_COL_PASS },
	{ "pipe_is_a_pass", TC_ACT_PIPE, TC_ACT_UNSPEC, ROOT_COL_PASS },
	{ "shot_is_a_drop", TC_ACT_SHOT, TC_ACT_SHOT, ROOT_COL_DROP },
	{ "redirect_is_a_redirect", TC_ACT_REDIRECT, TC_ACT_REDIRECT, ROOT_COL_REDIRECT },
	{ "reclassify_is_denied", TC_ACT_RECLASSIFY, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "queued_is_denied", TC_ACT_QUEUED, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "stolen_is_denied", TC_ACT_STOLEN, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "repeat_is_denied", TC_ACT_REPEAT, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "trap_is_denied", TC_ACT_TRAP, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "no_answer_of_tc_is_denied", 255, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "a_negative_number_is_denied", -2, TC_ACT_SHOT, ROOT_COL_DENIED },
	{ "a_skip_without_a_grant_is_denied", SLOT_SKIP_TO(9), TC_ACT_SHOT, ROOT_COL_DENIED },
};

static void run_answer(void **state)
{
	const struct answer_case *c = *state;
	struct slot_counters counters;
	struct chainrun chain;

	start(&chain);
	add(&chain, 4, c->answer);
	build(&chain);
	assert_answer(&chain, c->leaves);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 1);
	assert_int_equal(counters.slots[4].verdicts[c->column], 1);
	assert_int_equal(counters.passed, c->column == ROOT_COL_PASS);
	chainrun_end(&chain);
}

static void an_empty_chain_lets_others_go_on(void **state)
{
	struct chainrun chain;

	(void)state;
	start(&chain);
	build(&chain);
	assert_answer(&chain, TC_ACT_UNSPEC);
	chainrun_end(&chain);
}

static void the_first_drop_ends_the_chain(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, TC_ACT_OK);
	add(&chain, 7, TC_ACT_SHOT);
	add(&chain, 9, TC_ACT_REDIRECT);
	build(&chain);
	assert_answer(&chain, TC_ACT_SHOT);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[2].seen, 1);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_DROP], 1);
	assert_int_equal(counters.slots[9].seen, 0);
	chainrun_end(&chain);
}

static void what_may_not_be_returned_meets_denied_as(void **state)
{
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, TC_ACT_SHOT);
	add(&chain, 3, TC_ACT_REDIRECT);
	chain.state.slots[2].rules.allow = 1U << ROOT_COL_PASS;
	chain.state.slots[2].rules.denied_as = ROOT_DENIED_AS_PASS;
	build(&chain);
	assert_answer(&chain, TC_ACT_REDIRECT);
	chainrun_end(&chain);
}

static void the_chain_goes_on_after_what_continue_on_names(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, TC_ACT_REDIRECT);
	add(&chain, 3, TC_ACT_OK);
	chain.state.slots[2].rules.continue_on = 1U << ROOT_COL_REDIRECT;
	chain.state.slots[3].rules.continue_on = 0;
	build(&chain);
	assert_answer(&chain, TC_ACT_UNSPEC);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_REDIRECT], 1);
	assert_int_equal(counters.slots[3].verdicts[ROOT_COL_PASS], 1);
	chainrun_end(&chain);
}

static void a_skip_leaves_out_slots(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, SLOT_SKIP_TO(5));
	add(&chain, 5, TC_ACT_SHOT);
	add(&chain, 9, TC_ACT_REDIRECT);
	chain.state.slots[2].rules.allow |= ROOT_ALLOW_SKIP;
	build(&chain);
	assert_answer(&chain, TC_ACT_REDIRECT);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[5].seen, 0);
	assert_int_equal(counters.slots[9].seen, 1);
	chainrun_end(&chain);
}

static void a_canary_is_chosen_by_cpu(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, TC_ACT_OK);
	assert_int_equal(chainrun_add_canary(&chain, 2, "tc_ret", "answer=2"), 0);
	chain.state.slots[2].canary.share_ppm = 0;
	chain.state.slots[2].canary.cpus = ~0ULL;
	build(&chain);
	assert_answer(&chain, TC_ACT_SHOT);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], 1);
	chainrun_end(&chain);
}

static void a_canary_by_flow_is_refused(void **state)
{
	struct chainrun chain;

	(void)state;
	start(&chain);
	add(&chain, 2, TC_ACT_OK);
	assert_int_equal(chainrun_add_canary(&chain, 2, "tc_ret", "answer=2"), 0);
	assert_int_equal(chainrun_build(&chain), -EINVAL);
	chainrun_end(&chain);
}

static void twenty_slots_all_run(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	unsigned int slot;

	(void)state;
	start(&chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		add(&chain, slot, slot % 2 ? TC_ACT_OK : TC_ACT_UNSPEC);
	build(&chain);
	assert_answer(&chain, TC_ACT_UNSPEC);
	counters = chainrun_counters(&chain);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[ROOT_COL_PASS], 1);
	chainrun_end(&chain);
}

static void a_program_is_for_the_hook_that_it_names(void **state)
{
	static const struct slot_settings none;
	struct slot_program *program = NULL;
	struct slot_blob blob;
	struct slot_reason why;

	(void)state;
	assert_int_equal(slot_blob_read("build/bpf/lb_hc.bpf.o", &why, &blob), 0);
	assert_int_equal(slot_program_open(&blob, "", &none, &why, &program), 0);
	slot_blob_free(&blob);
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_TC_EGRESS, &why), 0);
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_TC_INGRESS, &why), -EINVAL);
	assert_string_equal(why.text,
			    "'lb_hc' is for the hook tc-egress, and this is a chain of the hook "
			    "tc-ingress");
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_XDP, &why), -EINVAL);
	assert_string_equal(why.text,
			    "'lb_hc' is a program of TC, and this is a chain of the hook xdp");
	slot_program_free(program);
}

#define ADD(test) TAP_ADD(&plan, test, NULL, NULL)

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, run_answer, answers);
	ADD(an_empty_chain_lets_others_go_on);
	ADD(the_first_drop_ends_the_chain);
	ADD(what_may_not_be_returned_meets_denied_as);
	ADD(the_chain_goes_on_after_what_continue_on_names);
	ADD(a_skip_leaves_out_slots);
	ADD(a_canary_is_chosen_by_cpu);
	ADD(a_canary_by_flow_is_refused);
	ADD(twenty_slots_all_run);
	ADD(a_program_is_for_the_hook_that_it_names);
	return tap_run(&plan, "chain_tc", 1);
}
