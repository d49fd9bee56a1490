/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of several chains at once, on two ends of a veth: all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/batch.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define CHAINS 2

static struct slot_chain *chains[CHAINS];

static struct slot_chain *open_chain(const char *interface)
{
	world_name(interface);
	return world_open();
}

static int start(void **state)
{
	(void)state;
	world_add_interface();
	chains[0] = open_chain("eth0");
	chains[1] = open_chain("eth1");
	world_must_apply(chains[0], "ret");
	world_must_apply(chains[1], "ret");
	return 0;
}

static int end(void **state)
{
	slot_chain_detach(chains[1], false, &world_why);
	slot_chain_free(chains[1]);
	*state = chains[0];
	return world_end(state);
}

/* Build @object for the chain of this index. */
static int prepare(struct slot_batch *batch, size_t index, const char *object)
{
	struct slot_overrides overrides = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_change change = {
		.desired = &desired,
		.overrides = &overrides,
		.reason = "test",
	};

	world_add_program(&desired, 2, object);
	return slot_batch_prepare(batch, chains[index], &change, &world_why);
}

static bool is_running(size_t index, unsigned int number)
{
	const struct slot_chain *chain = chains[index];

	return chain->current->number == number &&
	       slot_xdp_check(chain->ifindex, chain->current->root_id) > 0;
}

static void assert_unchanged(void)
{
	for (size_t i = 0; i < CHAINS; i++) {
		assert_true(is_running(i, 1));
		assert_null(chains[i]->previous);
	}
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	world_must("test -z \"$(find " WORLD "/state -name 'generation-2*')\"");
}

static void all_chains_are_changed(void **state)
{
	struct slot_batch batch;

	(void)state;
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_equal(prepare(&batch, 1, "count"), 0);
	assert_true(is_running(0, 1));
	assert_true(is_running(1, 1));
	assert_int_equal(slot_batch_commit(&batch, &world_why), 0);
	for (size_t i = 0; i < CHAINS; i++) {
		assert_true(is_running(i, 2));
		assert_true(batch.items[i].outcome.is_changed);
		assert_int_equal(batch.items[i].state, SLOT_BATCH_DONE);
	}
	slot_batch_close(&batch);
}

static void none_is_changed_where_one_cannot_be_built(void **state)
{
	struct slot_batch batch;

	(void)state;
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_not_equal(prepare(&batch, 1, "toolong"), 0);
	assert_int_equal(strncmp(world_why.text, "eth1: ", 6), 0);
	assert_string_equal(slot_batch_describe(&batch.items[0]), "built, not swapped in");
	assert_string_equal(slot_batch_describe(&batch.items[1]), "refused, not changed");
	slot_batch_close(&batch);
	assert_unchanged();
}

/* Somebody else moves the second chain's link between its build and the swap. */
static void none_is_changed_where_one_cannot_be_swapped(void **state)
{
	struct slot_batch batch;
	int link_fd;
	int foreign;

	(void)state;
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_equal(prepare(&batch, 1, "count"), 0);
	link_fd = chains[1]->link_fd;
	foreign = chains[0]->current->root_fd;
	assert_int_equal(
		slot_hook_swap(SLOT_HOOK_XDP, link_fd, foreign, chains[1]->current->root_fd), 0);
	assert_int_equal(slot_batch_commit(&batch, &world_why), -EPERM);
	assert_non_null(strstr(world_why.text, "eth1: "));
	assert_string_equal(slot_batch_describe(&batch.items[0]), "swapped in and back");
	assert_string_equal(slot_batch_describe(&batch.items[1]), "not swapped in");
	assert_false(slot_batch_has_stuck(&batch));
	slot_batch_close(&batch);
	assert_int_equal(
		slot_hook_swap(SLOT_HOOK_XDP, link_fd, chains[1]->current->root_fd, foreign), 0);
	assert_unchanged();
}

/* What is done is a batch's own: the next one tells of its own chains only. */
static void a_chain_that_was_not_tried_is_told_of(void **state)
{
	struct slot_generation *first = chains[0]->current;
	struct slot_batch batch;
	int foreign = chains[1]->current->root_fd;

	(void)state;
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_int_equal(prepare(&batch, 1, "count"), 0);
	assert_int_equal(slot_batch_commit(&batch, &world_why), 0);
	slot_batch_close(&batch);
	assert_true(is_running(1, 2));
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_string_equal(slot_batch_describe(&batch.items[0]), "not tried");
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_equal(slot_hook_swap(SLOT_HOOK_XDP, chains[0]->link_fd, foreign, first->root_fd),
			 0);
	assert_int_equal(slot_batch_commit(&batch, &world_why), -EPERM);
	assert_string_equal(slot_batch_describe(&batch.items[0]), "not swapped in");
	slot_batch_close(&batch);
	assert_int_equal(slot_hook_swap(SLOT_HOOK_XDP, chains[0]->link_fd, first->root_fd, foreign),
			 0);
	assert_true(is_running(0, 1));
}

static void a_chain_whose_interface_is_away_is_passed_over(void **state)
{
	struct slot_batch batch;

	(void)state;
	world_must("ip link del eth0");
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_equal(slot_chain_follow(chains[i], &world_why), 0);
	assert_int_equal(slot_batch_open(chains, 1, &batch), 0);
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_equal(slot_batch_commit(&batch, &world_why), 0);
	assert_int_equal(batch.items[0].state, SLOT_BATCH_AWAY);
	assert_non_null(
		strstr(batch.items[0].outcome.warning.text, "'eth0' waits for its interface"));
	slot_batch_close(&batch);
}

static void an_interface_that_goes_before_the_swap_refuses_it(void **state)
{
	struct slot_batch batch;

	(void)state;
	assert_int_equal(slot_batch_open(chains, CHAINS, &batch), 0);
	assert_int_equal(prepare(&batch, 0, "count"), 0);
	assert_int_equal(prepare(&batch, 1, "count"), 0);
	world_must("ip link del eth0");
	assert_int_equal(slot_batch_commit(&batch, &world_why), -ENODEV);
	assert_string_equal(slot_batch_describe(&batch.items[0]), "not swapped in");
	assert_string_equal(slot_batch_describe(&batch.items[1]), "built, not swapped in");
	slot_batch_close(&batch);
	world_add_interface();
	for (size_t i = 0; i < CHAINS; i++)
		assert_int_equal(slot_chain_follow(chains[i], &world_why), 0);
	assert_unchanged();
}

#define ADD(fn) TAP_ADD(&plan, fn, start, end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(all_chains_are_changed);
	ADD(none_is_changed_where_one_cannot_be_built);
	ADD(none_is_changed_where_one_cannot_be_swapped);
	ADD(a_chain_that_was_not_tried_is_told_of);
	ADD(a_chain_whose_interface_is_away_is_passed_over);
	ADD(an_interface_that_goes_before_the_swap_refuses_it);
	return tap_run(&plan, "batch", 1);
}
