/* SPDX-License-Identifier: GPL-2.0-only */
/* libsocketlb: what it refuses, and what it tells. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_sockets.h"
#include "tests/support/lib_bed.h"
#include "tests/support/tap.h"

static int open_socket(const struct sl_vip_key *vip, bool is_shared)
{
	int type = vip->proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, on = is_shared;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	return fd;
}

static void bind_socket(int fd, const struct sl_vip_key *vip)
{
	struct sockaddr_storage address;
	socklen_t len = sl_bed_address(vip, false, &address);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
}

/* --- what is refused ------------------------------------------------------------------------- */

static void a_chain_that_is_not_there_is_named(void **state)
{
	struct socketlb *lb = socketlb_new();

	(void)state;
	lib_bed_failed(lb, socketlb_open(lb, "no_such_chain"), -ENOENT, "no_such_chain");
	lib_bed_failed(lb, socketlb_open(lb, "../web"), -EINVAL, "'../web' is no title");
	lib_bed_failed(lb, socketlb_open(lb, ""), -EINVAL, "'' is no title");
	socketlb_set_paths(lb, "/nowhere/program", PROGRAM_BED_DIR);
	lib_bed_failed(lb, socketlb_open(lb, "web"), -ENOENT, "/nowhere/program");
	socketlb_free(lb);
	socketlb_free(NULL);
}

static void a_socket_is_told_what_it_lacks(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int file = dup(0), unix_fd = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	const struct sl_vip_key other = {
		.addr = { 203, 0, 113, 81 }, .port = htons(81), .proto = IPPROTO_UDP, .family = 4
	};

	(void)state;
	lib_bed_failed(lb, socketlb_add(lb, -1, 0), -EINVAL, "");
	lib_bed_failed(lb, socketlb_add(lb, file, 0), -EINVAL, "");
	lib_bed_failed(lb, socketlb_add(lb, unix_fd, 0), -EINVAL, "neither TCP nor UDP");
	fd = open_socket(&lib.udp, true);
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -EINVAL, "not bound");
	close(fd);
	fd = open_socket(&lib.udp, false);
	bind_socket(fd, &lib.udp);
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -EINVAL, "no SO_REUSEPORT");
	close(fd);
	fd = open_socket(&lib.tcp, true);
	bind_socket(fd, &lib.tcp);
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -EINVAL, "does not listen");
	close(fd);
	fd = open_socket(&other, true);
	bind_socket(fd, &other);
	lib_bed_failed(lb, socketlb_add(lb, fd, 0), -ENOENT, "udp/203.0.113.81:81");
	close(fd);
	fd = lib_bed_bind(&lib.udp);
	lib_bed_failed(lb, socketlb_add(lb, fd, 255), -ENOSPC, "worker 255");
	lib_bed_failed(lb, socketlb_announce(lb), -ENOENT, "no socket was added");
	close(fd);
	close(file);
	close(unix_fd);
	socketlb_leave(lb);
	lib_bed_failed(lb, socketlb_announce(lb), -ENOENT, "no socket was added");
}

static void a_socket_is_added_once(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fd = lib_bed_add(lb, &lib.udp);

	(void)state;
	lib_bed_failed(lb, socketlb_add(lb, fd, 1), -EEXIST, "added before");
}

/* Who waits while it is busy would wait without end. */
static void a_socket_of_another_map_is_no_lack_of_room(void **state)
{
	struct socketlb *first = lib_bed_handle(), *second = lib_bed_handle(),
			*third = lib_bed_handle();
	int fd = lib_bed_add(first, &lib.udp);

	(void)state;
	lib_bed_failed(second, socketlb_add(second, fd, 0), -EADDRINUSE, "in a map already");
	/* and the instance that it would have had is free for who comes next */
	lib_bed_announce(first);
	lib_bed_add(third, &lib.udp);
	lib_bed_announce(third);
	assert_int_equal(socketlb_is_replaced(first), 1);
}

/* Each adds as if it were alone: what the other one added meanwhile is in the map alone. */
static void a_child_of_fork_replaces_no_socket(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	struct slot_reason why;
	size_t sockets = 0;
	int second, status;
	pid_t pid;

	(void)state;
	lib_bed_add(lb, &lib.udp);
	second = lib_bed_bind(&lib.udp);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(-socketlb_add(lb, second, SOCKETLB_WORKER_ANY));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(lib_bed_add(lb, &lib.udp));
	assert_int_equal(sl_sockets_count(&sl_bed.maps, INDEX_UDP, 0, &why, &sockets), 0);
	assert_int_equal(sockets, 2);
}

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void opening_again_leaves_nothing_open(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	size_t before = count_descriptors();

	(void)state;
	assert_int_equal(socketlb_open(lb, "web"), 0);
	assert_int_equal(count_descriptors(), before);
	socketlb_set_paths(lb, LIB_BED_PROGRAM, "/nowhere");
	lib_bed_failed(lb, socketlb_open(lb, "web"), -ENOENT, "/nowhere");
	assert_int_equal(count_descriptors(), before);
}

static void an_instance_has_no_more_than_64_sockets(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fds[SL_SOCKETS_MAX + 1];

	(void)state;
	for (int i = 0; i < SL_SOCKETS_MAX; i++)
		fds[i] = lib_bed_add(lb, &lib.udp);
	fds[SL_SOCKETS_MAX] = lib_bed_bind(&lib.udp);
	lib_bed_failed(lb, socketlb_add(lb, fds[SL_SOCKETS_MAX], SOCKETLB_WORKER_ANY), -ENOSPC,
		       "more than 64 sockets");
	/* the place of one that is closed is free again */
	close(fds[7]);
	assert_int_equal(socketlb_add(lb, fds[SL_SOCKETS_MAX], SOCKETLB_WORKER_ANY), 0);
	lib_bed_announce(lb);
}

static void a_third_one_waits_until_the_first_has_left(void **state)
{
	struct socketlb *first = lib_bed_handle(), *second = lib_bed_handle(),
			*third = lib_bed_handle();
	int fd;

	(void)state;
	lib_bed_add(first, &lib.udp);
	lib_bed_announce(first);
	lib_bed_add(second, &lib.udp);
	lib_bed_announce(second);
	fd = lib_bed_bind(&lib.udp);
	lib_bed_failed(third, socketlb_add(third, fd, 0), -EBUSY, "still drains");
	assert_int_equal(socketlb_leave(first), 0);
	assert_int_equal(socketlb_leave(first), 0);
	assert_int_equal(socketlb_add(third, fd, 0), 0);
	lib_bed_announce(third);
	assert_int_equal(socketlb_is_replaced(second), 1);
}

static void who_has_no_socket_left_is_not_announced(void **state)
{
	struct socketlb *lb = lib_bed_handle();

	(void)state;
	close(lib_bed_add(lb, &lib.udp));
	lib_bed_failed(lb, socketlb_announce(lb), -EINVAL, "has 0 sockets");
}

static void maps_of_another_layout_are_refused(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(PROGRAM_BED_DIR "/" SL_ACTIVE_NAME), 0);
	assert_int_equal(bpf_obj_pin(fd, PROGRAM_BED_DIR "/" SL_ACTIVE_NAME), 0);
	close(fd);
	lib_bed_failed(lb, socketlb_open(lb, "web"), -EPROTO, "another layout");
}

static void who_lost_its_place_is_told(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int fd = lib_bed_add(lb, &lib.udp), again;

	(void)state;
	lib_bed_announce(lb);
	program_bed_assert_runs(&sl_bed.program, "free " LIB_BED_UDP " 0", "");
	again = lib_bed_bind(&lib.udp);
	lib_bed_failed(lb, socketlb_add(lb, again, SOCKETLB_WORKER_ANY), -EOWNERDEAD,
		       "no longer this process's");
	assert_int_equal(socketlb_is_replaced(lb), 1);
	close(fd);
	socketlb_leave(lb);
	/* it may start anew */
	assert_int_equal(socketlb_add(lb, again, SOCKETLB_WORKER_ANY), 0);
	lib_bed_announce(lb);
	assert_int_equal(socketlb_is_replaced(lb), 0);
}

/* --- what is left ---------------------------------------------------------------------------- */

static void flows_are_counted_until_others_have_them(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	int clients[5];
	uint64_t flows = 1;

	(void)state;
	lib_bed_add(lb, &lib.udp);
	lib_bed_announce(lb);
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 0);
	for (int i = 0; i < 5; i++) {
		clients[i] = sl_bed_client(&lib.udp);
		assert_true(sl_bed_send(clients[i], "x", 1));
	}
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 5);
	socketlb_leave(lb);
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 0);
	for (int i = 0; i < 5; i++)
		close(clients[i]);
}

static void ids_carry_the_instance_and_the_worker(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[2] = { lib_bed_add(old, &lib.quic), -1 }, other = lib_bed_add(old, &lib.udp);
	unsigned int process = 9, worker = 9;
	struct socketlb_cid cid = {};
	uint8_t id[8] = { 0x40, 1, 2, 3, 4, 5, 6, 7 };

	(void)state;
	lib_bed_announce(old);
	lib_bed_failed(new, socketlb_cid_get(new, fds[0], &cid), -ENOENT, "add the socket first");
	lib_bed_failed(old, socketlb_cid_get(old, other, &cid), -ENOTSUP, "mode is not quic");
	fds[1] = lib_bed_add(new, &lib.quic);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(socketlb_cid_get(i ? new : old, fds[i], &cid), 0);
		assert_int_equal(socketlb_cid_length(&cid), 4);
		assert_int_equal(socketlb_cid_write(&cid, 200 + i, id, sizeof(id)), 0);
		assert_int_equal(socketlb_cid_parse(&cid, id, sizeof(id), &process, &worker), 0);
		assert_int_equal(process, i);
		assert_int_equal(worker, 200 + i);
	}
}

static void addresses_of_the_chain_are_known(void **state)
{
	struct socketlb *lb = lib_bed_handle();
	struct sockaddr_storage address;

	(void)state;
	sl_bed_address(&lib.tcp, false, &address);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 1);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_UDP), 1);
	assert_int_equal(socketlb_count_vips(lb), 3);
	sl_bed_address(&lib.quic, false, &address);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 0);
	address.ss_family = AF_UNIX;
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 0);
}

#define ADD(test) TAP_ADD(&plan, test, lib_bed_set_up, lib_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_chain_that_is_not_there_is_named);
	ADD(a_socket_is_told_what_it_lacks);
	ADD(a_socket_is_added_once);
	ADD(a_socket_of_another_map_is_no_lack_of_room);
	ADD(a_child_of_fork_replaces_no_socket);
	ADD(opening_again_leaves_nothing_open);
	ADD(an_instance_has_no_more_than_64_sockets);
	ADD(a_third_one_waits_until_the_first_has_left);
	ADD(who_has_no_socket_left_is_not_announced);
	ADD(maps_of_another_layout_are_refused);
	ADD(who_lost_its_place_is_told);
	ADD(flows_are_counted_until_others_have_them);
	ADD(ids_carry_the_instance_and_the_worker);
	ADD(addresses_of_the_chain_are_known);
	return tap_run(&plan, "libsocketlb", 1);
}
