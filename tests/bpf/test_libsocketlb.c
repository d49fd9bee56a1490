/* SPDX-License-Identifier: GPL-2.0-only */
/* libsocketlb: what it refuses, and whom it takes for replaced. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define PROGRAM_PIN "/sys/fs/bpf/program"
#define VIP_TCP "tcp/203.0.113.80:80"
#define VIP_UDP "udp/203.0.113.80:80"
#define VIP_QUIC "udp/203.0.113.80:443"

/* The VIPs' indexes, as they are added in this order. */
enum {
	INDEX_TCP,
	INDEX_UDP,
	INDEX_QUIC,
};

static struct sl_bed bed;
static struct sl_vip_key tcp, udp, quic;

static int set_up(void **state)
{
	(void)state;
	sl_bed_open(&bed);
	assert_int_equal(bpf_obj_pin(bed.prog, PROGRAM_PIN), 0);
	tcp = sl_bed_vip(&bed, VIP_TCP " tcp").key;
	udp = sl_bed_vip(&bed, VIP_UDP " flow memory=60").key;
	quic = sl_bed_vip(&bed, VIP_QUIC " quic layout=mvfst").key;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(PROGRAM_PIN);
	sl_bed_close(&bed);
	return 0;
}

/* --- handles --------------------------------------------------------------------------------- */

static struct socketlb *open_handle(void)
{
	struct socketlb *lb = socketlb_new();

	assert_non_null(lb);
	assert_int_equal(socketlb_set_paths(lb, PROGRAM_PIN, PROGRAM_BED_DIR), 0);
	if (socketlb_open(lb, "web"))
		fail_msg("%s", socketlb_error(lb));
	return lb;
}

static void require_error(const struct socketlb *lb, int err, int expected, const char *words)
{
	assert_int_equal(err, expected);
	if (!strstr(socketlb_error(lb), words))
		fail_msg("expected '%s' in: %s", words, socketlb_error(lb));
	assert_null(strchr(socketlb_error(lb), '\n'));
}

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

static int add(struct socketlb *lb, const struct sl_vip_key *vip)
{
	int fd = sl_bed_bind(&bed, vip);

	if (socketlb_add(lb, fd, SOCKETLB_WORKER_ANY))
		fail_msg("%s", socketlb_error(lb));
	return fd;
}

static void announce(struct socketlb *lb)
{
	if (socketlb_announce(lb))
		fail_msg("%s", socketlb_error(lb));
}

/* --- what is refused ------------------------------------------------------------------------- */

static void a_chain_that_is_not_there_is_named(void **state)
{
	struct socketlb *lb = socketlb_new();

	(void)state;
	require_error(lb, socketlb_open(lb, "no_such_chain"), -ENOENT, "no_such_chain");
	require_error(lb, socketlb_open(lb, "../web"), -EINVAL, "'../web' is no title");
	require_error(lb, socketlb_open(lb, ""), -EINVAL, "'' is no title");
	socketlb_set_paths(lb, "/nowhere/program", PROGRAM_BED_DIR);
	require_error(lb, socketlb_open(lb, "web"), -ENOENT, "/nowhere/program");
	socketlb_free(lb);
	socketlb_free(NULL);
}

static void a_socket_is_told_what_it_lacks(void **state)
{
	struct socketlb *lb = open_handle();
	int file = dup(0), unix_fd = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	const struct sl_vip_key other = {
		.addr = { 203, 0, 113, 81 }, .port = htons(81), .proto = IPPROTO_UDP, .family = 4
	};

	(void)state;
	require_error(lb, socketlb_add(lb, -1, 0), -EINVAL, "");
	require_error(lb, socketlb_add(lb, file, 0), -EINVAL, "");
	require_error(lb, socketlb_add(lb, unix_fd, 0), -EINVAL, "neither TCP nor UDP");
	fd = open_socket(&udp, true);
	require_error(lb, socketlb_add(lb, fd, 0), -EINVAL, "not bound");
	close(fd);
	fd = open_socket(&udp, false);
	bind_socket(fd, &udp);
	require_error(lb, socketlb_add(lb, fd, 0), -EINVAL, "no SO_REUSEPORT");
	close(fd);
	fd = open_socket(&tcp, true);
	bind_socket(fd, &tcp);
	require_error(lb, socketlb_add(lb, fd, 0), -EINVAL, "does not listen");
	close(fd);
	fd = open_socket(&other, true);
	bind_socket(fd, &other);
	require_error(lb, socketlb_add(lb, fd, 0), -ENOENT, "udp/203.0.113.81:81");
	close(fd);
	fd = sl_bed_bind(&bed, &udp);
	require_error(lb, socketlb_add(lb, fd, 255), -ENOSPC, "worker 255");
	require_error(lb, socketlb_announce(lb), -ENOENT, "no socket was added");
	close(fd);
	close(file);
	close(unix_fd);
	socketlb_leave(lb);
	require_error(lb, socketlb_announce(lb), -ENOENT, "no socket was added");
	socketlb_free(lb);
}

static void a_socket_is_added_once(void **state)
{
	struct socketlb *lb = open_handle();
	int fd = add(lb, &udp);

	(void)state;
	require_error(lb, socketlb_add(lb, fd, 1), -EEXIST, "added before");
	socketlb_leave(lb);
	socketlb_free(lb);
	close(fd);
}

/* Who waits while it is busy would wait without end. */
static void a_socket_of_another_map_is_no_lack_of_room(void **state)
{
	struct socketlb *first = open_handle(), *second = open_handle(), *third = open_handle();
	int fd = add(first, &udp), other;

	(void)state;
	require_error(second, socketlb_add(second, fd, 0), -EADDRINUSE, "in a map already");
	/* and the instance that it would have had is free for who comes next */
	announce(first);
	other = add(third, &udp);
	announce(third);
	assert_int_equal(socketlb_is_replaced(first), 1);
	socketlb_leave(first);
	socketlb_leave(third);
	socketlb_free(first);
	socketlb_free(second);
	socketlb_free(third);
	close(fd);
	close(other);
}

/* Each adds as if it were alone: what the other one added meanwhile is in the map alone. */
static void a_child_of_fork_replaces_no_socket(void **state)
{
	struct socketlb *lb = open_handle();
	int first = add(lb, &udp), second = sl_bed_bind(&bed, &udp), status;
	struct slot_reason why;
	size_t sockets = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(-socketlb_add(lb, second, SOCKETLB_WORKER_ANY));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(add(lb, &udp));
	assert_int_equal(sl_instance_sockets(&bed.maps, INDEX_UDP, 0, &why, &sockets), 0);
	assert_int_equal(sockets, 2);
	socketlb_leave(lb);
	socketlb_free(lb);
	close(first);
	close(second);
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
	struct socketlb *lb = open_handle();
	size_t before = count_descriptors();

	(void)state;
	assert_int_equal(socketlb_open(lb, "web"), 0);
	assert_int_equal(count_descriptors(), before);
	socketlb_set_paths(lb, PROGRAM_PIN, "/nowhere");
	require_error(lb, socketlb_open(lb, "web"), -ENOENT, "/nowhere");
	assert_int_equal(count_descriptors(), before);
	socketlb_free(lb);
}

static void an_instance_has_no_more_than_64_sockets(void **state)
{
	struct socketlb *lb = open_handle();
	int fds[SL_SOCKETS_MAX + 1];

	(void)state;
	for (int i = 0; i < SL_SOCKETS_MAX; i++)
		fds[i] = add(lb, &udp);
	fds[SL_SOCKETS_MAX] = sl_bed_bind(&bed, &udp);
	require_error(lb, socketlb_add(lb, fds[SL_SOCKETS_MAX], SOCKETLB_WORKER_ANY), -ENOSPC,
		      "more than 64 sockets");
	/* the place of one that is closed is free again */
	close(fds[7]);
	assert_int_equal(socketlb_add(lb, fds[SL_SOCKETS_MAX], SOCKETLB_WORKER_ANY), 0);
	announce(lb);
	for (int i = 0; i <= SL_SOCKETS_MAX; i++)
		close(fds[i]);
	socketlb_leave(lb);
	socketlb_free(lb);
}

static void a_third_one_waits_until_the_first_has_left(void **state)
{
	struct socketlb *first = open_handle(), *second = open_handle(), *third = open_handle();
	int fds[3];

	(void)state;
	fds[0] = add(first, &udp);
	announce(first);
	fds[1] = add(second, &udp);
	announce(second);
	fds[2] = sl_bed_bind(&bed, &udp);
	require_error(third, socketlb_add(third, fds[2], 0), -EBUSY, "still drains");
	assert_int_equal(socketlb_leave(first), 0);
	assert_int_equal(socketlb_leave(first), 0);
	assert_int_equal(socketlb_add(third, fds[2], 0), 0);
	announce(third);
	assert_int_equal(socketlb_is_replaced(second), 1);
	socketlb_leave(second);
	socketlb_leave(third);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	socketlb_free(first);
	socketlb_free(second);
	socketlb_free(third);
}

static void who_lost_its_place_is_told(void **state)
{
	struct socketlb *lb = open_handle();
	int fd = add(lb, &udp), again;

	(void)state;
	announce(lb);
	program_bed_assert_runs(&bed.program, "free " VIP_UDP " 0", "");
	again = sl_bed_bind(&bed, &udp);
	assert_int_equal(socketlb_add(lb, again, SOCKETLB_WORKER_ANY), -ESTALE);
	assert_int_equal(socketlb_is_replaced(lb), 1);
	close(fd);
	socketlb_leave(lb);
	/* it may start anew */
	assert_int_equal(socketlb_add(lb, again, SOCKETLB_WORKER_ANY), 0);
	announce(lb);
	assert_int_equal(socketlb_is_replaced(lb), 0);
	socketlb_leave(lb);
	socketlb_free(lb);
	close(again);
}

/* --- who is replaced ------------------------------------------------------------------------- */

static void nobody_is_replaced_before_all_of_its_vips_are(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[4] = { add(old, &tcp), add(old, &udp), -1, -1 };
	struct slot_reason why;

	(void)state;
	assert_int_equal(socketlb_is_replaced(old), 0);
	announce(old);
	fds[2] = add(new, &tcp);
	fds[3] = add(new, &udp);
	assert_int_equal(socketlb_is_replaced(old), 0);
	announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
	/* one VIP goes back, as an operator may have it */
	assert_int_equal(sl_active_set(&bed.maps, INDEX_TCP, 0, &why), 0);
	assert_int_equal(socketlb_is_replaced(old), 0);
	assert_int_equal(socketlb_is_replaced(new), 0);
	socketlb_leave(new);
	assert_int_equal(socketlb_is_replaced(old), 0);
	socketlb_leave(old);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	socketlb_free(old);
	socketlb_free(new);
}

static void a_vip_that_the_new_one_lacks_holds_nobody_back(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[3] = { add(old, &tcp), add(old, &udp), -1 };

	(void)state;
	announce(old);
	fds[2] = add(new, &udp);
	announce(new);
	assert_int_equal(socketlb_wait(old, 1000), 1);
	assert_int_equal(socketlb_wait(new, 1), 0);
	socketlb_leave(old);
	socketlb_leave(new);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	socketlb_free(old);
	socketlb_free(new);
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
		struct socketlb *lb = open_handle();

		add(lb, &udp);
		announce(lb);
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
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[3] = { add(old, &tcp), add(old, &udp), -1 };

	(void)state;
	announce(old);
	assert_int_equal(socketlb_is_replaced(old), 0);
	fds[2] = add(new, &tcp);
	announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(kill(elder, SIGKILL), 0);
	assert_int_equal(waitpid(elder, NULL, 0), elder);
	assert_int_equal(socketlb_is_replaced(old), 1);
	socketlb_leave(old);
	socketlb_leave(new);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	socketlb_free(old);
	socketlb_free(new);
}

static int active_of(__u32 vip)
{
	struct slot_reason why;
	int active = -2;

	assert_int_equal(sl_active_get(&bed.maps, vip, &why, &active), 0);
	return active;
}

static void what_a_dead_one_took_is_taken_back(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[2] = { add(old, &tcp), -1 };
	int before;

	(void)state;
	announce(old);
	before = active_of(INDEX_TCP);
	fds[1] = add(new, &tcp);
	announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(active_of(INDEX_TCP), !before);
	close(fds[1]);
	assert_int_equal(socketlb_is_replaced(old), 0);
	assert_int_equal(active_of(INDEX_TCP), before);
	/* announcing again takes nothing back from who lives */
	fds[1] = add(new, &tcp);
	assert_int_equal(socketlb_is_replaced(old), 0);
	socketlb_leave(old);
	socketlb_leave(new);
	close(fds[0]);
	close(fds[1]);
	socketlb_free(old);
	socketlb_free(new);
}

static void announcing_again_takes_nothing_back(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[3] = { add(old, &tcp), -1, -1 };

	(void)state;
	announce(old);
	fds[1] = add(new, &tcp);
	announce(new);
	fds[2] = add(old, &tcp); /* a worker of the old one is started again */
	announce(old);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
	socketlb_leave(old);
	socketlb_leave(new);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	socketlb_free(old);
	socketlb_free(new);
}

static void an_operators_policy_outlives_a_restart(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[4] = { add(old, &udp), add(old, &udp), -1, -1 };
	struct sl_instance instance;
	struct slot_reason why;

	(void)state;
	announce(old);
	program_bed_assert_runs(&bed.program, "policy " VIP_UDP " 0 cpu 3,1", "");
	fds[2] = add(new, &udp);
	fds[3] = add(new, &udp);
	announce(new);
	assert_int_equal(active_of(INDEX_UDP), 1);
	assert_int_equal(sl_instance_get(&bed.maps, INDEX_UDP, 1, &why, &instance), 0);
	assert_int_equal(instance.policy, SL_BY_CPU);
	assert_int_equal(instance.weights[0], 3);
	assert_int_equal(instance.weights[1], 1);
	socketlb_leave(old);
	socketlb_leave(new);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	socketlb_free(old);
	socketlb_free(new);
}

/* --- what is left ---------------------------------------------------------------------------- */

static void flows_are_counted_until_others_have_them(void **state)
{
	struct socketlb *lb = open_handle();
	int fd = add(lb, &udp), clients[5];
	uint64_t flows = 1;

	(void)state;
	announce(lb);
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 0);
	for (int i = 0; i < 5; i++) {
		clients[i] = sl_bed_client(&udp);
		assert_true(sl_bed_send(clients[i], "x", 1));
	}
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 5);
	socketlb_leave(lb);
	assert_int_equal(socketlb_flows(lb, &flows), 0);
	assert_int_equal(flows, 0);
	for (int i = 0; i < 5; i++)
		close(clients[i]);
	close(fd);
	socketlb_free(lb);
}

static void ids_carry_the_instance_and_the_worker(void **state)
{
	struct socketlb *old = open_handle(), *new = open_handle();
	int fds[2] = { add(old, &quic), -1 }, other = add(old, &udp);
	unsigned int process = 9, worker = 9;
	struct socketlb_cid cid = {};
	uint8_t id[8] = { 0x40, 1, 2, 3, 4, 5, 6, 7 };

	(void)state;
	announce(old);
	require_error(new, socketlb_cid_get(new, fds[0], &cid), -ENOENT, "add the socket first");
	require_error(old, socketlb_cid_get(old, other, &cid), -ENOTSUP, "mode is not quic");
	fds[1] = add(new, &quic);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(socketlb_cid_get(i ? new : old, fds[i], &cid), 0);
		assert_int_equal(socketlb_cid_length(&cid), 4);
		assert_int_equal(socketlb_cid_write(&cid, 200 + i, id, sizeof(id)), 0);
		assert_int_equal(socketlb_cid_parse(&cid, id, sizeof(id), &process, &worker), 0);
		assert_int_equal(process, i);
		assert_int_equal(worker, 200 + i);
	}
	socketlb_leave(old);
	socketlb_leave(new);
	close(fds[0]);
	close(fds[1]);
	close(other);
	socketlb_free(old);
	socketlb_free(new);
}

static void addresses_of_the_chain_are_known(void **state)
{
	struct socketlb *lb = open_handle();
	struct sockaddr_storage address;

	(void)state;
	sl_bed_address(&tcp, false, &address);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 1);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_UDP), 1);
	sl_bed_address(&quic, false, &address);
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 0);
	address.ss_family = AF_UNIX;
	assert_int_equal(socketlb_has_vip(lb, (struct sockaddr *)&address, IPPROTO_TCP), 0);
	socketlb_free(lb);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_chain_that_is_not_there_is_named, set_up, tear_down);
	TAP_ADD(&plan, a_socket_is_told_what_it_lacks, set_up, tear_down);
	TAP_ADD(&plan, a_socket_is_added_once, set_up, tear_down);
	TAP_ADD(&plan, a_socket_of_another_map_is_no_lack_of_room, set_up, tear_down);
	TAP_ADD(&plan, a_child_of_fork_replaces_no_socket, set_up, tear_down);
	TAP_ADD(&plan, opening_again_leaves_nothing_open, set_up, tear_down);
	TAP_ADD(&plan, an_instance_has_no_more_than_64_sockets, set_up, tear_down);
	TAP_ADD(&plan, a_third_one_waits_until_the_first_has_left, set_up, tear_down);
	TAP_ADD(&plan, who_lost_its_place_is_told, set_up, tear_down);
	TAP_ADD(&plan, nobody_is_replaced_before_all_of_its_vips_are, set_up, tear_down);
	TAP_ADD(&plan, a_vip_that_the_new_one_lacks_holds_nobody_back, set_up, tear_down);
	TAP_ADD(&plan, an_elder_that_drains_holds_nobody_back, set_up, tear_down);
	TAP_ADD(&plan, what_a_dead_one_took_is_taken_back, set_up, tear_down);
	TAP_ADD(&plan, announcing_again_takes_nothing_back, set_up, tear_down);
	TAP_ADD(&plan, an_operators_policy_outlives_a_restart, set_up, tear_down);
	TAP_ADD(&plan, flows_are_counted_until_others_have_them, set_up, tear_down);
	TAP_ADD(&plan, ids_carry_the_instance_and_the_worker, set_up, tear_down);
	TAP_ADD(&plan, addresses_of_the_chain_are_known, set_up, tear_down);
	return tap_run(&plan, "libsocketlb", 1);
}
