/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps over the versions of a program: carried, refused, reset, and brought back
 * by a rollback. On a real chain, with the engine that this kernel gives.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define SLOT 2

struct flow {
	__u32 packets;
	__u32 bytes;
};

struct report {
	__u32 version;
	__u32 limit;
	__u32 seen;
};

static __u32 run_frame(const struct slot_generation *generation)
{
	unsigned char frame[60] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);

	if (bpf_prog_test_run_opts(generation->root_fd, &opts))
		fail_msg("cannot run generation %u: %s", generation->number, strerror(errno));
	return opts.retval;
}

/* A map of the slot, as its owner opens it. */
static int open_map(const struct slot_chain *chain, const char *name)
{
	char dir[PATH_MAX];
	int fd;

	assert_int_equal(slot_pin_path(dir, chain->dir, "maps/slot2"), 0);
	fd = slot_pin_open(dir, name);
	if (fd < 0)
		fail_msg("no map '%s' in '%s'", name, dir);
	return fd;
}

static __u32 find_id(const struct slot_chain *chain, const char *name)
{
	_cleanup_close_ int fd = open_map(chain, name);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

static void set_flow(const struct slot_chain *chain, __u32 packets)
{
	_cleanup_close_ int fd = open_map(chain, "flows");
	struct flow flow = { .packets = packets };
	__u32 key = 0;

	assert_int_equal(bpf_map_update_elem(fd, &key, &flow, BPF_ANY), 0);
}

/* Packets of the one flow, -1 where the map has no such entry. */
static long get_flow(const struct slot_chain *chain)
{
	_cleanup_close_ int fd = open_map(chain, "flows");
	struct flow flow;
	__u32 key = 0;

	return bpf_map_lookup_elem(fd, &key, &flow) ? -1 : (long)flow.packets;
}

static struct report get_report(const struct slot_chain *chain)
{
	_cleanup_close_ int fd = open_map(chain, "report");
	struct report report;
	__u32 key = 0;

	run_frame(chain->current);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &report), 0);
	return report;
}

/* Bring the chain to @object in the slot, with @reset begun anew, and to @other in slot 4. */
static int apply(struct slot_chain *chain, const char *object, const char *reset, const char *other)
{
	struct slot_map_orders orders[ROOT_SLOTS] = { 0 };
	struct slot_chain_state state = { 0 };
	struct slot_overrides overrides = { 0 };
	struct slot_change change = {
		.desired = &state, .overrides = &overrides, .reason = "test", .map_orders = orders
	};
	struct slot_outcome outcome;
	int err;

	world_add_program(&state, SLOT, object);
	if (other)
		world_add_program(&state, 4, other);
	if (reset)
		assert_int_equal(slot_map_orders_add_reset(&orders[SLOT], reset, &world_why), 0);
	err = slot_chain_apply(chain, &change, &world_why, &outcome);
	slot_map_orders_free(&orders[SLOT]);
	return err;
}

static void must_apply(struct slot_chain *chain, const char *object, const char *reset,
		       const char *other)
{
	if (apply(chain, object, reset, other))
		fail_msg("%s: %s", object, world_why.text);
}

static void must_roll_back(struct slot_chain *chain)
{
	struct slot_overrides overrides = { 0 };
	struct slot_outcome outcome;

	if (slot_chain_rollback(chain, &overrides, &world_why, &outcome))
		fail_msg("%s", world_why.text);
}

static bool is_map_alive(__u32 id)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);

	return fd >= 0;
}

/* The kernel frees maps when it has time for it. */
static bool is_map_gone_in_time(__u32 id)
{
	unsigned int ms;

	for (ms = 0; ms < 5000 && is_map_alive(id); ms += 10)
		usleep(10000);
	return !is_map_alive(id);
}

static void assert_refused(const char *expected)
{
	if (!strstr(world_why.text, expected))
		fail_msg("'%s' is not in: %s", expected, world_why.text);
}

static void entries_and_variables_live_on_and_constants_do_not(void **state)
{
	struct slot_chain *chain = *state;
	struct report before;
	struct report after;

	must_apply(chain, "keep", NULL, NULL);
	set_flow(chain, 41);
	before = get_report(chain);
	assert_int_equal(before.version, 1);
	assert_int_equal(before.limit, 10);
	must_apply(chain, "keep_next", NULL, NULL);
	after = get_report(chain);
	assert_int_equal(after.version, 2);
	assert_int_equal(after.limit, 10);
	assert_true(after.seen > before.seen);
	assert_true(get_flow(chain) > 41);
}

static void members_in_other_places_are_refused_with_the_difference(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "keep", NULL, NULL);
	assert_int_equal(apply(chain, "keep_swapped", NULL, NULL), -EEXIST);
	assert_refused("map 'flows' changed the layout of its value, so its entries cannot be "
		       "carried over: --reset-map flows starts it empty");
	assert_refused("\n  value:\n    + u32 bytes @0\n    - u32 packets @0"
		       "\n    - u32 bytes @4\n    + u32 packets @4");
	assert_int_equal(chain->current->number, 1);
}

static void another_number_of_entries_is_refused(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "keep", NULL, NULL);
	assert_int_equal(apply(chain, "keep_more", NULL, NULL), -EEXIST);
	assert_refused("map 'flows' changed its number of entries from 8 to 16, so");
	must_apply(chain, "keep_more", "flows", NULL);
}

static void inner_maps_of_another_layout_are_refused(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "keep", NULL, NULL);
	assert_int_equal(apply(chain, "keep_inner", "keep_inner", NULL), -EEXIST);
	assert_refused("of the inner maps: map 'outer' changed its value size from 4 to 8");
}

static void a_reset_map_starts_empty_and_a_rollback_brings_the_old_one_back(void **state)
{
	struct slot_chain *chain = *state;
	__u32 old_id;
	__u32 new_id;

	must_apply(chain, "keep", NULL, NULL);
	set_flow(chain, 41);
	old_id = find_id(chain, "flows");
	must_apply(chain, "keep_swapped", "flows", NULL);
	new_id = find_id(chain, "flows");
	assert_int_not_equal(new_id, old_id);
	assert_int_equal(get_flow(chain), -1);
	must_roll_back(chain);
	assert_int_equal(find_id(chain, "flows"), old_id);
	assert_true(get_flow(chain) >= 41);
	must_roll_back(chain);
	assert_int_equal(find_id(chain, "flows"), new_id);
	assert_int_equal(get_flow(chain), -1);
}

static void the_same_object_is_loaded_anew_for_a_reset(void **state)
{
	struct slot_chain *chain = *state;
	unsigned int i;

	must_apply(chain, "keep", NULL, NULL);
	set_flow(chain, 0);
	for (i = 0; i < 1000; i++)
		run_frame(chain->current);
	assert_true(get_report(chain).seen > 1000);
	must_apply(chain, "keep", ".bss", NULL);
	assert_int_equal(chain->current->number, 2);
	assert_true(get_flow(chain) > 1000);
	assert_true(get_report(chain).seen < 500); /* of the interface itself a few */
}

/* The program of the version that was left is in memory, and bound to the map that was set aside. */
static void after_a_rollback_programs_run_with_the_maps_in_place(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "keep", NULL, NULL);
	set_flow(chain, 1000);
	must_apply(chain, "keep", "flows", NULL);
	set_flow(chain, 2000);
	must_roll_back(chain);
	must_apply(chain, "keep", NULL, "ret");
	assert_true(get_flow(chain) >= 1000 && get_flow(chain) < 2000);
	set_flow(chain, 3000);
	run_frame(chain->current);
	assert_true(get_flow(chain) > 3000);
}

static void a_start_runs_programs_with_the_maps_in_place(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "keep", NULL, NULL);
	must_apply(chain, "keep", "flows", NULL);
	slot_chain_free(chain);
	*state = chain = world_open();
	must_apply(chain, "keep", NULL, "ret");
	set_flow(chain, 3000);
	run_frame(chain->current);
	assert_true(get_flow(chain) > 3000);
}

static void what_was_set_aside_goes_with_its_generation(void **state)
{
	struct slot_chain *chain = *state;
	__u32 old_id;

	must_apply(chain, "keep", NULL, NULL);
	old_id = find_id(chain, "flows");
	must_apply(chain, "keep_next", "flows", NULL);
	assert_true(is_map_alive(old_id));
	must_apply(chain, "keep_next", NULL, "ret");
	assert_true(is_map_gone_in_time(old_id));
}

static void a_refused_reset_leaves_the_maps_as_they_are(void **state)
{
	struct slot_chain *chain = *state;
	__u32 id;

	must_apply(chain, "keep", NULL, NULL);
	id = find_id(chain, "flows");
	assert_int_equal(apply(chain, "keep_swapped", ".bss", NULL), -EEXIST);
	assert_int_equal(find_id(chain, "flows"), id);
	assert_int_equal(apply(chain, "keep", "flow", NULL), -ENOENT);
	assert_refused("there is no map 'flow' to begin anew: this object keeps its state in "
		       "keep_inner, outer, report, flows, _data, _bss");
	assert_int_equal(chain->current->number, 1);
}

static void a_slot_that_does_not_run_has_no_maps_to_reset(void **state)
{
	struct slot_map_orders orders[ROOT_SLOTS] = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_overrides overrides = { 0 };
	struct slot_change change = {
		.desired = &desired, .overrides = &overrides, .reason = "test", .map_orders = orders
	};
	struct slot_chain *chain = *state;
	struct slot_outcome outcome;

	world_add_program(&desired, SLOT, "keep");
	desired.slots[SLOT].enabled = false;
	assert_int_equal(slot_map_orders_add_reset(&orders[SLOT], "flows", &world_why), 0);
	assert_int_equal(slot_chain_apply(chain, &change, &world_why, &outcome), -EINVAL);
	slot_map_orders_free(&orders[SLOT]);
}

/* As a kill between the two moves leaves it: the old map aside, the new one not yet in place. */
static void a_start_finishes_what_a_kill_left_half_moved(void **state)
{
	struct slot_chain *chain = *state;
	char command[4 * PATH_MAX];
	__u32 old_id;
	__u32 new_id;

	must_apply(chain, "keep", NULL, NULL);
	set_flow(chain, 41);
	old_id = find_id(chain, "flows");
	must_apply(chain, "keep_swapped", "flows", NULL);
	new_id = find_id(chain, "flows");
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p gen/2/maps/slot2 && mv maps/slot2/flows gen/2/maps/slot2/",
		 chain->dir);
	world_must(command);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(find_id(chain, "flows"), new_id);
	must_roll_back(chain);
	assert_int_equal(find_id(chain, "flows"), old_id);
	assert_true(get_flow(chain) >= 41);
}

/* As a kill right after the swap leaves it: both maps where they were before. */
static void a_start_moves_maps_of_a_swap_that_was_not_recorded(void **state)
{
	struct slot_chain *chain = *state;
	char command[8 * PATH_MAX];
	__u32 old_id;
	__u32 new_id;

	must_apply(chain, "keep", NULL, NULL);
	old_id = find_id(chain, "flows");
	world_must("cp " WORLD "/state/chains/eth0/desired.json " WORLD "/state/before.json");
	must_apply(chain, "keep_swapped", "flows", NULL);
	new_id = find_id(chain, "flows");
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p gen/2/maps/slot2 && mv maps/slot2/flows gen/2/maps/slot2/ && "
		 "mv gen/1/maps/slot2/flows maps/slot2/ && rm -r gen/1/maps && "
		 "mv " WORLD "/state/before.json " WORLD "/state/chains/eth0/desired.json",
		 chain->dir);
	world_must(command);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(find_id(chain, "flows"), new_id);
	must_roll_back(chain);
	assert_int_equal(find_id(chain, "flows"), old_id);
}

/* A program array is code: the version that runs must not call the next one's programs. */
static void program_arrays_belong_to_their_version(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	must_apply(chain, "tailcall", NULL, NULL);
	assert_int_equal(run_frame(chain->current), 1);
	must_apply(chain, "tailcall_next", NULL, NULL);
	assert_int_equal(run_frame(chain->previous), 1);
	assert_int_equal(run_frame(chain->current), 3);
	must_roll_back(chain);
	before = world_attached_id();
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(run_frame(chain->current), 1);
	assert_int_equal(run_frame(chain->previous), 3);
	must_apply(chain, "tailcall", NULL, "ret");
	assert_int_equal(run_frame(chain->current), 1);
}

#define ADD(fn) TAP_ADD(&plan, fn, world_start, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(entries_and_variables_live_on_and_constants_do_not);
	ADD(members_in_other_places_are_refused_with_the_difference);
	ADD(another_number_of_entries_is_refused);
	ADD(inner_maps_of_another_layout_are_refused);
	ADD(a_reset_map_starts_empty_and_a_rollback_brings_the_old_one_back);
	ADD(the_same_object_is_loaded_anew_for_a_reset);
	ADD(after_a_rollback_programs_run_with_the_maps_in_place);
	ADD(a_start_runs_programs_with_the_maps_in_place);
	ADD(what_was_set_aside_goes_with_its_generation);
	ADD(a_refused_reset_leaves_the_maps_as_they_are);
	ADD(a_slot_that_does_not_run_has_no_maps_to_reset);
	ADD(a_start_finishes_what_a_kill_left_half_moved);
	ADD(a_start_moves_maps_of_a_swap_that_was_not_recorded);
	ADD(program_arrays_belong_to_their_version);
	return tap_run(&plan, "maps", 1);
}
