/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of a chain on a real interface: a veth in a netns of this process's
 * own, pinned in a bpffs of its own, recorded on a small tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <net/if.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/chain/chain.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"

#define WORLD "/tmp/slotd-world"

static struct slot_host host;
static struct slot_chain_config config = { .interface = "eth0" };
static struct slot_reason why;

static void must(const char *command)
{
	if (system(command))
		fail_msg("'%s' failed", command);
}

/* Everything below disappears with the process: netns, mounts, and what is pinned in them. */
static int enter_world(void **state)
{
	int lock_fd;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("tmpfs", "/tmp", "tmpfs", 0, "size=64m"), 0);
	assert_int_equal(mkdir(WORLD, 0755), 0);
	assert_int_equal(mkdir(WORLD "/state", 0755), 0);
	assert_int_equal(mount("tmpfs", WORLD "/state", "tmpfs", 0, "size=4m"), 0);
	if (slot_pins_open(WORLD "/bpf", &why, &lock_fd, host.root) ||
	    slot_store_open(WORLD "/state", &why, &host.store))
		fail_msg("%s", why.text);
	return 0;
}

static struct slot_chain *open_chain(void)
{
	struct slot_chain *chain;

	if (slot_chain_open(&host, &config, &why, &chain))
		fail_msg("%s", why.text);
	return chain;
}

static void add_interface(void)
{
	must("ip link add eth0 type veth peer name eth1 && ip link set eth0 up && ip link set eth1 up");
}

/* A state that runs the test program @object in @slot. */
static void add_program(struct slot_chain_state *state, unsigned int slot, const char *object)
{
	const char *build = getenv("SLOTD_BUILD");
	struct slot_state *s = &state->slots[slot];
	struct slot_blob blob;
	char path[256];

	snprintf(path, sizeof(path), "%s/tests/bpf/progs/%s.bpf.o", build ? build : "build",
		 object);
	if (slot_blob_read(path, &why, &blob) || slot_store_put(&host.store, &blob, &why))
		fail_msg("%s", why.text);
	state->counters = true;
	s->reserved = true;
	s->enabled = true;
	s->has_object = true;
	s->rules = ROOT_RULES_DEFAULT;
	snprintf(s->name, sizeof(s->name), "slot%u", slot);
	snprintf(s->object.name, sizeof(s->object.name), "%s", object);
	memcpy(s->object.sha256, blob.sha256, sizeof(s->object.sha256));
	slot_blob_free(&blob);
}

static int apply(struct slot_chain *chain, const struct slot_chain_state *state)
{
	struct slot_overrides overrides = { 0 };
	struct slot_change change = { .desired = state, .overrides = &overrides, .reason = "test" };
	struct slot_outcome outcome;

	return slot_chain_apply(chain, &change, &why, &outcome);
}

static void must_apply(struct slot_chain *chain, const char *object)
{
	struct slot_chain_state state = { 0 };

	add_program(&state, 2, object);
	if (apply(chain, &state))
		fail_msg("%s", why.text);
}

/* What the interface runs, by the kernel's word. */
static __u32 attached_id(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)if_nametoindex("eth0"), 0, &query))
		return 0;
	return query.prog_id;
}

static int start_world(void **state)
{
	(void)state;
	add_interface();
	*state = open_chain();
	return 0;
}

static int end_world(void **state)
{
	slot_chain_detach(*state, false, &why);
	slot_chain_free(*state);
	must("ip link del eth0 2>/dev/null; rm -rf " WORLD "/state/*/* " WORLD "/bpf/slotd/*");
	return 0;
}

static void a_refused_change_leaves_the_chain_and_nothing_else(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };
	__u32 before;

	must_apply(chain, "ret");
	before = attached_id();
	add_program(&bad, 2, "toolong");
	assert_int_not_equal(apply(chain, &bad), 0);
	assert_non_null(strstr(why.text, "verifier rejected it"));
	assert_int_equal(attached_id(), before);
	assert_int_equal(chain->current->number, 1);
	assert_null(chain->previous);
	must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	must("test ! -e " WORLD "/state/chains/eth0/generation-2.json");
}

static void preflight_refuses_what_aborts_or_returns_no_verdict(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state bad = { 0 };
	__u32 before;

	must_apply(chain, "ret");
	before = attached_id();
	add_program(&bad, 2, "badverdict");
	assert_int_equal(apply(chain, &bad), -EPROTO);
	assert_non_null(strstr(why.text, "slot 2 (slot2) answers an ordinary frame"));
	assert_int_equal(attached_id(), before);
}

static void a_change_that_cannot_be_recorded_did_not_happen(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state next = { 0 };
	__u32 before;

	must_apply(chain, "ret");
	before = attached_id();
	add_program(&next, 2, "count");
	/* Room for the generation's record, but desired.json cannot be replaced. */
	must("mkdir " WORLD "/state/chains/eth0/.new-desired.json");
	assert_int_not_equal(apply(chain, &next), 0);
	assert_non_null(strstr(why.text, "cannot write the record 'desired.json'"));
	assert_int_equal(attached_id(), before);
	assert_int_equal(chain->current->number, 1);
	must("test -z \"$(find " WORLD "/bpf -path '*gen/2*')\"");
	must("test -z \"$(find " WORLD "/bpf -path '*maps/slot2*')\"");
	must("rmdir " WORLD "/state/chains/eth0/.new-desired.json");
	must_apply(chain, "count");
	assert_int_not_equal(attached_id(), before);
}

static void a_full_disk_refuses_the_change_and_keeps_the_chain(void **state)
{
	struct slot_chain *chain = *state;
	struct slot_chain_state next = { 0 };
	__u32 before;

	must_apply(chain, "ret");
	before = attached_id();
	add_program(&next, 2, "count");
	must("head -c 8m /dev/zero > " WORLD "/state/fill 2>/dev/null || true");
	assert_int_equal(apply(chain, &next), -ENOSPC);
	assert_int_equal(attached_id(), before);
	must("rm " WORLD "/state/fill");
	must_apply(chain, "count");
}

static void rollback_runs_the_same_program_again(void **state)
{
	struct slot_overrides overrides = { 0 };
	struct slot_chain *chain = *state;
	struct slot_outcome outcome;
	__u32 first;
	__u32 second;

	must_apply(chain, "ret");
	first = attached_id();
	must_apply(chain, "count");
	second = attached_id();
	assert_int_equal(slot_chain_rollback(chain, &overrides, &why, &outcome), 0);
	assert_int_equal(attached_id(), first);
	assert_int_equal(slot_chain_rollback(chain, &overrides, &why, &outcome), 0);
	assert_int_equal(attached_id(), second);
}

static void a_start_adopts_what_runs_untouched(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	must_apply(chain, "ret");
	must_apply(chain, "count");
	before = attached_id();
	slot_chain_free(chain);
	*state = chain = open_chain();
	assert_int_equal(attached_id(), before);
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_int_equal(chain->next_number, 3);
}

static void a_swap_that_was_not_recorded_is_finished_by_the_next_start(void **state)
{
	struct slot_chain *chain = *state;
	__u32 after;

	must_apply(chain, "ret");
	must("cp " WORLD "/state/chains/eth0/desired.json " WORLD "/old.json");
	must_apply(chain, "count");
	after = attached_id();
	slot_chain_free(chain);
	must("mv " WORLD "/old.json " WORLD "/state/chains/eth0/desired.json");
	*state = chain = open_chain();
	assert_int_equal(attached_id(), after);
	assert_int_equal(chain->current->number, 2);
	assert_int_equal(chain->previous->number, 1);
	assert_int_equal(chain->next_number, 3);
	must("grep -q '\"current\": 2' " WORLD "/state/chains/eth0/desired.json");
}

static void a_generation_that_was_never_swapped_in_is_undone_by_the_next_start(void **state)
{
	struct slot_chain *chain = *state;
	char dir[PATH_MAX];
	int fd;

	must_apply(chain, "ret");
	assert_int_equal(slot_generation_dir(chain->dir, 2, dir), 0);
	assert_int_equal(slot_pin_mkdir(dir), 0);
	fd = slot_totals_new();
	assert_int_equal(slot_pin_set(fd, dir, "counters"), 0);
	close(fd);
	slot_chain_free(chain);
	*state = chain = open_chain();
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

	must_apply(chain, "ret");
	snprintf(path, sizeof(path), "%s/tests/bpf/progs/head.bpf.o",
		 getenv("SLOTD_BUILD") ? getenv("SLOTD_BUILD") : "build");
	assert_int_equal(slot_blob_read(path, &why, &blob), 0);
	assert_int_equal(slot_program_open(&blob, "", &none, &why, &stranger), 0);
	assert_int_equal(slot_program_load_xdp(stranger, &place, &why), 0);
	assert_int_equal(bpf_link_update(chain->link_fd, stranger->fd, NULL), 0);
	id = attached_id();

	add_program(&next, 2, "count");
	assert_int_equal(apply(chain, &next), -EPERM);
	assert_non_null(strstr(why.text, "someone else changed it"));
	assert_int_equal(attached_id(), id);

	assert_int_equal(slot_chain_open(&host, &config, &why, &again), -EEXIST);
	assert_non_null(strstr(why.text, "it was left alone"));
	assert_int_equal(attached_id(), id);
	slot_program_free(stranger);
	slot_blob_free(&blob);
}

static void counters_outlive_generations_and_starts(void **state)
{
	struct slot_counters counters;
	struct slot_chain *chain = *state;
	__u64 before;

	must_apply(chain, "ret");
	must("ip addr add 192.0.2.1/24 dev eth1 2>/dev/null; ping -c 3 -i 0.05 -W 1 192.0.2.9 >/dev/null; true");
	assert_int_equal(slot_chain_counters(chain, &counters), 0);
	before = counters.packets;
	assert_true(before > 0);
	must_apply(chain, "count");
	must_apply(chain, "ret");
	must_apply(chain, "count");
	slot_chain_free(chain);
	*state = chain = open_chain();
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

	must_apply(chain, "count");
	slot_pin_path(dir, chain->dir, "maps/slot2");
	fd = slot_pin_open(dir, "packets");
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	id = info.id;
	close(fd);
	must_apply(chain, "ret");
	must_apply(chain, "count");
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
	must_apply(chain, "ret");
	slot_program_cache_clear(&chain->cache);
	add_program(&other, 2, "count");
	assert_int_equal(apply(chain, &other), -EEXIST);
	assert_non_null(strstr(why.text, "map 'packets' changed its type"));
}

static void an_interface_that_comes_back_gets_its_chain_again(void **state)
{
	struct slot_chain *chain = *state;
	__u32 before;

	must_apply(chain, "count");
	before = attached_id();
	must("ip link del eth0");
	assert_false(slot_chain_is_attached(chain));
	assert_int_equal(slot_chain_follow(chain, &why), 0);
	assert_int_equal(chain->ifindex, 0);
	must("ip link add dummy-between type veth");
	add_interface();
	if (slot_chain_follow(chain, &why))
		fail_msg("%s", why.text);
	assert_true(slot_chain_is_attached(chain));
	assert_int_equal(attached_id(), before);
	must("ip link del dummy-between");
	must_apply(chain, "ret");
}

static void an_interface_that_changed_while_slotd_was_away_keeps_its_maps(void **state)
{
	struct slot_chain *chain = *state;
	char path[PATH_MAX];

	must_apply(chain, "count");
	slot_chain_free(chain);
	must("ip link del eth0");
	add_interface();
	*state = chain = open_chain();
	assert_false(slot_chain_is_attached(chain));
	assert_int_equal(chain->current->number, 1);
	assert_int_equal(slot_pin_path(path, chain->dir, "maps/slot2/packets"), 0);
	assert_int_equal(access(path, F_OK), 0);
	must_apply(chain, "count");
}

static void a_detached_chain_leaves_nothing_and_stays_off(void **state)
{
	struct slot_chain *chain = *state;

	must_apply(chain, "count");
	assert_int_equal(slot_chain_detach(chain, true, &why), 0);
	assert_int_equal(attached_id(), 0);
	must("test -z \"$(ls " WORLD "/bpf/slotd)\"");
	slot_chain_free(chain);
	*state = chain = open_chain();
	assert_true(chain->is_detached);
	must_apply(chain, "count");
	assert_false(chain->is_detached);
}

#define ADD(fn) TAP_ADD(&plan, fn, start_world, end_world)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		enter_world(NULL);
	ADD(a_refused_change_leaves_the_chain_and_nothing_else);
	ADD(preflight_refuses_what_aborts_or_returns_no_verdict);
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
