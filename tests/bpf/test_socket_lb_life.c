/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socket_lb: processes that are killed at each step of a takeover, that start at once, that are
 * nobody's friends. Whoever is left serves, and the next one can start.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"
#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define SOCKETS 3
#define NOBODY 65534

/* What a process does to take over, step by step. */
enum step {
	TAKE,
	FIRST_SOCKET,
	ALL_SOCKETS,
	SERVE,
	ANNOUNCE,
	LEAVE,
	STEPS,
};

static int run_step(struct sl_server *server, enum step step, struct slot_reason *why)
{
	struct sl_share share = { .policy = SL_BY_HASH, .sockets = SOCKETS };
	__u32 until = step == FIRST_SOCKET ? 1 : step == ALL_SOCKETS ? SOCKETS : 0;
	struct sl_process process;
	__u32 position;
	int err = 0;

	switch (step) {
	case TAKE:
		err = sl_process_get(0, &process);
		return err ? err :
			     sl_instance_take(&sl_bed.maps, &server->vip, &process, why,
					      &server->place);
	case SERVE:
		return sl_instance_serve(&sl_bed.maps, &server->place, &share, why);
	case ANNOUNCE:
		return sl_announce(&sl_bed.maps, &server->place, why);
	case LEAVE:
		return sl_instance_leave(&sl_bed.maps, &server->place, why);
	default:
		break;
	}
	for (; !err && server->count < until; server->count++) {
		server->fds[server->count] = sl_bed_bind(&server->vip);
		err = sl_socket_add(&sl_bed.maps, &server->place, server->fds[server->count], why,
				    &position);
	}
	return err;
}

static void run_to(struct sl_server *server, enum step first, enum step last)
{
	struct slot_reason why;

	for (int step = first; step <= (int)last; step++)
		if (run_step(server, (enum step)step, &why))
			fail_msg("step %d: %s", step, why.text);
}

/* A process that goes up to @last and waits for its end. @ret_pid is the caller's to end. */
static void start_process(const struct sl_vip_key *vip, enum step last, pid_t *ret_pid)
{
	struct sl_server server = { .vip = *vip };
	int pipe_fds[2];
	char byte;

	assert_int_equal(pipe(pipe_fds), 0);
	*ret_pid = fork();
	assert_true(*ret_pid >= 0);
	if (!*ret_pid) {
		struct slot_reason why;

		for (int step = 0; step <= (int)last; step++)
			if (run_step(&server, (enum step)step, &why))
				_exit(1);
		if (write(pipe_fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	close(pipe_fds[0]);
}

static void kill_process(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* is_served - whether a new client gets to @server, a connection or a datagram. */
static bool is_served(struct sl_server *server)
{
	struct sl_server *one[] = { server };
	int client = sl_bed_client(&server->vip);
	struct sl_arrival arrival;

	if (client < 0)
		return false;
	if (server->vip.proto == IPPROTO_UDP)
		send(client, "\x40", 1, 0);
	arrival = server->vip.proto == IPPROTO_UDP ? sl_bed_arrived(one, 1) :
						     sl_bed_accepted(one, 1, NULL);
	close(client);
	return arrival.server == server;
}

/* own_by - as if @pid had taken it. */
static void own_by(const struct sl_place *place, pid_t pid)
{
	__u32 index = SL_INSTANCE_INDEX(place->vip, place->instance);
	struct sl_instance instance;

	assert_int_equal(bpf_map_lookup_elem(sl_bed.maps.instances, &index, &instance), 0);
	instance.pid = (__u32)pid;
	assert_int_equal(bpf_map_update_elem(sl_bed.maps.instances, &index, &instance, BPF_ANY), 0);
}

struct life_case {
	const char *name, *vip;
};

static const struct life_case new_cases[] = {
	{ "the new one dies at each step: TCP", "tcp/203.0.113.80:80 tcp" },
	{ "the new one dies at each step: UDP by flow", "udp/203.0.113.80:53 flow" },
	{ "the new one dies at each step: QUIC", "udp/[2001:db8::80]:443 quic" },
};

static void the_new_one_dies(void **state)
{
	const struct life_case *row = *state;
	struct sl_vip_entry vip = sl_bed_vip(row->vip);
	struct sl_server old = { .vip = vip.key };

	run_to(&old, TAKE, ANNOUNCE);
	for (int last = TAKE; last < STEPS; last++) {
		struct sl_server next = { .vip = vip.key };
		pid_t pid;

		start_process(&vip.key, (enum step)last, &pid);
		kill_process(pid);
		if (!is_served(&old))
			fail_msg("killed after step %d: nobody serves", last);
		run_to(&next, TAKE, ANNOUNCE);
		assert_true(is_served(&next));
		sl_server_stop(&old);
		old = next;
		assert_true(is_served(&old));
	}
	sl_server_stop(&old);
}

static const struct life_case old_cases[] = {
	{ "the old one dies at each step of the new one: TCP", "tcp/203.0.113.80:80 tcp" },
	{ "the old one dies at each step of the new one: UDP by flow", "udp/203.0.113.80:53 flow" },
	{ "the old one dies at each step of the new one: QUIC", "udp/[2001:db8::80]:443 quic" },
};

/* Before it serves the new one is not ready, and nobody is there. */
static void the_old_one_dies(void **state)
{
	const struct life_case *row = *state;
	struct sl_vip_entry vip = sl_bed_vip(row->vip);

	for (int step = TAKE; step <= ANNOUNCE; step++) {
		struct sl_server new = { .vip = vip.key };
		pid_t pid;

		start_process(&vip.key, ANNOUNCE, &pid);
		run_to(&new, TAKE, (enum step)step);
		kill_process(pid);
		if (step >= SERVE && !is_served(&new))
			fail_msg("killed at step %d: nobody serves", step);
		if (step < ANNOUNCE)
			run_to(&new, (enum step)(step + 1), ANNOUNCE);
		assert_true(is_served(&new));
		sl_server_stop(&new);
	}
}

/* What began with the old one stays with it, whatever becomes of the new one. */
static void flows_of_the_old_one_outlive_the_new_one(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_server old = { .vip = vip.key }, *one[] = { &old };
	int client = sl_bed_client(&vip.key);
	struct sl_arrival first, later;
	pid_t pid;

	(void)state;
	run_to(&old, TAKE, ANNOUNCE);
	send(client, "1", 1, 0);
	first = sl_bed_arrived(one, 1);
	start_process(&vip.key, ANNOUNCE, &pid);
	send(client, "2", 1, 0);
	later = sl_bed_arrived(one, 1);
	assert_ptr_equal(later.server, &old);
	kill_process(pid);
	send(client, "3", 1, 0);
	later = sl_bed_arrived(one, 1);
	assert_ptr_equal(later.server, &old);
	assert_int_equal(later.position, first.position);
	close(client);
	sl_server_stop(&old);
}

/* Of a server's processes the one that would have announced it dies; another one has its sockets. */
static void who_served_unannounced_holds_no_place(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old = { .vip = vip.key }, dead = old, next = old;
	struct slot_reason why;
	pid_t pid;

	(void)state;
	run_to(&old, TAKE, ANNOUNCE);
	run_to(&dead, TAKE, SERVE);
	assert_int_equal(run_step(&next, TAKE, &why), -EBUSY);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	own_by(&dead.place, pid);
	run_to(&next, TAKE, ANNOUNCE);
	assert_true(is_served(&next));
	/* what was announced is a server's that drains, whoever began it */
	own_by(&old.place, pid);
	assert_int_equal(run_step(&dead, TAKE, &why), -EBUSY);
	sl_server_crash(&dead);
	sl_server_stop(&old);
	sl_server_stop(&next);
}

/* As if it came between the look of one that was replaced and what that one does about it. */
static void nothing_is_taken_back_from_a_third_one(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old = { .vip = vip.key }, dead = old, third = old;
	bool is_active = false;
	struct slot_reason why;

	(void)state;
	run_to(&old, TAKE, ANNOUNCE);
	run_to(&dead, TAKE, ANNOUNCE);
	sl_server_crash(&dead);
	assert_int_equal(sl_announce_again(&sl_bed.maps, &old.place, &why, &is_active), 0);
	assert_true(is_active);
	run_to(&third, TAKE, ANNOUNCE);
	assert_int_equal(sl_announce_again(&sl_bed.maps, &old.place, &why, &is_active), 0);
	assert_false(is_active);
	assert_true(is_served(&third));
	sl_server_stop(&old);
	sl_server_stop(&third);
}

static void the_second_of_two_starters_is_refused(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old = { .vip = vip.key }, late = old;
	struct slot_reason why = {};
	char said[128];
	pid_t pid;

	(void)state;
	run_to(&old, TAKE, ANNOUNCE);
	start_process(&vip.key, ALL_SOCKETS, &pid);
	assert_int_equal(run_step(&late, TAKE, &why), -EBUSY);
	snprintf(
		said, sizeof(said),
		"VIP 'tcp/203.0.113.80:80' has no instance free: 1 is being started, by process %d "
		"with 3 sockets",
		pid);
	assert_string_equal(why.text, said);
	kill_process(pid);
	run_to(&late, TAKE, ANNOUNCE);
	assert_true(is_served(&late));
	assert_int_equal(run_step(&old, TAKE, &why), -EBUSY);
	assert_non_null(strstr(why.text, "0 still drains"));
	sl_server_stop(&late);
	sl_server_stop(&old);
}

static void a_lock_that_another_one_keeps_is_given_up(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server server = { .vip = vip.key };
	int held = open(PROGRAM_BED_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int before = program_maps_wait_ms;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(before, 10 * 1000);
	assert_int_equal(flock(held, LOCK_SH), 0);
	alarm(5);
	program_maps_wait_ms = 200;
	assert_int_equal(run_step(&server, TAKE, &why), -EBUSY);
	program_maps_wait_ms = before;
	alarm(0);
	assert_non_null(strstr(why.text, "another process has held its lock"));
	close(held);
	run_to(&server, TAKE, ANNOUNCE);
	sl_server_stop(&server);
}

/* With what the parent opened: a lock of one process holds off the other one. */
static void a_child_of_fork_locks_for_itself(void **state)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct slot_reason why = {};
	int again = -1, status;
	pid_t pid;

	(void)state;
	assert_int_equal(sl_lock(&sl_bed.maps, &why, &locked), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(1); /* long before the lock is given up */
		_exit(-sl_lock(&sl_bed.maps, &why, &again));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGALRM);
}

static void who_lost_its_place_changes_nothing(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server lost = { .vip = vip.key }, other = lost;
	struct slot_reason why;

	(void)state;
	run_to(&lost, TAKE, ANNOUNCE);
	assert_int_equal(program_bed_run(&sl_bed.program, "free tcp/203.0.113.80:80 0"), 0);
	run_to(&other, TAKE, ANNOUNCE);
	assert_int_equal(run_step(&lost, ANNOUNCE, &why), -EOWNERDEAD);
	assert_int_equal(run_step(&lost, SERVE, &why), -EOWNERDEAD);
	assert_int_equal(run_step(&lost, LEAVE, &why), 0);
	assert_true(is_served(&other));
	sl_server_crash(&lost);
	sl_server_stop(&other);
}

static void an_instance_without_sockets_is_not_announced(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old = { .vip = vip.key }, new = old;
	struct slot_reason why;

	(void)state;
	run_to(&old, TAKE, ANNOUNCE);
	run_to(&new, TAKE, ALL_SOCKETS);
	assert_int_equal(run_step(&new, ANNOUNCE, &why), -EINVAL);
	run_to(&new, SERVE, SERVE);
	sl_server_crash(&new);
	assert_int_equal(run_step(&new, ANNOUNCE, &why), -EINVAL);
	assert_true(is_served(&old));
	sl_server_stop(&new);
	sl_server_stop(&old);
}

/* As slotd does for the owner of a slot. */
static void give_pins_to(uid_t uid)
{
	static const char *const names[] = { "",
					     "/" SL_VIPS_NAME,
					     "/" SL_ACTIVE_NAME,
					     "/" SL_INSTANCES_NAME,
					     "/" SL_SOCKETS_NAME,
					     "/" SL_FLOWS_NAME,
					     "/" SL_COUNTS_NAME };
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", PROGRAM_BED_DIR, names[i]);
		assert_int_equal(chown(path, uid, uid), 0);
	}
}

/* In a child that is @uid: a whole takeover. Its exit status says how that went. */
static int take_over_as(uid_t uid, const struct sl_vip_key *vip)
{
	struct sl_server server = { .vip = *vip };
	struct slot_reason why = {};
	int err, status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (setgid(uid) || setuid(uid))
			_exit(99);
		err = sl_maps_open(PROGRAM_BED_DIR, true, &why, &sl_bed.maps);
		for (int step = 0; !err && step < LEAVE; step++)
			err = run_step(&server, (enum step)step, &why);
		if (!err && !is_served(&server))
			err = -EIO;
		err = err ? err : run_step(&server, LEAVE, &why);
		if (err)
			fprintf(stderr, "# %s\n", why.text);
		_exit(-err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* With the maps that root opened, in a folder that is closed to whom it became. */
static void who_gave_up_root_still_locks(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:8053 flow");
	struct sl_server server = { .vip = vip.key };
	struct slot_reason why = {};
	int err = 0, status;
	pid_t pid;

	(void)state;
	assert_int_equal(chmod(PROGRAM_BED_DIR, 0700), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		for (int step = TAKE; !err && step < STEPS; step++)
			err = run_step(&server, (enum step)step, &why);
		_exit(-err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void owners_need_no_root(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:8053 flow");

	(void)state;
	give_pins_to(NOBODY);
	assert_int_equal(take_over_as(NOBODY, &vip.key), 0);
	assert_int_equal(take_over_as(NOBODY - 1, &vip.key), EACCES);
	give_pins_to(0);
}

#define ADD(test) TAP_ADD(&plan, test, sl_bed_set_up, sl_bed_tear_down)
#define ROWS(test, rows) TAP_ADD_ROWS(&plan, test, rows, sl_bed_set_up, sl_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(the_second_of_two_starters_is_refused);
	ROWS(the_new_one_dies, new_cases);
	ROWS(the_old_one_dies, old_cases);
	ADD(flows_of_the_old_one_outlive_the_new_one);
	ADD(a_lock_that_another_one_keeps_is_given_up);
	ADD(a_child_of_fork_locks_for_itself);
	ADD(who_served_unannounced_holds_no_place);
	ADD(nothing_is_taken_back_from_a_third_one);
	ADD(who_lost_its_place_changes_nothing);
	ADD(an_instance_without_sockets_is_not_announced);
	ADD(who_gave_up_root_still_locks);
	ADD(owners_need_no_root);
	return tap_run(&plan, "socket_lb_life", 1);
}
