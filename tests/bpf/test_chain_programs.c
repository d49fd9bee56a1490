/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs may do in a chain, on every engine that the running kernel accepts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "tests/support/chaincase.h"

#define STAMPS_AT 15 /* behind the Ethernet header and the number of stamps */

static void global_data_of_two_instances_stays_apart(void **state)
{
	struct chainrun chain;
	unsigned int i;

	chain_start(&chain, state);
	chain_add(&chain, 2, "globals", "step=1");
	chain_add(&chain, 3, "globals", "step=3");
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	/* The second instance counts in threes: its limit is reached by the second packet. */
	for (i = 0; i < 3; i++)
		chain_assert_verdict(&chain, XDP_DROP);
	assert_int_equal(chainrun_counters(&chain).slots[3].seen, 3);
	chainrun_end(&chain);
}

static void check_drops(void **state, const char *object, unsigned int verdict)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 1, "stamp", "id=1");
	chain_add(&chain, 4, object, NULL);
	chain_add(&chain, 9, "stamp", "id=9");
	chain_build(&chain);
	chain_assert_verdict(&chain, verdict);
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

/* Instructions that the verifier walked for the program @fd. */
static unsigned int verified_insns(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_prog_get_info_by_fd(fd, &info, &len), 0);
	return info.verified_insns;
}

/* What walks.bpf.c answers to the test frame. */
static unsigned int walks_verdict(const struct progrun *run)
{
	unsigned int odd = 0;
	unsigned int i;

	for (i = 1; i < 6; i++)
		odd ^= run->bytes[i] & 1;
	return odd ? XDP_DROP : XDP_PASS;
}

/* Of one program twice, of a canary, and of one that lost a function to the verifier. */
static void global_functions_of_a_chain_are_verified_once(void **state)
{
	struct chainrun chain;
	unsigned int alone;
	struct progrun run;

	chain_start(&chain, state);
	chain_add(&chain, 1, "walks", "is_kept=1");
	chain_add(&chain, 2, "subprogs", NULL);
	chain_add(&chain, 4, "walks", "is_kept=1");
	chain_add_canary(&chain, 4, "walks", "is_kept=1");
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, walks_verdict(&run));
	alone = verified_insns(chain.build.programs[1]->fd);
	assert_in_range(verified_insns(chain.root_fd), 0, 8 * alone);
	chainrun_end(&chain);
}

/* Which of its functions the kernel kept is not told, so that all are static. */
static void a_program_that_loses_a_function_works(void **state)
{
	struct chainrun chain;
	struct progrun run;

	chain_start(&chain, state);
	chain_add(&chain, 1, "walks", "is_kept=0");
	chain_add(&chain, 4, "walks", "is_kept=1");
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.verdict, walks_verdict(&run));
	chainrun_end(&chain);
}

static void callbacks_work(void **state)
{
	/* The bytes of the test frame's header add up to an odd number or not; ask the program alone. */
	struct chainrun chain;
	struct progrun run;
	unsigned int sum = 0;
	unsigned int i;

	chain_start(&chain, state);
	chain_add(&chain, 4, "loop", NULL);
	chain_build(&chain);
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

	chain_start(&chain, state);
	chain_add(&chain, 4, "hashes", NULL);
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	chain_assert_verdict(&chain, XDP_PASS);
	chain_assert_verdict(&chain, XDP_DROP);
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

	chain_start(&chain, state);
	chain_add(&chain, 4, "head", NULL);
	chain_add(&chain, 5, "stamp", "id=5");
	chain_build(&chain);
	run = chainrun_frame(&chain);
	assert_int_equal(run.len, 60 - 4);
	assert_int_equal(run.bytes[STAMPS_AT], 5);
	chainrun_end(&chain);
}

static void a_chain_of_frags_programs_takes_frags(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 4, "frags", NULL);
	assert_true(chain.build.has_frags);
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	chainrun_end(&chain);
}

static void a_frags_program_runs_in_a_chain_without(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 4, "frags", NULL);
	chain_add(&chain, 5, "ret", "verdict=1");
	assert_false(chain.build.has_frags);
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_DROP);
	chainrun_end(&chain);
}

static void a_program_of_another_licence_runs(void **state)
{
	check_drops(state, "proprietary", XDP_PASS);
}

static void what_the_verifier_rejects_is_refused_with_its_words(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 4, "toolong", NULL);
	assert_int_not_equal(chainrun_build(&chain), 0);
	assert_non_null(strstr(chain.why.text, "verifier rejected it"));
	assert_non_null(strstr(chain.why.text, "invalid access to packet"));
	chainrun_end(&chain);
}

static void an_object_of_another_type_is_refused(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	assert_int_equal(chainrun_add(&chain, 4, "socket", NULL), -EINVAL);
	assert_non_null(strstr(chain.why.text, "has no program that a chain takes"));
	chainrun_end(&chain);
}

static void a_tc_program_is_for_tc_hooks(void **state)
{
	struct slot_program *program;
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 4, "classifier", NULL);
	program = chain.build.programs[4];
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_XDP, &chain.why), -EINVAL);
	assert_non_null(strstr(chain.why.text, "is a program of TC"));
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_TC_INGRESS, &chain.why), 0);
	assert_int_equal(slot_program_check_hook(program, SLOT_HOOK_TC_EGRESS, &chain.why), 0);
	chainrun_end(&chain);
}

static void an_object_with_several_programs_must_name_one(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
	assert_int_equal(chainrun_add(&chain, 4, "several", NULL), -EINVAL);
	assert_non_null(strstr(chain.why.text, "several_pass, several_drop"));
	chainrun_end(&chain);
}

static void an_unknown_setting_is_refused_with_the_known_ones(void **state)
{
	struct chainrun chain;

	chain_start(&chain, state);
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

	chain_start(&chain, state);
	chain_start(&next, state);
	chain_add(&chain, 2, "globals", "step=1");
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	chain_assert_verdict(&chain, XDP_PASS);

	next.build.programs[2] = chain.build.programs[2];
	next.build.has_frags = chain.build.has_frags;
	next.state = chain.state;
	chain_add(&next, 7, "stamp", "id=7");
	chain_build(&next);
	chain_assert_verdict(&next, XDP_PASS);
	chain_assert_verdict(&next, XDP_DROP); /* the fourth packet of one count */
	chain_assert_verdict(&chain, XDP_DROP);

	next.build.programs[2] = NULL;
	chainrun_end(&next);
	chainrun_end(&chain);
}

/* One program of the kernel's may use 64 maps, and a fused chain is one program. */
static void a_chain_of_too_many_maps_says_so_where_it_does_not_fit(void **state)
{
	struct chainrun chain;
	unsigned int slot;

	chain_start(&chain, state);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		chain_add(&chain, slot, "manymaps", NULL);
	if (chain.engine == &slot_engine_freplace) {
		chain_build(&chain);
		chain_assert_verdict(&chain, XDP_PASS);
	} else {
		assert_int_equal(chainrun_build(&chain), -E2BIG);
		assert_non_null(strstr(chain.why.text, "use 81 maps together"));
	}
	chainrun_end(&chain);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(a_chain_of_too_many_maps_says_so_where_it_does_not_fit),
	CHAIN_CASE(global_data_of_two_instances_stays_apart),
	CHAIN_CASE(tail_calls_work),
	CHAIN_CASE(subprograms_work),
	CHAIN_CASE(global_functions_of_a_chain_are_verified_once),
	CHAIN_CASE(a_program_that_loses_a_function_works),
	CHAIN_CASE(callbacks_work),
	CHAIN_CASE(objects_written_for_freplace_work),
	CHAIN_CASE(per_cpu_and_lru_maps_work),
	CHAIN_CASE(ring_buffers_work),
	CHAIN_CASE(a_later_slot_sees_the_packet_as_an_earlier_one_left_it),
	CHAIN_CASE(a_chain_of_frags_programs_takes_frags),
	CHAIN_CASE(a_frags_program_runs_in_a_chain_without),
	CHAIN_CASE(a_program_of_another_licence_runs),
	CHAIN_CASE(what_the_verifier_rejects_is_refused_with_its_words),
	CHAIN_CASE(an_object_of_another_type_is_refused),
	CHAIN_CASE(a_tc_program_is_for_tc_hooks),
	CHAIN_CASE(an_object_with_several_programs_must_name_one),
	CHAIN_CASE(an_unknown_setting_is_refused_with_the_known_ones),
	CHAIN_CASE(a_loaded_program_is_linked_again_and_keeps_its_data),
};

int main(void)
{
	return chain_cases_run("chain programs", cases, sizeof(cases) / sizeof(cases[0]));
}
