/* SPDX-License-Identifier: GPL-2.0-only */
/* Totals of a chain that another version of slotd began. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/totals.h"
#include "loader/lib/host/pins.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

/* As slotd 0.1.0 had it: 199 counters of 8 bytes. */
#define V1_COUNTERS 199
#define V1_SLOT(slot, counter) (2 + (slot) * 9 + (counter)) /* seen, then verdicts */
#define V1_FOLDED 182
#define V1_FOLDED_NEXT 198

static void pin_totals(const struct slot_chain *chain, const void *value, __u32 size)
{
	__u32 key = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "root_totals", 4, size, 1, NULL);

	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, value, BPF_ANY), 0);
	assert_int_equal(slot_pin_del(chain->dir, "totals"), 0);
	assert_int_equal(slot_pin_set(fd, chain->dir, "totals"), 0);
	close(fd);
}

static void pin_v1(const struct slot_chain *chain)
{
	__u64 old[V1_COUNTERS] = { 0 };

	old[0] = 100;
	old[1] = 60;
	old[V1_SLOT(2, 0)] = 100;
	old[V1_SLOT(2, 1 + ROOT_COL_DROP)] = 40;
	old[V1_SLOT(19, 1 + ROOT_COL_DENIED)] = 7;
	old[V1_FOLDED] = 3;
	old[V1_FOLDED + 15] = 2;
	old[V1_FOLDED_NEXT] = 17;
	pin_totals(chain, old, sizeof(old));
}

static void totals_of_version_1_are_carried_over(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_totals totals;
	int fd;

	world_must_apply(chain, "ret");
	pin_v1(chain);
	fd = slot_totals_open(chain->dir);
	assert_true(fd >= 0);
	assert_int_equal(slot_totals_get(fd, &totals), 0);
	assert_int_equal(totals.version, SLOT_TOTALS_VERSION);
	assert_int_equal(totals.sums.packets, 100);
	assert_int_equal(totals.sums.passed, 60);
	assert_int_equal(totals.sums.slots[2].seen, 100);
	assert_int_equal(totals.sums.slots[2].verdicts[ROOT_COL_DROP], 40);
	assert_int_equal(totals.sums.slots[19].verdicts[ROOT_COL_DENIED], 7);
	assert_int_equal(totals.folded[0], 3);
	assert_int_equal(totals.folded[15], 2);
	assert_int_equal(totals.folded_next, 17);
	close(fd);
}

static void a_start_goes_on_counting_on_top_of_them(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_counters counters;

	world_must_apply(chain, "ret");
	pin_v1(chain);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	assert_true(counters.packets >= 100 && counters.slots[2].verdicts[ROOT_COL_DROP] >= 40);
	assert_false(slot_chain_is_newer(chain));
	world_must("test $(find " WORLD "/bpf -name totals_next | wc -l) = 0");
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	assert_true(counters.packets >= 100);
}

static void totals_of_a_newer_version_are_left_alone(void **state)
{
	struct slot_totals newer = { .version = SLOT_TOTALS_VERSION + 1, .folded_next = 5 };
	struct slot_chain *chain = *state;
	struct slot_chain_state next = { 0 };
	struct slot_totals totals;
	int fd;

	world_must_apply(chain, "ret");
	pin_totals(chain, &newer, sizeof(newer));
	assert_int_equal(slot_totals_open(chain->dir), -ENOTSUP);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(chain->current->number, 1);
	assert_true(slot_chain_is_newer(chain));
	world_add_program(&next, 2, "count");
	assert_int_equal(world_apply(chain, &next), -EPERM);
	assert_non_null(strstr(world_why.text, "a newer slotd built what runs on 'eth0'"));
	slot_chain_state_free(&next);
	fd = slot_pin_open(chain->dir, "totals");
	assert_int_equal(slot_totals_get(fd, &totals), 0);
	assert_int_equal(totals.folded_next, 5);
	close(fd);
	assert_int_equal(slot_chain_detach(chain, false, &world_why), 0);
}

static void totals_of_no_size_that_is_known_are_newer(void **state)
{
	struct slot_chain *chain = *state;
	char big[8192] = "";

	world_must_apply(chain, "ret");
	pin_totals(chain, big, sizeof(big));
	assert_int_equal(slot_totals_open(chain->dir), -ENOTSUP);
}

#define ADD(fn) TAP_ADD(&plan, fn, world_start, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(totals_of_version_1_are_carried_over);
	ADD(a_start_goes_on_counting_on_top_of_them);
	ADD(totals_of_a_newer_version_are_left_alone);
	ADD(totals_of_no_size_that_is_known_are_newer);
	return tap_run(&plan, "totals", 1);
}
