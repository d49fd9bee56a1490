/* SPDX-License-Identifier: GPL-2.0-only */
/* How roots of sockets are attached and moved: links of a cgroup and of a netns, the jump and its seat. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/host/jump.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/sock.h"
#include "loader/lib/host/target.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"
#include "tests/support/world.h"

#define SEAT_DIR WORLD "/bpf/slotd/sk_reuseport/web"
#define CGROUPS WORLD "/cgroup"

/* One that passes, as the roots of @hook are loaded. */
static int load_pass(enum slot_hook hook)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	enum bpf_prog_type type = BPF_PROG_TYPE_SK_REUSEPORT;
	int fd;

	opts.expected_attach_type = BPF_SK_REUSEPORT_SELECT_OR_MIGRATE;
	if (hook == SLOT_HOOK_SOCK_OPS) {
		type = BPF_PROG_TYPE_SOCK_OPS;
		opts.expected_attach_type = BPF_CGROUP_SOCK_OPS;
	} else if (hook == SLOT_HOOK_SK_LOOKUP) {
		type = BPF_PROG_TYPE_SK_LOOKUP;
		opts.expected_attach_type = BPF_SK_LOOKUP;
	}
	fd = bpf_prog_load(type, "pass", "GPL", insns, 2, &opts);
	assert_true(fd >= 0);
	return fd;
}

static __u32 id_of(int prog_fd)
{
	__u32 id = 0;

	assert_int_equal(slot_xdp_prog_id(prog_fd, &id), 0);
	return id;
}

static void assert_runs(enum slot_hook hook, int link_fd, int prog_fd)
{
	unsigned int number = 99;
	__u32 id = 99;

	assert_int_equal(slot_hook_link_get(hook, link_fd, 0, &id, &number), 0);
	assert_int_equal(id, prog_fd < 0 ? 0 : id_of(prog_fd));
	assert_int_equal(number, prog_fd < 0 ? 0 : SLOT_TARGET_THERE);
}

/* Moved from the one to the other, by who expects the one, and by nobody else. */
static void check_swap(enum slot_hook hook, int link_fd, int one, int other)
{
	assert_runs(hook, link_fd, one);
	assert_int_equal(slot_hook_swap(hook, link_fd, other, other), -EPERM);
	assert_runs(hook, link_fd, one);
	assert_int_equal(slot_hook_swap(hook, link_fd, other, one), 0);
	assert_runs(hook, link_fd, other);
}

static void a_netns_has_a_link_that_only_its_writer_moves(void **state)
{
	struct slot_place place = { 0 };
	_cleanup_close_ int one = load_pass(SLOT_HOOK_SK_LOOKUP);
	_cleanup_close_ int other = load_pass(SLOT_HOOK_SK_LOOKUP);
	int link_fd = slot_sock_attach(SLOT_HOOK_SK_LOOKUP, "", one);

	(void)state;
	assert_true(link_fd >= 0);
	check_swap(SLOT_HOOK_SK_LOOKUP, link_fd, one, other);
	assert_int_equal(slot_hook_check(SLOT_HOOK_SK_LOOKUP, &place, 0, id_of(other)), 1);
	assert_int_equal(slot_hook_check(SLOT_HOOK_SK_LOOKUP, &place, 0, id_of(one)), 0);
	close(link_fd);
	assert_int_equal(slot_hook_check(SLOT_HOOK_SK_LOOKUP, &place, 0, id_of(other)), 0);
}

static void a_cgroup_has_a_link_that_ends_with_it(void **state)
{
	struct slot_place place = { .cgroup = CGROUPS "/slotd-test" };
	_cleanup_close_ int one = load_pass(SLOT_HOOK_SOCK_OPS);
	_cleanup_close_ int other = load_pass(SLOT_HOOK_SOCK_OPS);
	struct slot_target target;
	unsigned int number = 1;
	int link_fd, tries;
	__u32 id;

	(void)state;
	if (mkdir(CGROUPS, 0755) || mount("cgroup2", CGROUPS, "cgroup2", 0, NULL)) {
		print_message("# SKIP cgroup2 cannot be mounted here: %s\n", strerror(errno));
		skip();
	}
	rmdir(place.cgroup);
	assert_int_equal(slot_sock_attach(SLOT_HOOK_SOCK_OPS, place.cgroup, one), -ENOENT);
	assert_int_equal(slot_target_find(SLOT_HOOK_SOCK_OPS, &place, "a", 0, &target), 0);
	assert_int_equal(target.netns_cookie, 0);
	assert_int_equal(mkdir(place.cgroup, 0755), 0);
	assert_int_equal(slot_target_find(SLOT_HOOK_SOCK_OPS, &place, "a", 0, &target), 0);
	assert_int_equal(target.ifindex, SLOT_TARGET_THERE);
	link_fd = slot_sock_attach(SLOT_HOOK_SOCK_OPS, place.cgroup, one);
	assert_true(link_fd >= 0);
	check_swap(SLOT_HOOK_SOCK_OPS, link_fd, one, other);
	assert_int_equal(slot_hook_check(SLOT_HOOK_SOCK_OPS, &place, 0, id_of(other)), 1);
	assert_int_equal(rmdir(place.cgroup), 0);
	for (tries = 0; number && tries < 2000; tries++, usleep(1000))
		assert_int_equal(slot_hook_link_get(SLOT_HOOK_SOCK_OPS, link_fd, 0, &id, &number),
				 0);
	assert_int_equal(number, 0);
	assert_int_equal(slot_hook_swap(SLOT_HOOK_SOCK_OPS, link_fd, one, other), -ENOLINK);
	assert_int_equal(slot_hook_check(SLOT_HOOK_SOCK_OPS, &place, 0, id_of(other)), 0);
	close(link_fd);
	umount(CGROUPS);
}

static void a_folder_that_is_no_cgroup_is_told(void **state)
{
	_cleanup_close_ int one = load_pass(SLOT_HOOK_SOCK_OPS);

	(void)state;
	assert_int_equal(slot_sock_attach(SLOT_HOOK_SOCK_OPS, WORLD, one), -EBADF);
}

static void a_seat_holds_what_only_its_writer_moves(void **state)
{
	_cleanup_close_ int one = load_pass(SLOT_HOOK_SK_REUSEPORT);
	_cleanup_close_ int other = load_pass(SLOT_HOOK_SK_REUSEPORT);
	int seat_fd = slot_jump_open(SEAT_DIR);

	(void)state;
	assert_true(seat_fd >= 0);
	assert_int_equal(slot_jump_pin(seat_fd, SEAT_DIR), 0);
	assert_runs(SLOT_HOOK_SK_REUSEPORT, seat_fd, -1);
	assert_int_equal(slot_jump_set(seat_fd, one), 0);
	check_swap(SLOT_HOOK_SK_REUSEPORT, seat_fd, one, other);
	assert_int_equal(slot_jump_clear(seat_fd), 0);
	assert_runs(SLOT_HOOK_SK_REUSEPORT, seat_fd, -1);
	assert_int_equal(slot_jump_clear(seat_fd), 0);
	assert_int_equal(slot_hook_swap(SLOT_HOOK_SK_REUSEPORT, seat_fd, one, other), -EPERM);
	close(seat_fd);
	assert_int_equal(slot_pin_remove_all(SEAT_DIR), 0);
}

static __u32 seat_id(int seat_fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	assert_int_equal(bpf_map_get_info_by_fd(seat_fd, &info, &len), 0);
	return info.id;
}

static void a_jump_leads_to_its_seat_and_is_for_everybody(void **state)
{
	_cleanup_close_ int seat_fd = slot_jump_open(SEAT_DIR);
	_cleanup_close_ int found = -1;
	struct stat st;

	(void)state;
	assert_true(seat_fd >= 0);
	assert_int_equal(slot_jump_pin(seat_fd, SEAT_DIR), 0);
	assert_int_equal(stat(SEAT_DIR "/" SLOT_PIN_JUMP, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	found = slot_jump_open(SEAT_DIR);
	assert_true(found >= 0);
	assert_int_equal(seat_id(found), seat_id(seat_fd));
	assert_int_equal(slot_pin_del(SEAT_DIR, SLOT_PIN_JUMP), 0);
	close(found);
	found = slot_jump_open(SEAT_DIR);
	assert_int_not_equal(seat_id(found), seat_id(seat_fd));
	/* A jump into another seat gives way. */
	assert_int_equal(slot_jump_pin(found, SEAT_DIR), 0);
	assert_int_equal(slot_jump_pin(seat_fd, SEAT_DIR), 0);
	close(found);
	found = slot_jump_open(SEAT_DIR);
	assert_int_equal(seat_id(found), seat_id(seat_fd));
	assert_int_equal(slot_pin_remove_all(SEAT_DIR), 0);
}

static void what_is_no_seat_is_told(void **state)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL);
	unsigned int number;
	__u32 id;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(slot_hook_link_get(SLOT_HOOK_SK_REUSEPORT, fd, 0, &id, &number), -EINVAL);
}

int main(void)
{
	struct tap_plan plan = {};

	if (!geteuid())
		world_enter();
	TAP_ADD(&plan, a_netns_has_a_link_that_only_its_writer_moves, NULL, NULL);
	TAP_ADD(&plan, a_cgroup_has_a_link_that_ends_with_it, NULL, NULL);
	TAP_ADD(&plan, a_folder_that_is_no_cgroup_is_told, NULL, NULL);
	TAP_ADD(&plan, a_seat_holds_what_only_its_writer_moves, NULL, NULL);
	TAP_ADD(&plan, a_jump_leads_to_its_seat_and_is_for_everybody, NULL, NULL);
	TAP_ADD(&plan, what_is_no_seat_is_told, NULL, NULL);
	return tap_run(&plan, "sock_links", 1);
}
