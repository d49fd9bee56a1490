/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slot's program by itself: where its maps are pinned, and whom it may be
 * handed to. The host's bpffs is hidden behind an empty one of this process's own.
 */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/engine/verify.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/program/cache.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define BPFFS "/sys/fs/bpf"
#define MAP_NAME "pinned_map"

static struct slot_reason why;

/* In the top folder, but for maps.debug and its like, which the kernel puts there by itself. */
static unsigned int count_pins(void)
{
	DIR *dir = opendir(BPFFS);
	const struct dirent *entry;
	unsigned int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.' && !strstr(entry->d_name, ".debug");
	closedir(dir);
	return count;
}

static int hide_bpffs(void **state)
{
	(void)state;
	return mount("bpf", BPFFS, "bpf", 0, NULL);
}

static int show_bpffs(void **state)
{
	(void)state;
	return umount2(BPFFS, MNT_DETACH);
}

static void object_path(const char *object, char *ret_path, size_t size)
{
	const char *build = getenv("SLOTD_BUILD");

	snprintf(ret_path, size, "%s/tests/bpf/progs/%s.bpf.o", build ? build : "build", object);
}

static struct slot_program *load(const char *object, const struct slot_program_place *place)
{
	struct slot_settings none = { 0 };
	struct slot_program *program = NULL;
	struct slot_blob blob;
	char path[256];

	object_path(object, path, sizeof(path));
	if (slot_blob_read(path, &why, &blob) ||
	    slot_program_open(&blob, "", &none, &why, &program) ||
	    slot_program_load(program, place, &why))
		fail_msg("%s", why.text);
	slot_blob_free(&blob);
	return program;
}

static void verify(const char *object)
{
	struct slot_verify_report *report = calloc(1, sizeof(*report));
	char path[256];

	assert_non_null(report);
	object_path(object, path, sizeof(path));
	if (slot_verify(path, "", &why, report))
		fail_msg("%s", why.text);
	assert_true(report->fused_ok);
	free(report);
}

static void a_verified_object_that_wants_its_maps_pinned_pins_nothing(void **state)
{
	(void)state;
	verify("pinned");
	assert_int_equal(count_pins(), 0);
}

static void a_pin_of_a_maps_name_in_the_hosts_bpffs_is_not_used(void **state)
{
	struct slot_program_place place = { 0 };
	struct slot_program *program;
	__u64 count = 0;
	__u32 key = 0;
	struct progrun run;
	struct packet p;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, MAP_NAME, 4, 8, 1, NULL);

	(void)state;
	assert_int_equal(slot_pin_set(fd, BPFFS, MAP_NAME), 0);
	verify("pinned");
	program = load("pinned", &place);
	packet_start(&p, "", 0);
	packet_eth(&p);
	packet_pad(&p, 60);
	assert_int_equal(progrun_packet(program->fd, &p, &run), 0);
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(count_pins(), 1);
	slot_program_free(program);
	close(fd);
}

static void a_map_that_wants_to_be_pinned_by_name_is_pinned_with_its_slot(void **state)
{
	struct slot_program_place place = { .map_dir = BPFFS "/maps", .stage_dir = BPFFS "/new" };
	struct slot_program *program = load("pinned", &place);

	(void)state;
	assert_int_equal(access(BPFFS "/new/" MAP_NAME, F_OK), 0);
	assert_int_equal(count_pins(), 1);
	slot_program_free(program);
}

static struct slot_state describe(const char *name)
{
	struct slot_state slot = { .reserved = true, .enabled = true, .has_object = true };

	snprintf(slot.name, sizeof(slot.name), "%s", name);
	return slot;
}

static void a_program_is_only_found_for_the_type_it_was_loaded_as(void **state)
{
	struct slot_program *programs[ROOT_VERSIONS][ROOT_SLOTS] = { 0 };
	struct slot_program_place place = { 0 };
	struct slot_program_cache cache = { 0 };
	struct slot_chain_state chain = { 0 };

	(void)state;
	chain.slots[2] = describe("as_xdp");
	chain.slots[3] = describe("as_ext");
	programs[ROOT_STABLE][2] = load("ret", &place);
	assert_int_equal(slot_program_from_fd(dup(programs[ROOT_STABLE][2]->fd),
					      &programs[ROOT_STABLE][3]),
			 0);
	slot_program_cache_set(&cache, &chain, false, programs);

	assert_ptr_equal(slot_program_cache_find(&cache, &chain.slots[2], BPF_PROG_TYPE_XDP, false),
			 programs[ROOT_STABLE][2]);
	assert_null(slot_program_cache_find(&cache, &chain.slots[2], BPF_PROG_TYPE_EXT, false));
	assert_ptr_equal(slot_program_cache_find(&cache, &chain.slots[3], BPF_PROG_TYPE_EXT, false),
			 programs[ROOT_STABLE][3]);
	assert_null(slot_program_cache_find(&cache, &chain.slots[3], BPF_PROG_TYPE_XDP, false));
	slot_program_cache_clear(&cache);
}

/* What is promoted was loaded as a canary, and is not loaded again. */
static void a_canary_is_found_as_its_slots_own(void **state)
{
	struct slot_program *programs[ROOT_VERSIONS][ROOT_SLOTS] = { 0 };
	struct slot_program_place place = { 0 };
	struct slot_program_cache cache = { 0 };
	struct slot_chain_state chain = { 0 };
	struct slot_state promoted;

	(void)state;
	chain.slots[2] = describe("firewall");
	chain.slots[2].canary = (struct slot_canary){ .present = true, .share_ppm = 1 };
	memset(chain.slots[2].canary.object.sha256, 'c', SLOT_SHA256_SIZE - 1);
	promoted = chain.slots[2];
	promoted.object = promoted.canary.object;
	programs[ROOT_STABLE][2] = load("ret", &place);
	programs[ROOT_CANARY][2] = load("ret", &place);
	slot_program_cache_set(&cache, &chain, false, programs);

	assert_ptr_equal(slot_program_cache_find(&cache, &chain.slots[2], BPF_PROG_TYPE_XDP, false),
			 programs[ROOT_STABLE][2]);
	assert_ptr_equal(slot_program_cache_find(&cache, &promoted, BPF_PROG_TYPE_XDP, false),
			 programs[ROOT_CANARY][2]);
	slot_program_cache_clear(&cache);
}

#define ADD(fn) TAP_ADD(&plan, fn, hide_bpffs, show_bpffs)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid() &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		return 1;
	ADD(a_verified_object_that_wants_its_maps_pinned_pins_nothing);
	ADD(a_pin_of_a_maps_name_in_the_hosts_bpffs_is_not_used);
	ADD(a_map_that_wants_to_be_pinned_by_name_is_pinned_with_its_slot);
	ADD(a_program_is_only_found_for_the_type_it_was_loaded_as);
	ADD(a_canary_is_found_as_its_slots_own);
	return tap_run(&plan, "program", 1);
}
