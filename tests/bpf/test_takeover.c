/* SPDX-License-Identifier: GPL-2.0-only */
/* What a start finds and makes of it, and changes that are taken back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/host/pins.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define RECORDS WORLD "/state/chains/eth0"

static struct slot_attempt *must_prepare(struct slot_chain *chain, const char *object)
{
	struct slot_overrides overrides = { 0 };
	struct slot_chain_state state = { 0 };
	struct slot_change change = { .desired = &state,
				      .overrides = &overrides,
				      .reason = "test" };
	struct slot_attempt *attempt = NULL;

	world_add_program(&state, 2, object);
	if (slot_chain_prepare(chain, &change, &world_why, &attempt))
		fail_msg("%s", world_why.text);
	return attempt;
}

static void what_runs_without_a_record_is_left_alone(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain *again = NULL;
	char pins[PATH_MAX];
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	assert_int_equal(slot_pin_path(pins, chain->dir, "gen/1/root"), 0);
	world_must("mv " RECORDS "/generation-1.json " WORLD "/kept.json");
	assert_int_equal(slot_chain_open(&world_host, &world_config, &world_why, &again), -ENOENT);
	assert_non_null(strstr(world_why.text, "runs generation 1, which cannot be taken over"));
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(access(pins, F_OK), 0);
	/* With its record back it is taken over as if nothing had been. */
	world_must("mv " WORLD "/kept.json " RECORDS "/generation-1.json");
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(chain->current->number, 1);
}

static void a_swap_after_a_rollback_that_was_not_recorded_goes_back_to_what_ran(void **state)
{
	struct slot_overrides none = { 0 };
	struct slot_chain *chain = *state;
	struct slot_attempt *attempt;
	struct slot_outcome outcome;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	assert_int_equal(slot_chain_rollback(chain, &none, &world_why, &outcome), 0);
	world_must("cp " RECORDS "/desired.json " WORLD "/old.json");
	attempt = must_prepare(chain, "head");
	assert_int_equal(slot_chain_commit(attempt, &world_why), 0);
	/* Killed here, before the record: 3 runs, 1 was current, 2 had been left. */
	world_must("mv " WORLD "/old.json " RECORDS "/desired.json");
	*state = world_open();
	chain = *state;
	assert_int_equal(chain->current->number, 3);
	assert_int_equal(chain->previous->number, 1);
}

static void a_prepared_change_that_is_dropped_leaves_nothing(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	slot_chain_finish(must_prepare(chain, "count"), NULL);
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(chain->next_number, 2);
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	world_must("test ! -e " RECORDS "/generation-2.json");
}

static void a_committed_change_that_is_reverted_leaves_everything_as_it_was(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_attempt *attempt;
	struct slot_counters before;
	struct slot_counters after;
	__u32 id;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	id = world_attached_id();
	assert_int_equal(slot_override_set_enabled(&chain->overrides, "slot9", 0), 0);
	assert_int_equal(slot_chain_counters(chain, &before), 0);
	attempt = must_prepare(chain, "head");
	assert_int_equal(slot_chain_commit(attempt, &world_why), 0);
	assert_int_not_equal(world_attached_id(), id);
	assert_int_equal(slot_chain_revert(attempt, &world_why), 0);
	slot_chain_finish(attempt, NULL);
	assert_int_equal(world_attached_id(), id);
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_int_equal(slot_override_find(&chain->overrides, "slot9")->enabled, 0);
	assert_int_equal(slot_chain_counters(chain, &after), 0);
	assert_true(after.packets >= before.packets);
	/* Its number has counted packets and is not given again. */
	assert_int_equal(chain->next_number, 4);
	world_must("grep -q '\"current\": 2' " RECORDS "/desired.json");
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/3*')\"");
}

static void a_first_change_that_is_reverted_leaves_the_interface_bare(void **state)
{
	struct slot_attempt *attempt = must_prepare(*state, "ret");

	assert_int_equal(slot_chain_commit(attempt, &world_why), 0);
	assert_int_not_equal(world_attached_id(), 0);
	assert_int_equal(slot_chain_revert(attempt, &world_why), 0);
	slot_chain_finish(attempt, NULL);
	assert_int_equal(world_attached_id(), 0);
	world_must("test -z \"$(ls " WORLD "/bpf/slotd)\"");
	world_must_apply(*state, "ret");
}

static void a_renamed_interface_keeps_its_chain_over_a_start(void **state)
{
	struct slot_chain *chain = *state;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	slot_chain_free(chain);
	world_must(
		"ip link set eth0 down && ip link set eth0 name wan0.7 && ip link set wan0.7 up");
	world_name("wan0.7");
	*state = chain = world_open();
	assert_true(slot_chain_is_attached(chain));
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_non_null(strstr(chain->dir, "wan0%2e7"));
	world_must("test -e " WORLD "/state/chains/wan0.7/generation-2.json");
}

static void a_start_under_the_old_name_of_a_renamed_interface_is_refused(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain *again = NULL;

	world_must_apply(chain, "ret");
	slot_chain_free(chain);
	world_must("ip link set eth0 down && ip link set eth0 name wan0 && ip link set wan0 up");
	assert_int_equal(slot_chain_open(&world_host, &world_config, &world_why, &again), -EEXIST);
	assert_non_null(strstr(world_why.text, "is called 'wan0' now"));
	world_must("test -e " RECORDS "/generation-1.json");
	world_name("wan0");
	*state = chain = world_open();
	assert_int_equal(chain->current->number, 1);
}

static void a_detach_that_was_interrupted_is_finished(void **state)
{
	struct slot_chain *chain = *state;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	slot_chain_free(chain);
	/* As detach writes it before it takes anything away. */
	world_must("sed -i 's/\"current\": 2/\"current\": 0/; s/\"previous\": 1/\"previous\": 0/; "
		   "s/\"detached\": false/\"detached\": true/' " RECORDS "/desired.json");
	*state = chain = world_open();
	assert_int_equal(world_attached_id(), 0);
	assert_true(chain->is_detached);
	assert_null(chain->current);
	world_must("test -z \"$(ls " WORLD "/bpf/slotd)\"");
}

static void an_interface_of_another_name_does_not_inherit_by_number(void **state)
{
	struct slot_chain *chain = *state;
	unsigned int ifindex = chain->ifindex;
	char command[128];

	world_must_apply(chain, "ret");
	slot_chain_free(chain);
	world_must("ip link del eth0");
	snprintf(command, sizeof(command), "ip link add index %u lan0 type veth peer name eth1",
		 ifindex);
	world_must(command);
	world_name("lan0");
	*state = chain = world_open();
	assert_int_equal(chain->ifindex, ifindex);
	assert_null(chain->current);
}

static void a_start_after_a_reboot_sweeps_records_of_generations_that_are_gone(void **state)
{
	struct slot_chain *chain = *state;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	slot_chain_free(chain);
	world_must("rm -r " WORLD "/bpf/slotd/*");
	*state = chain = world_open();
	assert_null(chain->current);
	assert_int_equal(chain->next_number, 3);
	world_must("test \"$(ls " RECORDS ")\" = desired.json");
}

static void a_link_that_was_taken_away_is_made_again(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	world_must_apply(chain, "count");
	before = world_attached_id();
	slot_chain_free(chain);
	/* The last reference to a link goes with its pin, a moment later. */
	world_must("rm " WORLD "/bpf/slotd/*/link");
	world_must("timeout 10 sh -c 'while ip link show eth0 | grep -q xdp; do sleep 0.01; done'");
	*state = chain = world_open();
	assert_false(slot_chain_is_attached(chain));
	assert_int_equal(slot_chain_follow(chain, &world_why), 0);
	assert_int_equal(world_attached_id(), before);
}

static void a_chain_takes_frags_only_if_all_its_programs_do(void **state)
{
	struct slot_chain_state mixed = { 0 };
	struct slot_chain *chain = *state;

	world_must_apply(chain, "frags");
	assert_true(chain->current->has_frags);
	world_add_program(&mixed, 2, "frags");
	world_add_program(&mixed, 5, "count");
	assert_int_equal(world_apply(chain, &mixed), 0);
	assert_false(chain->current->has_frags);
	world_must_apply(chain, "frags");
	assert_true(chain->current->has_frags);
}

static void another_engine_is_a_change(void **state)
{
	struct slot_chain *chain = *state;
	const struct slot_engine *other = chain->engine == &slot_engines_fused[ROOT_KIND_XDP] ?
						  &slot_engine_freplace :
						  &slot_engines_fused[ROOT_KIND_XDP];
	struct slot_chain_state same = { 0 };
	struct slot_plan plan;

	world_must_apply(chain, "ret");
	world_add_program(&same, 2, "ret");
	slot_chain_plan(chain, chain->engine, &same, &plan);
	assert_false(plan.has_changes);
	slot_chain_plan(chain, other, &same, &plan);
	assert_true(plan.has_changes && plan.has_engine_change);
	if (other->probe(NULL))
		return;
	chain->engine = other;
	assert_int_equal(world_apply(chain, &same), 0);
	assert_ptr_equal(chain->current->engine, other);
	assert_int_equal(chain->current->number, 2);
}

static void another_mode_waits_for_the_next_attachment_and_says_so(void **state)
{
	struct slot_overrides none = { 0 };
	struct slot_chain_state same = { 0 };
	struct slot_change change = { .desired = &same, .overrides = &none, .reason = "test" };
	struct slot_chain *chain = *state;
	struct slot_outcome outcome;

	world_must_apply(chain, "ret");
	assert_int_equal(chain->mode, SLOT_ATTACH_NATIVE);
	chain->wanted_mode = SLOT_ATTACH_GENERIC;
	world_add_program(&same, 2, "ret");
	assert_int_equal(slot_chain_apply(chain, &change, &world_why, &outcome), 0);
	assert_false(outcome.is_changed);
	assert_non_null(strstr(outcome.warning.text, "stays in native mode"));
	assert_int_equal(slot_chain_detach(chain, true, &world_why), 0);
	assert_int_equal(slot_chain_apply(chain, &change, &world_why, &outcome), 0);
	assert_int_equal(chain->mode, SLOT_ATTACH_GENERIC);
	assert_string_equal(outcome.warning.text, "");
}

static void generic_mode_is_taken_with_the_reason_that_native_was_refused_for(void **state)
{
	struct slot_overrides none = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_change change = { .desired = &desired, .overrides = &none, .reason = "test" };
	struct slot_chain *chain = *state;
	struct slot_outcome outcome;

	world_must("ip link set eth0 mtu 9000 && ip link set eth1 mtu 9000");
	world_add_program(&desired, 2, "ret");
	assert_int_equal(slot_chain_apply(chain, &change, &world_why, &outcome), 0);
	assert_int_equal(chain->mode, SLOT_ATTACH_GENERIC);
	assert_non_null(strstr(outcome.warning.text, "native mode was refused: "));
	assert_non_null(strstr(outcome.warning.text, "MTU too large"));
}

#define ADD(fn) TAP_ADD(&plan, fn, world_start, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(what_runs_without_a_record_is_left_alone);
	ADD(a_swap_after_a_rollback_that_was_not_recorded_goes_back_to_what_ran);
	ADD(a_prepared_change_that_is_dropped_leaves_nothing);
	ADD(a_committed_change_that_is_reverted_leaves_everything_as_it_was);
	ADD(a_first_change_that_is_reverted_leaves_the_interface_bare);
	ADD(a_renamed_interface_keeps_its_chain_over_a_start);
	ADD(a_start_under_the_old_name_of_a_renamed_interface_is_refused);
	ADD(a_detach_that_was_interrupted_is_finished);
	ADD(an_interface_of_another_name_does_not_inherit_by_number);
	ADD(a_start_after_a_reboot_sweeps_records_of_generations_that_are_gone);
	ADD(a_link_that_was_taken_away_is_made_again);
	ADD(a_chain_takes_frags_only_if_all_its_programs_do);
	ADD(another_engine_is_a_change);
	ADD(another_mode_waits_for_the_next_attachment_and_says_so);
	ADD(generic_mode_is_taken_with_the_reason_that_native_was_refused_for);
	return tap_run(&plan, "takeover", 1);
}
