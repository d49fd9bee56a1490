/* SPDX-License-Identifier: GPL-2.0-only */
/* Canaries over changes of a chain: maps, counters and loaded programs, promoting and starting again. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/chain.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define FLOWS 1000

/* Another version of the test program @object: the same code, other content. */
static void name_version(struct slot_object_id *object, const char *name, unsigned int version)
{
	const char *build = getenv("SLOTD_BUILD");
	struct slot_blob blob;
	char command[256];

	snprintf(command, sizeof(command),
		 "cp %s/tests/bpf/progs/%s.bpf.o " WORLD "/version && echo %u >> " WORLD "/version",
		 build ? build : "build", name, version);
	world_must(command);
	if (slot_blob_read(WORLD "/version", &world_why, &blob) ||
	    slot_store_put(&world_host.store, &blob, &world_why))
		fail_msg("%s", world_why.text);
	snprintf(object->name, sizeof(object->name), "%s", name);
	snprintf(object->version, sizeof(object->version), "%u", version);
	memcpy(object->sha256, blob.sha256, sizeof(object->sha256));
	slot_blob_free(&blob);
}

static void set_canary(struct slot_chain_state *state, const char *name, unsigned int version,
		       unsigned int share_ppm)
{
	struct slot_canary *canary = &state->slots[2].canary;

	canary->present = true;
	canary->share_ppm = share_ppm;
	name_version(&canary->object, name, version);
}

/* Version 1 of "count" in slot 2, version 2 beside it for half of the flows. */
static struct slot_chain_state apply_pair(struct slot_chain *chain)
{
	struct slot_chain_state state = { 0 };

	world_add_program(&state, 2, "count");
	name_version(&state.slots[2].object, "count", 1);
	set_canary(&state, "count", 2, ROOT_SHARE_ALL / 2);
	if (world_apply(chain, &state))
		fail_msg("%s", world_why.text);
	return state;
}

static void must_apply(struct slot_chain *chain, const struct slot_chain_state *state)
{
	if (world_apply(chain, state))
		fail_msg("%s", world_why.text);
}

/* The canary becomes the slot's own. */
static void promote(struct slot_chain *chain, struct slot_chain_state *state)
{
	state->slots[2].object = state->slots[2].canary.object;
	state->slots[2].canary = (struct slot_canary){ 0 };
	must_apply(chain, state);
}

static void send_flows(const struct slot_chain *chain)
{
	unsigned char frame[64] = { [12] = 0x88, [13] = 0xb5 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	unsigned int flow;

	for (flow = 0; flow < FLOWS; flow++) {
		memcpy(frame + 6, &flow, sizeof(flow));
		assert_int_equal(bpf_prog_test_run_opts(chain->current->root_fd, &opts), 0);
	}
}

static struct slot_counters counted(const struct slot_chain *chain)
{
	struct slot_counters counters;

	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	return counters;
}

static __u32 loaded_id(const struct slot_chain *chain, const struct slot_state *slot)
{
	const struct slot_program *program = slot_program_cache_find(
		&chain->cache, slot, chain->engine->type, chain->current->has_frags);
	__u32 id;

	assert_non_null(program);
	assert_int_equal(slot_xdp_prog_id(program->fd, &id), 0);
	return id;
}

static void a_promoted_canary_is_linked_again_and_not_loaded(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = apply_pair(chain);
	struct slot_state canary = slot_state_version(&desired.slots[2], ROOT_CANARY);
	__u32 before = loaded_id(chain, &canary);

	promote(chain, &desired);
	assert_int_equal(loaded_id(chain, &desired.slots[2]), before);
	assert_int_equal(chain->current->canary_since[2], 0);
	send_flows(chain);
	assert_int_equal(counted(chain).slots[2].seen, FLOWS);
}

static void an_aborted_canary_leaves_the_slots_own_as_it_was(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = apply_pair(chain);
	__u32 before = loaded_id(chain, &desired.slots[2]);

	desired.slots[2].canary = (struct slot_canary){ 0 };
	must_apply(chain, &desired);
	assert_int_equal(loaded_id(chain, &desired.slots[2]), before);
	must_apply(chain, &desired);
	/* Its link and program went with its generation, two changes ago. */
	desired.slots[2].rules.denied_as = ROOT_DENIED_AS_DROP;
	must_apply(chain, &desired);
	world_must("test -z \"$(find " WORLD "/bpf -name '*_c')\"");
}

/* freplace gives loaded programs back from their pins; the fused engine loads again. */
static void after_a_start_a_canary_is_promoted_all_the_same(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = apply_pair(chain);
	struct slot_state canary = slot_state_version(&desired.slots[2], ROOT_CANARY);
	bool is_freplace = chain->engine == &slot_engine_freplace;
	__u32 before = loaded_id(chain, &canary);

	slot_chain_free(chain);
	*state = chain = world_open();
	assert_true(chain->current->state.slots[2].canary.present);
	assert_int_equal(chain->current->canary_since[2], 1);
	promote(chain, &desired);
	if (is_freplace)
		assert_int_equal(loaded_id(chain, &desired.slots[2]), before);
	send_flows(chain);
	assert_int_equal(counted(chain).slots[2].seen, FLOWS);
}

/* Both were brought by one generation, as after a reboot, and yet there is one map. */
static void both_versions_work_on_the_same_maps(void **state)
{
	__u64 values[128] = { 0 };
	__u64 sum = 0;
	struct slot_chain *chain = *state;
	char dir[PATH_MAX];
	__u32 key = 0;
	size_t i;
	int fd;

	apply_pair(chain);
	assert_int_equal(slot_pin_path(dir, chain->dir, "maps/slot2"), 0);
	fd = slot_pin_open(dir, "packets");
	assert_true(fd >= 0);
	bpf_map_update_elem(fd, &key, values, BPF_ANY);
	send_flows(chain);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, values), 0);
	for (i = 0; i < 128; i++)
		sum += values[i];
	assert_int_equal(sum, FLOWS);
	close(fd);
}

static void a_canarys_counters_outlive_other_changes_and_starts(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = apply_pair(chain);
	__u64 share;
	int i;

	send_flows(chain);
	share = counted(chain).canaries[2].seen;
	assert_in_range(share, FLOWS / 2 - 80, FLOWS / 2 + 80);
	for (i = 1; i <= 4; i++) {
		desired.slots[2].rules.denied_as = i % 2;
		must_apply(chain, &desired);
		assert_int_equal(counted(chain).canaries[2].seen, share * (__u64)i);
		send_flows(chain);
		assert_int_equal(counted(chain).canaries[2].seen, share * (__u64)(i + 1));
		assert_int_equal(counted(chain).slots[2].seen, FLOWS * (i + 1));
	}
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(counted(chain).canaries[2].seen, share * 5);
}

static void another_canary_starts_at_zero_also_of_the_same_object(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = apply_pair(chain);
	struct slot_canary canary = desired.slots[2].canary;

	send_flows(chain);
	set_canary(&desired, "count", 3, ROOT_SHARE_ALL / 2);
	must_apply(chain, &desired);
	assert_int_equal(counted(chain).canaries[2].seen, 0);
	send_flows(chain);
	assert_int_not_equal(counted(chain).canaries[2].seen, 0);
	desired.slots[2].canary = (struct slot_canary){ 0 };
	must_apply(chain, &desired);
	assert_int_equal(counted(chain).canaries[2].seen, 0);
	desired.slots[2].canary = canary;
	must_apply(chain, &desired);
	assert_int_equal(counted(chain).canaries[2].seen, 0);
	assert_int_equal(counted(chain).slots[2].seen, 2 * FLOWS);
	/* Only another share is still the same canary. */
	send_flows(chain);
	desired.slots[2].canary.share_ppm = ROOT_SHARE_ALL / 10;
	must_apply(chain, &desired);
	assert_int_not_equal(counted(chain).canaries[2].seen, 0);
}

static void check_preflight(struct slot_chain *chain, unsigned int share_ppm, __u64 cpus)
{
	struct slot_chain_state desired = { 0 };

	world_add_program(&desired, 2, "count");
	set_canary(&desired, "badverdict", 1, share_ppm);
	desired.slots[2].canary.cpus = cpus;
	assert_int_equal(world_apply(chain, &desired), -EPROTO);
	assert_non_null(strstr(world_why.text, "slot 2 (slot2, canary) answers an ordinary frame"));
}

static void preflight_meets_a_canary_of_few_flows_or_one_cpu(void **state)
{
	struct slot_chain *chain = *state;
	cpu_set_t before;
	cpu_set_t after;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	check_preflight(chain, ROOT_SHARE_ALL / 2, 0);
	check_preflight(chain, ROOT_SHARE_ALL / 200, 0);
	check_preflight(chain, 0, ~0ULL);
	check_preflight(chain, 0, 1ULL << (sched_getcpu() % 64));
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
	assert_int_equal(world_attached_id(), 0);
}

static void a_canary_of_the_object_that_runs_anyway_is_refused(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = { 0 };

	world_add_program(&desired, 2, "count");
	name_version(&desired.slots[2].object, "count", 1);
	set_canary(&desired, "count", 1, ROOT_SHARE_ALL / 2);
	assert_int_equal(world_apply(chain, &desired), -EINVAL);
	assert_non_null(strstr(world_why.text, "its canary is the object that the slot runs"));
	assert_int_equal(world_attached_id(), 0);
}

/* All or nothing: a verifier's no to the canary keeps what runs. */
static void a_canary_that_cannot_be_loaded_changes_nothing(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state desired = { 0 };
	__u32 before;

	world_must_apply(chain, "count");
	before = world_attached_id();
	world_add_program(&desired, 2, "count");
	set_canary(&desired, "toolong", 1, ROOT_SHARE_ALL / 2);
	assert_int_not_equal(world_apply(chain, &desired), 0);
	assert_non_null(strstr(world_why.text, "slot 2 (slot2, canary): "));
	assert_int_equal(world_attached_id(), before);
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
}

/* With its peer down no packet comes but those of the case. */
static int start_quiet(void **state)
{
	int err = world_start(state);

	world_must("ip link set eth1 down");
	return err;
}

#define ADD(fn) TAP_ADD(&plan, fn, start_quiet, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(a_promoted_canary_is_linked_again_and_not_loaded);
	ADD(an_aborted_canary_leaves_the_slots_own_as_it_was);
	ADD(after_a_start_a_canary_is_promoted_all_the_same);
	ADD(both_versions_work_on_the_same_maps);
	ADD(a_canarys_counters_outlive_other_changes_and_starts);
	ADD(another_canary_starts_at_zero_also_of_the_same_object);
	ADD(preflight_meets_a_canary_of_few_flows_or_one_cpu);
	ADD(a_canary_of_the_object_that_runs_anyway_is_refused);
	ADD(a_canary_that_cannot_be_loaded_changes_nothing);
	return tap_run(&plan, "canary of a chain", 1);
}
