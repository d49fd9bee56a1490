/* SPDX-License-Identifier: GPL-2.0-only */
/* libsocketlb: whom it takes for replaced. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/lib_bed.h"
#include "tests/support/tap.h"

static struct lib_bed lib;

static int set_up(void **state)
{
	(void)state;
	lib_bed_open(&lib);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lib_bed_close(&lib);
	return 0;
}

static void nobody_is_replaced_before_all_of_its_vips_are(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[4] = { lib_bed_add(&lib, old, &lib.tcp), lib_bed_add(&lib, old, &lib.udp), -1, -1 };
	struct slot_reason why;

	(void)state;
	assert_int_equal(socketlb_is_replaced(old), 0);
	lib_bed_announce(old);
	fds[2] = lib_bed_add(&lib, new, &lib.tcp);
	fds[3] = lib_bed_add(&lib, new, &lib.udp);
	assert_int_equal(socketlb_is_replaced(old), 0);
	lib_bed_announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(socketlb_is_replaced(new), 0);
	/* one VIP goes back, as an operator may have it */
	assert_int_equal(sl_active_set(&lib.bed.maps, INDEX_TCP, 0, &why), 0);
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
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[3] = { lib_bed_add(&lib, old, &lib.tcp), lib_bed_add(&lib, old, &lib.udp), -1 };

	(void)state;
	lib_bed_announce(old);
	fds[2] = lib_bed_add(&lib, new, &lib.udp);
	lib_bed_announce(new);
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
		struct socketlb *lb = lib_bed_handle();

		lib_bed_add(&lib, lb, &lib.udp);
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
	int fds[3] = { lib_bed_add(&lib, old, &lib.tcp), lib_bed_add(&lib, old, &lib.udp), -1 };

	(void)state;
	lib_bed_announce(old);
	assert_int_equal(socketlb_is_replaced(old), 0);
	fds[2] = lib_bed_add(&lib, new, &lib.tcp);
	lib_bed_announce(new);
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

	assert_int_equal(sl_active_get(&lib.bed.maps, vip, &why, &active), 0);
	return active;
}

static void what_a_dead_one_took_is_taken_back(void **state)
{
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[2] = { lib_bed_add(&lib, old, &lib.tcp), -1 };
	int before;

	(void)state;
	lib_bed_announce(old);
	before = active_of(INDEX_TCP);
	fds[1] = lib_bed_add(&lib, new, &lib.tcp);
	lib_bed_announce(new);
	assert_int_equal(socketlb_is_replaced(old), 1);
	assert_int_equal(active_of(INDEX_TCP), !before);
	close(fds[1]);
	assert_int_equal(socketlb_is_replaced(old), 0);
	assert_int_equal(active_of(INDEX_TCP), before);
	/* announcing again takes nothing back from who lives */
	fds[1] = lib_bed_add(&lib, new, &lib.tcp);
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
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[3] = { lib_bed_add(&lib, old, &lib.tcp), -1, -1 };

	(void)state;
	lib_bed_announce(old);
	fds[1] = lib_bed_add(&lib, new, &lib.tcp);
	lib_bed_announce(new);
	fds[2] = lib_bed_add(&lib, old, &lib.tcp); /* a worker of the old one is started again */
	lib_bed_announce(old);
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
	struct socketlb *old = lib_bed_handle(), *new = lib_bed_handle();
	int fds[4] = { lib_bed_add(&lib, old, &lib.udp), lib_bed_add(&lib, old, &lib.udp), -1, -1 };
	struct sl_instance instance;
	struct slot_reason why;

	(void)state;
	lib_bed_announce(old);
	program_bed_assert_runs(&lib.bed.program, "policy " LIB_BED_UDP " 0 cpu 3,1", "");
	fds[2] = lib_bed_add(&lib, new, &lib.udp);
	fds[3] = lib_bed_add(&lib, new, &lib.udp);
	lib_bed_announce(new);
	assert_int_equal(active_of(INDEX_UDP), 1);
	assert_int_equal(sl_instance_get(&lib.bed.maps, INDEX_UDP, 1, &why, &instance), 0);
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

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, nobody_is_replaced_before_all_of_its_vips_are, set_up, tear_down);
	TAP_ADD(&plan, a_vip_that_the_new_one_lacks_holds_nobody_back, set_up, tear_down);
	TAP_ADD(&plan, an_elder_that_drains_holds_nobody_back, set_up, tear_down);
	TAP_ADD(&plan, what_a_dead_one_took_is_taken_back, set_up, tear_down);
	TAP_ADD(&plan, announcing_again_takes_nothing_back, set_up, tear_down);
	TAP_ADD(&plan, an_operators_policy_outlives_a_restart, set_up, tear_down);
	return tap_run(&plan, "libsocketlb_replaced", 1);
}
