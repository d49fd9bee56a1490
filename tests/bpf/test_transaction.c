/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of a chain on a real interface: a veth in a netns of this process's
 * own, pinned in a bpffs of its own, recorded on a small tmpfs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/chain/chain.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

static void a_refused_change_leaves_the_chain_and_nothing_else(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	world_add_program(&bad, 2, "toolong");
	assert_int_not_equal(world_apply(chain, &bad), 0);
	assert_non_null(strstr(world_why.text, "verifier rejected it"));
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(chain->current->number, 1);
	assert_null(chain->previous);
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	world_must("test ! -e " WORLD "/state/chains/eth0/generation-2.json");
}

static void preflight_refuses_what_aborts_or_returns_no_verdict(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	world_add_program(&bad, 2, "badverdict");
	assert_int_equal(world_apply(chain, &bad), -EPROTO);
	assert_non_null(strstr(world_why.text, "slot 2 (slot2) answers an ordinary frame"));
	assert_int_equal(world_attached_id(), before);
}

/* Denied or aborted: what the chain makes of it is no excuse. */
static void preflight_refuses_what_the_chain_would_cover_up(void **state)
{
	static const __u8 covers[] = { ROOT_DENIED_AS_DROP, ROOT_DENIED_AS_PASS };
	struct slot_setting aborted = { .key = "verdict", .value = "0" };
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };
	__u32 before;
	size_t i;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	world_add_program(&bad, 2, "badverdict");
	for (i = 0; i < sizeof(covers); i++) {
		bad.slots[2].rules.denied_as = covers[i];
		assert_int_equal(world_apply(chain, &bad), -EPROTO);
		assert_non_null(strstr(world_why.text, "slot 2 (slot2) answers an ordinary frame"));
	}
	world_add_program(&bad, 2, "ret");
	bad.slots[2].settings = (struct slot_settings){ .items = &aborted, .count = 1 };
	bad.slots[2].rules.continue_on |= 1U << ROOT_COL_ABORTED;
	assert_int_equal(world_apply(chain, &bad), -EPROTO);
	assert_non_null(strstr(world_why.text, "slot 2 (slot2) aborts an ordinary frame"));
	assert_int_equal(world_attached_id(), before);
}

static void preflight_of_a_chain_without_counters_goes_by_its_verdict(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };

	world_add_program(&bad, 2, "badverdict");
	bad.counters = false;
	assert_int_equal(world_apply(chain, &bad), -EPROTO);
	assert_non_null(strstr(world_why.text, "the chain aborts an ordinary frame"));
	assert_int_equal(world_attached_id(), 0);
}

static void a_chain_that_changes_its_engine_loads_its_programs_anew(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state both = { 0 };
	__u32 before;

	if (slot_engine_freplace.probe(&world_why)) {
		print_message("# SKIP engine freplace: %s\n", world_why.text);
		skip();
	}
	chain->engine = &slot_engine_freplace;
	world_must_apply(chain, "count");
	before = world_attached_id();
	chain->engine = &slot_engines_fused[ROOT_KIND_XDP];
	world_add_program(&both, 2, "count");
	world_add_program(&both, 3, "ret");
	if (world_apply(chain, &both))
		fail_msg("%s", world_why.text);
	assert_int_not_equal(world_attached_id(), before);
	chain->engine = &slot_engine_freplace;
	world_must_apply(chain, "count");
}

static void a_change_that_cannot_be_recorded_did_not_happen(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state next = { 0 };
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	world_add_program(&next, 2, "count");
	/* Room for the generation's record, but desired.json cannot be replaced. */
	world_must("mkdir " WORLD "/state/chains/eth0/.new-desired.json");
	assert_int_not_equal(world_apply(chain, &next), 0);
	assert_non_null(strstr(world_why.text, "cannot write the record 'desired.json'"));
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(chain->current->number, 1);
	world_must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	world_must("test -z \"$(find " WORLD "/bpf -path '*maps/slot2*')\"");
	world_must("rmdir " WORLD "/state/chains/eth0/.new-desired.json");
	world_must_apply(chain, "count");
	assert_int_not_equal(world_attached_id(), before);
}

static void a_full_disk_refuses_the_change_and_keeps_the_chain(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state next = { 0 };
	__u32 before;

	world_must_apply(chain, "ret");
	before = world_attached_id();
	world_add_program(&next, 2, "count");
	world_must("head -c 8m /dev/zero > " WORLD "/state/fill 2>/dev/null || true");
	assert_int_equal(world_apply(chain, &next), -ENOSPC);
	assert_int_equal(world_attached_id(), before);
	world_must("rm " WORLD "/state/fill");
	world_must_apply(chain, "count");
}

static void rollback_runs_the_same_program_again(void **state)
{
	struct slot_overrides overrides = { 0 };
	struct slot_chain *chain = *state;
	struct slot_outcome outcome;
	__u32 first;
	__u32 second;

	world_must_apply(chain, "ret");
	first = world_attached_id();
	world_must_apply(chain, "count");
	second = world_attached_id();
	assert_int_equal(slot_chain_rollback(chain, &overrides, &world_why, &outcome), 0);
	assert_int_equal(world_attached_id(), first);
	assert_int_equal(slot_chain_rollback(chain, &overrides, &world_why, &outcome), 0);
	assert_int_equal(world_attached_id(), second);
}

static void a_start_adopts_what_runs_untouched(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	before = world_attached_id();
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_int_equal(chain->next_number, 3);
}

static void a_swap_that_was_not_recorded_is_finished_by_the_next_start(void **state)
{
	struct slot_chain *chain = *state;
	__u32 after;

	world_must_apply(chain, "ret");
	world_must("cp " WORLD "/state/chains/eth0/desired.json " WORLD "/old.json");
	world_must_apply(chain, "count");
	after = world_attached_id();
	slot_chain_free(chain);
	world_must("mv " WORLD "/old.json " WORLD "/state/chains/eth0/desired.json");
	*state = chain = world_open();
	assert_int_equal(world_attached_id(), after);
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_int_equal(chain->next_number, 3);
	world_must("grep -q '\"current\": 2' " WORLD "/state/chains/eth0/desired.json");
}

static void a_generation_that_was_never_swapped_in_is_undone_by_the_next_start(void **state)
{
	struct slot_chain *chain = *state;
	char dir[PATH_MAX];
	int fd;

	world_must_apply(chain, "ret");
	assert_int_equal(slot_generation_dir(chain->dir, 2, dir), 0);
	assert_int_equal(slot_pin_mkdir(dir), 0);
	fd = slot_totals_new();
	assert_int_equal(slot_pin_set(fd, dir, "counters"), 0);
	close(fd);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(chain->current->number, 1);
	assert_null(chain->previous);
	assert_int_not_equal(access(dir, F_OK), 0);
}

static void a_link_that_runs_something_else_is_left_alone(void **state)
{
	struct slot_program *stranger = NULL;
	struct slot_settings none = { 0 };
	struct slot_program_place place = { 0 };
	struct slot_chain *chain = *state;
	struct slot_chain *again = NULL;
	struct slot_chain_state next = { 0 };
	struct slot_blob blob;
	char path[256];
	__u32 id;

	world_must_apply(chain, "ret");
	snprintf(path, sizeof(path), "%s/tests/bpf/progs/head.bpf.o",
		 getenv("SLOTD_BUILD") ? getenv("SLOTD_BUILD") : "build");
	assert_int_equal(slot_blob_read(path, &world_why, &blob), 0);
	assert_int_equal(slot_program_open(&blob, "", &none, &world_why, &stranger), 0);
	assert_int_equal(slot_program_load(stranger, &place, &world_why), 0);
	assert_int_equal(bpf_link_update(chain->link_fd, stranger->fd, NULL), 0);
	id = world_attached_id();

	world_add_program(&next, 2, "count");
	assert_int_equal(world_apply(chain, &next), -EPERM);
	assert_non_null(strstr(world_why.text, "someone else changed it"));
	assert_int_equal(world_attached_id(), id);

	assert_int_equal(slot_chain_open(&world_host, &world_config, &world_why, &again), -EEXIST);
	assert_non_null(strstr(world_why.text, "it was left alone"));
	assert_int_equal(world_attached_id(), id);
	slot_program_free(stranger);
	slot_blob_free(&blob);
}

static void counters_outlive_generations_and_starts(void **state)
{
	struct slot_counters counters;
	struct slot_chain *chain = *state;
	__u64 before;

	world_must_apply(chain, "ret");
	world_must(
		"ip addr add 192.0.2.1/24 dev eth1 2>/dev/null; ping -c 3 -i 0.05 -W 1 192.0.2.9 >/dev/null; true");
	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	before = counters.packets;
	assert_true(before > 0);
	world_must_apply(chain, "count");
	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	assert_true(counters.packets >= before);
	assert_int_equal(counters.slots[2].seen, counters.packets);
}

static void maps_stay_with_the_slot_over_versions_and_a_changed_layout_is_refused(void **state)
{
	struct slot_chain_state other = { 0 };
	struct slot_chain *chain = *state;
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char dir[PATH_MAX];
	__u32 id;
	int fd;

	world_must_apply(chain, "count");
	slot_pin_path(dir, chain->dir, "maps/slot2");
	fd = slot_pin_open(dir, "packets");
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	id = info.id;
	close(fd);
	world_must_apply(chain, "ret");
	world_must_apply(chain, "count");
	fd = slot_pin_open(dir, "packets");
	len = sizeof(info);
	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	assert_int_equal(info.id, id);

	/* The same map name with another type. */
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "packets", 4, 8, 1, NULL);
	slot_pin_del(dir, "packets");
	assert_int_equal(slot_pin_set(fd, dir, "packets"), 0);
	close(fd);
	world_must_apply(chain, "ret");
	slot_program_cache_clear(&chain->cache);
	world_add_program(&other, 2, "count");
	assert_int_equal(world_apply(chain, &other), -EEXIST);
	assert_non_null(strstr(world_why.text, "map 'packets' changed its type"));
}

static void an_interface_that_comes_back_gets_its_chain_again(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	world_must_apply(chain, "count");
	before = world_attached_id();
	world_must("ip link del eth0");
	assert_false(slot_chain_is_attached(chain));
	assert_int_equal(slot_chain_follow(chain, &world_why), 0);
	assert_int_equal(chain->ifindex, 0);
	world_must("ip link add dummy-between type veth");
	world_add_interface();
	if (slot_chain_follow(chain, &world_why))
		fail_msg("%s", world_why.text);
	assert_true(slot_chain_is_attached(chain));
	assert_int_equal(world_attached_id(), before);
	world_must("ip link del dummy-between");
	world_must_apply(chain, "ret");
}

static void an_interface_that_changed_while_slotd_was_away_keeps_its_maps(void **state)
{
	struct slot_chain *chain = *state;
	char path[PATH_MAX];

	world_must_apply(chain, "count");
	slot_chain_free(chain);
	world_must("ip link del eth0");
	world_add_interface();
	*state = chain = world_open();
	assert_false(slot_chain_is_attached(chain));
	assert_int_equal(chain->current->number, 1);
	assert_int_equal(slot_pin_path(path, chain->dir, "maps/slot2/packets"), 0);
	assert_int_equal(access(path, F_OK), 0);
	world_must_apply(chain, "count");
}

static void a_detached_chain_leaves_nothing_and_stays_off(void **state)
{
	struct slot_chain *chain = *state;

	world_must_apply(chain, "count");
	assert_int_equal(slot_chain_detach(chain, true, &world_why), 0);
	assert_int_equal(world_attached_id(), 0);
	world_must("test -z \"$(ls " WORLD "/bpf/slotd)\"");
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_true(chain->is_detached);
	world_must_apply(chain, "count");
	assert_false(chain->is_detached);
}

#define ADD(fn) TAP_ADD(&plan, fn, world_start, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(a_refused_change_leaves_the_chain_and_nothing_else);
	ADD(preflight_refuses_what_aborts_or_returns_no_verdict);
	ADD(preflight_refuses_what_the_chain_would_cover_up);
	ADD(preflight_of_a_chain_without_counters_goes_by_its_verdict);
	ADD(a_chain_that_changes_its_engine_loads_its_programs_anew);
	ADD(a_change_that_cannot_be_recorded_did_not_happen);
	ADD(a_full_disk_refuses_the_change_and_keeps_the_chain);
	ADD(rollback_runs_the_same_program_again);
	ADD(a_start_adopts_what_runs_untouched);
	ADD(a_swap_that_was_not_recorded_is_finished_by_the_next_start);
	ADD(a_generation_that_was_never_swapped_in_is_undone_by_the_next_start);
	ADD(a_link_that_runs_something_else_is_left_alone);
	ADD(counters_outlive_generations_and_starts);
	ADD(maps_stay_with_the_slot_over_versions_and_a_changed_layout_is_refused);
	ADD(an_interface_that_comes_back_gets_its_chain_again);
	ADD(an_interface_that_changed_while_slotd_was_away_keeps_its_maps);
	ADD(a_detached_chain_leaves_nothing_and_stays_off);
	return tap_run(&plan, "transaction", 1);
}
