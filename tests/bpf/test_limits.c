/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a reservation grants, held against programs on their way into a real
 * chain, by the engine that this kernel makes the first choice.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/chain.h"
#include "loader/lib/host/map_memory.h"
#include "loader/lib/host/pins.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define ARENA 33 /* BPF_MAP_TYPE_ARENA, of newer headers */

#define CLASS(name) (1U << SLOT_HELPER_##name)
#define REACHED (CLASS(REDIRECT) | CLASS(ADJUST_TAIL) | CLASS(TAIL_CALL) | CLASS(TRACE))

/* What hoard's maps take when full: at least key and value of each entry, and the ring. */
#define HOARD_MIN ((16384ULL * 8) + (65536ULL * 16) + (1ULL << 20))
#define HOARD_MAX (16ULL << 20)

/* Slot 2 with @object, granted @helpers. */
static struct slot_chain_state make_state(const char *object, __u32 helpers)
{
	struct slot_chain_state state = { 0 };

	world_add_program(&state, 2, object);
	if (!strcmp(object, "reach"))
		strcpy(state.slots[2].program, "reach");
	state.slots[2].limits.has_helpers = true;
	state.slots[2].limits.helpers = helpers;
	return state;
}

static void must_apply(struct slot_chain *chain, const struct slot_chain_state *state)
{
	if (world_apply(chain, state))
		fail_msg("%s", world_why.text);
}

/* @state is refused with @err and words that hold @part, and what ran runs. */
static void assert_refused(struct slot_chain *chain, const struct slot_chain_state *state, int err,
			   const char *part)
{
	unsigned int number = chain->current ? chain->current->number : 0;
	__u32 before = world_attached_id();

	assert_int_equal(world_apply(chain, state), err);
	if (!strstr(world_why.text, part))
		fail_msg("'%s' is not in '%s'", part, world_why.text);
	assert_int_equal(world_attached_id(), before);
	assert_int_equal(chain->current ? chain->current->number : 0, number);
}

/* --- helpers ------------------------------------------------------------------------------- */

static void a_program_within_its_grant_runs(void **state)
{
	struct slot_chain_state wanted = make_state("reach", REACHED);

	must_apply(*state, &wanted);
	assert_int_not_equal(world_attached_id(), 0);
}

static void a_program_without_limits_may_call_what_it_likes(void **state)
{
	struct slot_chain_state wanted = make_state("reach", 0);

	wanted.slots[2].limits.has_helpers = false;
	must_apply(*state, &wanted);
}

static void basic_helpers_need_no_grant(void **state)
{
	struct slot_chain_state wanted = make_state("count", 0);

	must_apply(*state, &wanted);
}

/* In the entry, in a subprogram, behind a setting, behind a tail call: it must not matter where. */
static void a_helper_without_grant_is_refused_wherever_it_stands(void **state)
{
	static const struct {
		enum slot_helper_class kind;
		const char *words;
	} missing[] = {
		{ SLOT_HELPER_REDIRECT, "bpf_redirect_map (class redirect)" },
		{ SLOT_HELPER_ADJUST_TAIL, "bpf_xdp_adjust_tail (class adjust_tail)" },
		{ SLOT_HELPER_TAIL_CALL, "bpf_tail_call (class tail_call)" },
		{ SLOT_HELPER_TRACE, "bpf_trace_printk (class trace)" },
	};
	struct slot_chain_state wanted;

	world_must_apply(*state, "ret");
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		wanted = make_state("reach", REACHED & ~(1U << missing[i].kind));
		assert_refused(*state, &wanted, -EACCES, missing[i].words);
	}
}

static void all_that_is_missing_is_named_in_one_line(void **state)
{
	struct slot_chain_state wanted = make_state("reach", CLASS(REDIRECT));

	assert_refused(*state, &wanted, -EACCES,
		       "slot 2 (slot2): 'reach' calls what this reservation is not granted: ");
	assert_non_null(strstr(world_why.text, "(class tail_call)"));
	assert_non_null(strstr(world_why.text, "(class trace)"));
	assert_non_null(strstr(world_why.text, "; helpers in slots.conf grants redirect"));
	assert_null(strstr(world_why.text, "bpf_redirect_map"));
	assert_null(strchr(world_why.text, '\n'));
}

static void a_grant_cannot_be_narrowed_below_what_runs(void **state)
{
	struct slot_chain_state wide = make_state("reach", REACHED | CLASS(SOCKET));
	struct slot_chain_state fits = make_state("reach", REACHED);
	struct slot_chain_state narrow = make_state("reach", REACHED & ~CLASS(TRACE));

	must_apply(*state, &wide);
	assert_refused(*state, &narrow, -EACCES, "bpf_trace_printk");
	must_apply(*state, &fits);
	assert_refused(*state, &narrow, -EACCES, "bpf_trace_printk");
}

/* Over restarts programs come back from their pins, where no code can be looked at. */
static void nor_after_a_restart(void **state)
{
	struct slot_chain_state wide = make_state("reach", REACHED | CLASS(SOCKET));
	struct slot_chain_state narrow = make_state("reach", REACHED & ~CLASS(TRACE));
	struct slot_chain *chain = *state;

	must_apply(chain, &wide);
	slot_chain_free(chain);
	*state = chain = world_open();
	assert_refused(chain, &narrow, -EACCES, "bpf_trace_printk");
	/* one more slot brings slot 2 back from its pin, into the cache */
	world_add_program(&wide, 3, "ret");
	must_apply(chain, &wide);
	world_add_program(&narrow, 3, "ret");
	assert_refused(chain, &narrow, -EACCES, "bpf_trace_printk");
	wide.slots[2].limits.has_helpers = false;
	must_apply(chain, &wide);
	assert_refused(chain, &narrow, -EACCES, "bpf_trace_printk");
}

static void a_canary_is_held_to_the_same_grant(void **state)
{
	struct slot_chain_state wanted = make_state("count", CLASS(REDIRECT));
	struct slot_chain_state other = make_state("head", 0);

	must_apply(*state, &wanted);
	wanted.slots[2].canary = (struct slot_canary){
		.present = true,
		.object = other.slots[2].object,
		.share_ppm = 500000,
	};
	assert_refused(*state, &wanted, -EACCES, "bpf_xdp_adjust_head (class adjust_head)");
	assert_non_null(strstr(world_why.text, "canary"));
}

/* --- memory -------------------------------------------------------------------------------- */

static struct slot_chain_state make_hoard(__u64 map_memory)
{
	struct slot_chain_state state = { 0 };

	world_add_program(&state, 2, "hoard");
	state.slots[2].limits.map_memory = map_memory;
	return state;
}

static __u64 measure(const struct slot_chain *chain)
{
	struct slot_map_folders folders = { 0 };
	struct slot_map_memory memory;
	char dir[PATH_MAX];

	assert_int_equal(slot_pin_path(dir, chain->dir, "maps/slot2"), 0);
	folders.own = dir;
	assert_int_equal(slot_map_memory_sum(&folders, &memory), 0);
	return memory.bytes;
}

static void maps_are_measured_as_if_they_were_full(void **state)
{
	struct slot_chain_state wanted = make_hoard(0);
	__u64 bytes;

	must_apply(*state, &wanted);
	bytes = measure(*state);
	assert_true(bytes >= HOARD_MIN);
	assert_true(bytes <= HOARD_MAX);
}

static void maps_that_take_more_than_granted_are_refused(void **state)
{
	struct slot_chain_state exact = make_hoard(0);
	__u64 bytes;

	must_apply(*state, &exact);
	bytes = measure(*state);
	exact.slots[2].limits.map_memory = bytes - 1;
	assert_refused(*state, &exact, -EFBIG, "slot 2 (slot2): its maps take ");
	assert_non_null(strstr(world_why.text, "('growing' alone "));
	exact.slots[2].limits.map_memory = bytes;
	must_apply(*state, &exact);
}

static void a_first_load_beyond_the_grant_leaves_no_maps(void **state)
{
	struct slot_chain_state wanted = make_hoard(1 << 20);
	struct slot_chain *chain = *state;

	assert_refused(chain, &wanted, -EFBIG, "map_memory in slots.conf grants 1M");
	assert_int_not_equal(access(chain->dir, F_OK), 0);
}

/* What an earlier version left stays the reservation's, and is counted. */
static void maps_of_earlier_versions_count(void **state)
{
	struct slot_chain_state first = make_hoard(0);
	struct slot_chain_state second = { 0 };
	__u64 bytes;

	must_apply(*state, &first);
	bytes = measure(*state);
	world_add_program(&second, 2, "count");
	second.slots[2].limits.map_memory = bytes;
	assert_refused(*state, &second, -EFBIG, "'growing'");
	second.slots[2].limits.map_memory = 2 * bytes;
	must_apply(*state, &second);
}

/* They are code, not state, and no folder of the reservation has them. */
static void program_arrays_count(void **state)
{
	struct slot_chain_state wanted = { 0 };

	world_add_program(&wanted, 2, "jumps");
	wanted.slots[2].limits.map_memory = 512 << 10;
	assert_refused(*state, &wanted, -EFBIG, "('targets' alone 1");
	wanted.slots[2].limits.map_memory = 2 << 20;
	must_apply(*state, &wanted);
	assert_true(slot_chain_measure_maps(*state, 2) >= 1 << 20);
	assert_true(slot_chain_measure_maps(*state, 2) <= 2 << 20);
}

/* --- single maps --------------------------------------------------------------------------- */

static __u64 measure_fd(int fd)
{
	__u64 bytes = 0;

	assert_true(fd >= 0);
	assert_int_equal(slot_map_memory_get(fd, &bytes), 0);
	close(fd);
	return bytes;
}

static __u64 measure_new(enum bpf_map_type type, __u32 key_size, __u32 value_size, __u32 flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);

	return measure_fd(bpf_map_create(type, "measured", key_size, value_size, 4096, &opts));
}

static void a_map_that_grows_is_measured_like_one_that_is_made_whole(void **state)
{
	static const enum bpf_map_type types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		__u64 whole = measure_new(types[i], 16, 64, 0);
		__u64 growing = measure_new(types[i], 16, 64, BPF_F_NO_PREALLOC);

		assert_true(growing >= whole / 2);
		assert_true(growing <= whole * 2);
	}
}

static void a_map_holds_at_least_its_entries(void **state)
{
	static const struct {
		enum bpf_map_type type;
		__u32 key_size;
		__u32 flags;
	} kinds[] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 8, 0 },
		{ BPF_MAP_TYPE_LRU_PERCPU_HASH, 8, 0 },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, BPF_F_NO_PREALLOC },
		{ BPF_MAP_TYPE_QUEUE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_true(measure_new(kinds[i].type, kinds[i].key_size, 64, kinds[i].flags) >=
			    4096 * 64);
}

/* Each entry is an object of its own, however often it is the same device. */
static void a_map_of_devices_holds_more_than_pointers(void **state)
{
	(void)state;
	assert_true(measure_new(BPF_MAP_TYPE_DEVMAP, 4, 8, 0) >= 4096ULL * 64);
}

/* Who maps it gets its pages one by one, and the kernel counts none of them. */
static void an_arena_holds_its_pages(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create((enum bpf_map_type)ARENA, "measured", 0, 0, 4096, &opts);

	(void)state;
	if (fd == -EINVAL) {
		print_message("# SKIP this kernel has no arenas (6.9)\n");
		skip();
	}
	assert_true(measure_fd(fd) >= 4096ULL * (__u64)sysconf(_SC_PAGESIZE));
}

#define ADD(fn) TAP_ADD(&plan, fn, world_start, world_end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid())
		world_enter();
	ADD(a_program_within_its_grant_runs);
	ADD(a_program_without_limits_may_call_what_it_likes);
	ADD(basic_helpers_need_no_grant);
	ADD(a_helper_without_grant_is_refused_wherever_it_stands);
	ADD(all_that_is_missing_is_named_in_one_line);
	ADD(a_grant_cannot_be_narrowed_below_what_runs);
	ADD(nor_after_a_restart);
	ADD(a_canary_is_held_to_the_same_grant);
	ADD(maps_are_measured_as_if_they_were_full);
	ADD(maps_that_take_more_than_granted_are_refused);
	ADD(a_first_load_beyond_the_grant_leaves_no_maps);
	ADD(maps_of_earlier_versions_count);
	ADD(program_arrays_count);
	TAP_ADD(&plan, a_map_that_grows_is_measured_like_one_that_is_made_whole, NULL, NULL);
	TAP_ADD(&plan, a_map_holds_at_least_its_entries, NULL, NULL);
	TAP_ADD(&plan, a_map_of_devices_holds_more_than_pointers, NULL, NULL);
	TAP_ADD(&plan, an_arena_holds_its_pages, NULL, NULL);
	return tap_run(&plan, "limits", 1);
}
