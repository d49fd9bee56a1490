/* SPDX-License-Identifier: GPL-2.0-only */
/* libsocketlb: whom it takes for replaced. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/manifest.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "loader/lib/program/map_tags.h"
#include "tests/support/lib_bed.h"
#include "tests/support/tap.h"

static void nobody_is_replaced_before_all_of_its_vips_are(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	struct slot_reason why;

	(void)state;
	lib_bed_add(old, &lib.tcp);
	lib_bed_add(old, &lib.udp);
	assert_int_equal(socketlb_is_replaced(old), 0);
	lib_bed_announce(old);
	lib_bed_add(new, &lib.tcp);
	lib_bed_add(new, &lib.udp);
	assert_int_equal(socketlb_is_replaced(old), 0);
	lib_bed_announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
	/* one VIP goes back, as an operator may have it */
	assert_int_equal(sl_active_set(&sl_bed.maps, INDEX_TCP, 0, &why), 0);
	assert_int_equal(socketlb_is_replaced(old), 0);
	assert_int_equal(socketlb_is_replaced(new), 0);
	socketlb_leave(new);
	assert_int_equal(socketlb_is_replaced(old), 0);
}

static void a_vip_that_the_new_one_lacks_holds_nobody_back(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();

	(void)state;
	lib_bed_add(old, &lib.tcp);
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(socketlb_wait(old, 1000), 1);
	assert_int_equal(socketlb_wait(new, 1), 0);
}

/* A server of the UDP address, in a process of its own, that waits for its end. */
static pid_t start_elder(void)
{
	int pipe_fds[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct socketlb *lb = lib_bed_handle();

		lib_bed_add(lb, &lib.udp);
		lib_bed_announce(lb);
		if (write(pipe_fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	close(pipe_fds[0]);
	return pid;
}

static void an_elder_that_drains_holds_nobody_back(void **state)
{
	pid_t elder = start_elder();
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();

	(void)state;
	lib_bed_add(old, &lib.tcp);
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	assert_int_equal(socketlb_is_replaced(old), 0);
	lib_bed_add(new, &lib.tcp);
	lib_bed_announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(kill(elder, SIGKILL), 0);
	assert_int_equal(waitpid(elder, NULL, 0), elder);
	assert_int_equal(socketlb_is_replaced(old), 1);
}

static int active_of(__u32 vip)
{
	struct slot_reason why;
	int active = -2;

	assert_int_equal(sl_active_get(&sl_bed.maps, vip, &why, &active), 0);
	return active;
}

static void what_a_dead_one_took_is_taken_back(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int before, fd;

	(void)state;
	lib_bed_add(old, &lib.tcp);
	lib_bed_announce(old);
	before = active_of(INDEX_TCP);
	fd = lib_bed_add(new, &lib.tcp);
	lib_bed_announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(active_of(INDEX_TCP), !before);
	close(fd);
	assert_int_equal(socketlb_is_replaced(old), 0);
	assert_int_equal(active_of(INDEX_TCP), before);
	/* announcing again takes nothing back from who lives */
	lib_bed_add(new, &lib.tcp);
	assert_int_equal(socketlb_is_replaced(old), 0);
}

static void announcing_again_takes_nothing_back(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();

	(void)state;
	lib_bed_add(old, &lib.tcp);
	lib_bed_announce(old);
	lib_bed_add(new, &lib.tcp);
	lib_bed_announce(new);
	lib_bed_add(old, &lib.tcp); /* a worker of the old one is started again */
	lib_bed_announce(old);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
}

static void an_operators_policy_outlives_a_restart(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	struct sl_instance instance;
	struct slot_reason why;

	(void)state;
	lib_bed_add(old, &lib.udp);
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	program_bed_assert_runs(&sl_bed.program, "policy " LIB_BED_UDP " 0 cpu 3,1", "");
	lib_bed_add(new, &lib.udp);
	lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(active_of(INDEX_UDP), 1);
	assert_int_equal(sl_instance_get(&sl_bed.maps, INDEX_UDP, 1, &why, &instance), 0);
	assert_int_equal(instance.policy, SL_BY_CPU);
	assert_int_equal(instance.weights[0], 3);
	assert_int_equal(instance.weights[1], 1);
}

/* --- maps that are made anew ------------------------------------------------------------------ */

/* As detach and apply have it: others are pinned, with the same VIPs and nobody in them. */
static void renew_maps(void)
{
	lib_bed_take_away();
	lib_bed_set_up(NULL);
}

/* The library looks once a second. */
static int wait_told(struct socketlb *lb)
{
	return socketlb_wait(lb, 5000);
}

/* The same for one that is replaced already. */
static int wait_stale(struct socketlb *lb)
{
	int is_replaced = 1;

	for (int i = 0; i < 5000 && is_replaced == 1; i++) {
		usleep(1000);
		is_replaced = socketlb_is_replaced(lb);
	}
	return is_replaced;
}

static void assert_gets_datagram(int fd)
{
	int client = sl_bed_client(&lib.udp);
	char byte;

	assert_true(sl_bed_send(client, "x", 1));
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(sl_bed_count(INDEX_UDP, SL_NEW), 1);
	close(client);
}

static void who_serves_comes_back_into_new_maps(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fd = lib_bed_add(lb, &lib.udp);

	(void)state;
	lib_bed_announce(lb);
	assert_int_equal(socketlb_wait(lb, 1200), 0);
	renew_maps();
	lib_bed_failed(lb, wait_told(lb), -ESTALE,
		       "the chain has new maps, or none: socketlb_open() and socketlb_add() again");
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -ESTALE, "new maps");
	assert_int_equal(socketlb_open(lb, "web"), 0);
	program_bed_assert_runs(&sl_bed.program, "vip del " LIB_BED_UDP, "");
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -ENOENT, LIB_BED_UDP);
	lib_bed_failed(lb, socketlb_announce(lb), -ENOENT, "no socket was added");
	program_bed_assert_runs(&sl_bed.program, "vip add " LIB_BED_UDP " flow", "");
	assert_int_equal(socketlb_add(lb, fd, 0), 0);
	lib_bed_announce(lb);
	assert_int_equal(socketlb_is_replaced(lb), 0);
	assert_gets_datagram(fd);
}

static void who_drains_is_told_as_well(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[2] = { lib_bed_add(old, &lib.udp), -1 };
	uint64_t flows;

	(void)state;
	lib_bed_announce(old);
	fds[1] = lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(wait_told(old), 1);
	renew_maps();
	assert_int_equal(wait_stale(old), -ESTALE);
	assert_int_equal(socketlb_flows(old, &flows), -ESTALE);
	/* it may be gone, or not, when the other one comes back */
	assert_int_equal(wait_told(new), -ESTALE);
	assert_int_equal(socketlb_open(new, "web"), 0);
	assert_int_equal(socketlb_add(new, fds[1], 0), 0);
	lib_bed_announce(new);
	assert_gets_datagram(fds[1]);
	socketlb_leave(old);
	assert_int_equal(socketlb_is_replaced(new), 0);
}

/* Who serves leaves the old maps as it opens the new ones, which looks like its death there. */
static void who_drains_does_not_come_back_as_the_other_one_leaves_old_maps(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();

	(void)state;
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(wait_told(old), 1);
	renew_maps();
	assert_int_equal(socketlb_open(new, "web"), 0);
	lib_bed_failed(old, socketlb_is_replaced(old), -ESTALE, "the chain has new maps");
}

static void who_comes_back_takes_nothing_from_who_came_before(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new;
	int fds[2] = { lib_bed_add(old, &lib.udp), -1 };

	(void)state;
	lib_bed_announce(old);
	renew_maps();
	new = lib_bed_handle();
	fds[1] = lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(wait_told(old), -ESTALE);
	assert_int_equal(socketlb_open(old, "web"), 0);
	assert_int_equal(socketlb_add(old, fds[0], 0), 0);
	lib_bed_announce(old);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
	assert_gets_datagram(fds[1]);
}

static void maps_that_are_gone_are_told_until_there_are_some(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fd = lib_bed_add(lb, &lib.udp);

	(void)state;
	lib_bed_announce(lb);
	lib_bed_take_away();
	assert_int_equal(wait_told(lb), -ESTALE);
	assert_int_equal(socketlb_open(lb, "web"), -ENOENT);
	assert_int_equal(socketlb_is_replaced(lb), -ESTALE);
	lib_bed_set_up(NULL);
	assert_int_equal(socketlb_open(lb, "web"), 0);
	assert_int_equal(socketlb_add(lb, fd, 0), 0);
	lib_bed_announce(lb);
	assert_gets_datagram(fd);
	/* and opened once more it stays where it is */
	assert_int_equal(socketlb_open(lb, "web"), 0);
	assert_int_equal(socketlb_add(lb, fd, 0), -EEXIST);
	assert_int_equal(socketlb_is_replaced(lb), 0);
}

/* --- maps of which one is made anew ----------------------------------------------------------- */

/* As --reset-map has it where nothing belongs together; the program goes on with the old one. */
static int renew_map(const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), PROGRAM_BED_DIR "/%s", name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	opts.map_flags = info.map_flags;
	fd = bpf_map_create((enum bpf_map_type)info.type, info.name, info.key_size, info.value_size,
			    info.max_entries, &opts);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	return fd;
}

static size_t sockets_of(__u32 vip, __u32 instance)
{
	struct slot_reason why;
	size_t count = 0;

	assert_int_equal(sl_sockets_count(&sl_bed.maps, vip, instance, &why, &count), 0);
	return count;
}

static void registrations_are_made_anew_together(void **state)
{
	static const char *const together[] = { SL_VIPS_NAME, SL_ACTIVE_NAME, SL_INSTANCES_NAME,
						SL_SOCKETS_NAME };
	const struct btf *btf = bpf_object__btf(sl_bed.program.object);

	(void)state;
	for (size_t i = 0; i < sizeof(together) / sizeof(*together); i++)
		assert_string_equal(slot_map_tag_get(btf, together[i], SLOT_TOGETHER_TAG),
				    "instances");
	assert_null(slot_map_tag_get(btf, SL_FLOWS_NAME, SLOT_TOGETHER_TAG));
	assert_null(slot_map_tag_get(btf, SL_COUNTS_NAME, SLOT_TOGETHER_TAG));
}

static void who_leaves_an_old_map_changes_nothing_of_others(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fd;

	(void)state;
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	fd = lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	close(renew_map(SL_INSTANCES_NAME));
	assert_int_equal(wait_told(new), -ESTALE);
	assert_int_equal(socketlb_open(new, "web"), 0);
	/* only its own sockets went out, so that they can come back */
	assert_int_equal(active_of(INDEX_UDP), 1);
	assert_int_equal(sockets_of(INDEX_UDP, 0), 1);
	assert_int_equal(sockets_of(INDEX_UDP, 1), 0);
	assert_int_equal(socketlb_add(new, fd, 0), 0);
	lib_bed_announce(new);
	assert_int_equal(active_of(INDEX_UDP), 0);
	/* the place was the other one's in the old map */
	assert_int_equal(socketlb_leave(old), 0);
	assert_int_equal(active_of(INDEX_UDP), 0);
	assert_int_equal(sockets_of(INDEX_UDP, 0), 1);
}

/* One that is seen in @map alone. */
static void put_flow(int map, __u32 vip, __u32 number)
{
	struct sl_flow_key key = { .vip = vip, .family = 4 };
	struct sl_flow flow = { .instance = (__u8)number };
	struct sl_instance instance;
	struct slot_reason why;
	struct timespec now;

	assert_int_equal(sl_instance_get(&sl_bed.maps, vip, number, &why, &instance), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	flow.generation = instance.generation;
	flow.seen_s = (__u32)now.tv_sec;
	assert_int_equal(bpf_map_update_elem(map, &key, &flow, BPF_ANY), 0);
}

static void new_flows_and_counts_are_followed_in_silence(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	uint64_t flows = 0;
	int fd, map;

	(void)state;
	lib_bed_add(old, &lib.udp);
	lib_bed_announce(old);
	fd = lib_bed_add(new, &lib.udp);
	lib_bed_announce(new);
	close(renew_map(SL_COUNTS_NAME));
	map = renew_map(SL_FLOWS_NAME);
	put_flow(map, INDEX_UDP, 0);
	close(map);
	for (int i = 0; i < 5000 && !flows; i++) {
		usleep(1000);
		assert_int_equal(socketlb_flows(old, &flows), 0);
	}
	assert_int_equal(flows, 1);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_wait(new, 1200), 0);
	assert_int_equal(socketlb_add(new, fd, 0), -EEXIST);
	assert_int_equal(socketlb_leave(old), 0);
	assert_int_equal(sockets_of(INDEX_UDP, 0), 0);
}

#define CHAINS "/sys/fs/bpf/slotd/sk_reuseport"

static void a_chain_that_cannot_be_opened_spoils_nothing(void **state)
{
	static const char *const dirs[] = { "/sys/fs/bpf/slotd",    CHAINS,
					    CHAINS "/web",	    CHAINS "/web/maps",
					    CHAINS "/other",	    CHAINS "/other/maps",
					    CHAINS "/other/maps/lb" };
	size_t count = sizeof(dirs) / sizeof(*dirs);
	struct socketlb *lb = socketlb_new();

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(mkdir(dirs[i], 0700), 0);
	assert_int_equal(symlink(PROGRAM_BED_DIR, CHAINS "/web/maps/lb"), 0);
	assert_int_equal(symlink(LIB_BED_PROGRAM, CHAINS "/web/jump"), 0);
	assert_int_equal(symlink(CHAINS, CHAINS "/other/maps/lb/" SL_VIPS_NAME), 0);
	assert_int_equal(socketlb_open(lb, "web"), 0);
	lib_bed_failed(lb, socketlb_open(lb, "other"), -ENOENT, "/other/jump");
	assert_int_equal(socketlb_wait(lb, 1200), 0);
	socketlb_free(lb);
	unlink(CHAINS "/web/maps/lb");
	unlink(CHAINS "/web/jump");
	unlink(CHAINS "/other/maps/lb/" SL_VIPS_NAME);
	while (count)
		assert_int_equal(rmdir(dirs[--count]), 0);
}

#define ADD(test) TAP_ADD(&plan, test, lib_bed_set_up, lib_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(nobody_is_replaced_before_all_of_its_vips_are);
	ADD(a_vip_that_the_new_one_lacks_holds_nobody_back);
	ADD(an_elder_that_drains_holds_nobody_back);
	ADD(what_a_dead_one_took_is_taken_back);
	ADD(announcing_again_takes_nothing_back);
	ADD(an_operators_policy_outlives_a_restart);
	ADD(who_serves_comes_back_into_new_maps);
	ADD(who_drains_is_told_as_well);
	ADD(who_drains_does_not_come_back_as_the_other_one_leaves_old_maps);
	ADD(who_comes_back_takes_nothing_from_who_came_before);
	ADD(maps_that_are_gone_are_told_until_there_are_some);
	ADD(registrations_are_made_anew_together);
	ADD(who_leaves_an_old_map_changes_nothing_of_others);
	ADD(new_flows_and_counts_are_followed_in_silence);
	ADD(a_chain_that_cannot_be_opened_spoils_nothing);
	return tap_run(&plan, "libsocketlb_replaced", 1);
}
