/* SPDX-License-Identifier: GPL-2.0-only */
/* What others do to the service of connections that move, and to who waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "programs/handoff/repair/handoff_service.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/handoff_repairer.h"
#include "tests/support/tap.h"

#define MANY 300
#define LINGER_S 60
#define TIMER_MS 20000

static struct handoff_bed bed;
static const struct handoff_order enter = { .version = HANDOFF_ORDER_VERSION,
					    .act = HANDOFF_ENTER };
static const struct handoff_order leave = { .version = HANDOFF_ORDER_VERSION,
					    .act = HANDOFF_LEAVE };

static int set_up(void **state)
{
	(void)state;
	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	assert_int_equal(handoff_set_agent(bed.handoff, handoff_repairer.path), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (handoff_repairer.pid)
		kill(handoff_repairer.pid, SIGCONT);
	handoff_repairer_stop(SIGTERM);
	handoff_bed_close(&bed);
	return 0;
}

static void expect_obeyed(void)
{
	assert_int_equal(handoff_repairer_give(bed.server, &enter, sizeof(enter)), 0);
	assert_int_equal(handoff_repairer_give(bed.server, &leave, sizeof(leave)), 0);
	handoff_bed_say(bed.client, bed.server, "as it was");
}

/* Each is hung up on, when it was read or before. */
static int send_nothing_with_descriptors(void)
{
	char byte;
	int to;

	for (int i = 0; i < MANY; i++) {
		to = handoff_repairer_ask(bed.server, "", 0);
		if (to < 0)
			continue;
		(void)!recv(to, &byte, 1, 0);
		close(to);
	}
	return 0;
}

static void descriptors_without_an_order_are_closed(void **state)
{
	(void)state;
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(send_nothing_with_descriptors, false);
	expect_obeyed();
}

static void strangers_descriptors_are_closed(void **state)
{
	(void)state;
	handoff_repairer_start("root");
	handoff_repairer_as_nobody(send_nothing_with_descriptors, false);
	expect_obeyed();
}

static int connect_only(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, handoff_repairer.path);
	return connect(to, (struct sockaddr *)&address, sizeof(address)) ? -1 : to;
}

static void strangers_that_say_nothing_take_no_room(void **state)
{
	int strangers[MANY], root;

	(void)state;
	handoff_repairer_start("root");
	root = geteuid();
	assert_int_equal(seteuid(handoff_repairer.nobody), 0);
	for (int i = 0; i < MANY; i++)
		strangers[i] = connect_only();
	assert_int_equal(seteuid(root), 0);
	expect_obeyed();
	for (int i = 0; i < MANY; i++)
		close(strangers[i]);
}

static void user_has_so_many_connections(void **state)
{
	struct handoff_answer answer = {};
	int clients[HANDOFF_SERVICE_OF_USER + 1], root;

	(void)state;
	handoff_repairer_start("nobody");
	root = geteuid();
	assert_int_equal(seteuid(handoff_repairer.nobody), 0);
	for (int i = 0; i <= HANDOFF_SERVICE_OF_USER; i++)
		clients[i] = connect_only();
	assert_int_equal(seteuid(root), 0);
	assert_int_equal(recv(clients[HANDOFF_SERVICE_OF_USER], &answer, sizeof(answer), 0),
			 sizeof(answer));
	assert_int_equal(answer.err, -EBUSY);
	expect_obeyed();
	for (int i = 0; i <= HANDOFF_SERVICE_OF_USER; i++)
		close(clients[i]);
}

/* The last close() of such a socket waits for the peer, which does not read. */
static int send_one_that_lingers(void)
{
	static const char bytes[65536];
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };

	while (send(bed.server, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	if (setsockopt(bed.server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		return 1;
	return handoff_repairer_ask(bed.server, &enter, sizeof(enter)) < 0 ? 2 : 0;
}

static void expect_no_wait(const char *user)
{
	handoff_repairer_start(user);
	kill(handoff_repairer.pid, SIGSTOP);
	handoff_repairer_as_nobody(send_one_that_lingers, true);
	kill(handoff_repairer.pid, SIGCONT);
	bed.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(handoff_repairer_give(bed.server, &enter, sizeof(enter)), 0);
}

static void stranger_does_not_make_it_wait(void **state)
{
	(void)state;
	expect_no_wait("root");
}

static void user_makes_nobody_else_wait(void **state)
{
	(void)state;
	expect_no_wait("nobody");
}

/* Until it has no processes of clients: what they were to do they have done. */
static void wait_for_clients(void)
{
	char file[96], line[256];
	int left = TIMER_MS;
	FILE *children;
	bool has_some = true;

	snprintf(file, sizeof(file), "/proc/%d/task/%d/children", handoff_repairer.pid,
		 handoff_repairer.pid);
	while (has_some && left-- > 0) {
		children = fopen(file, "re");
		assert_non_null(children);
		has_some = fgets(line, sizeof(line), children);
		fclose(children);
		poll(NULL, 0, 1);
	}
	assert_false(has_some);
}

static void who_gave_up_is_not_frozen(void **state)
{
	struct handoff_state *taken;
	socklen_t len = sizeof(int);
	int repair = 1;

	(void)state;
	handoff_repairer_start("root");
	kill(handoff_repairer.pid, SIGSTOP);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &taken), -ETIMEDOUT);
	kill(handoff_repairer.pid, SIGCONT);
	expect_obeyed();
	wait_for_clients();
	assert_int_equal(getsockopt(bed.server, IPPROTO_TCP, TCP_REPAIR, &repair, &len), 0);
	assert_int_equal(repair, 0);
	handoff_bed_say(bed.client, bed.server, "not frozen");
}

static void silent_agent_is_left_alone(void **state)
{
	struct handoff_state *taken;

	(void)state;
	handoff_repairer_start("root");
	kill(handoff_repairer.pid, SIGSTOP);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &taken), -ETIMEDOUT);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &taken), -ETIMEDOUT);
	assert_non_null(strstr(handoff_error(bed.handoff), "is left alone"));
	kill(handoff_repairer.pid, SIGCONT);
	/* The same anew: it is asked at once. */
	assert_int_equal(handoff_set_agent(bed.handoff, handoff_repairer.path), 0);
	assert_int_equal(handoff_repairer_capture(bed.handoff, bed.server, &taken), 0);
	handoff_state_free(taken);
	assert_int_equal(handoff_undo(bed.handoff, bed.server), 0);
}

static void it_ends_while_clients_are_there(void **state)
{
	int client, status;
	char byte;

	(void)state;
	handoff_repairer_start("root");
	client = handoff_repairer_ask(bed.server, &leave, sizeof(leave));
	assert_true(client >= 0);
	assert_int_equal(recv(client, &byte, 1, 0), 1);
	status = handoff_repairer_stop(SIGTERM);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(recv(client, &byte, 1, 0), 0);
	close(client);
}

static bool has_fd(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", handoff_repairer.pid, fd);
	return !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* It has a descriptor for who connects, and none for the process that is to serve it. */
static void who_finds_no_room_is_served_later(void **state)
{
	struct handoff_answer answer = {};
	struct rlimit had, none;
	int to, next = 0;

	(void)state;
	handoff_repairer_start("nobody");
	expect_obeyed();
	while (has_fd(next))
		next++;
	assert_int_equal(prlimit(handoff_repairer.pid, RLIMIT_NOFILE, NULL, &had), 0);
	none = (struct rlimit){ (rlim_t)next + 1, had.rlim_max };
	assert_int_equal(prlimit(handoff_repairer.pid, RLIMIT_NOFILE, &none, NULL), 0);
	to = handoff_repairer_ask(bed.server, &enter, sizeof(enter));
	assert_true(to >= 0);
	for (int i = 0; i < 5000 && !has_fd(next); i++)
		poll(NULL, 0, 1);
	assert_true(has_fd(next));
	assert_int_equal(prlimit(handoff_repairer.pid, RLIMIT_NOFILE, &had, NULL), 0);
	assert_int_equal(recv(to, &answer, sizeof(answer), 0), sizeof(answer));
	assert_int_equal(answer.err, 0);
	close(to);
	expect_obeyed();
}

int main(void)
{
	struct tap_plan plan = {};
	int status;

	if (handoff_repairer_open(&bed))
		return EXIT_FAILURE;
	TAP_ADD(&plan, descriptors_without_an_order_are_closed, set_up, tear_down);
	TAP_ADD(&plan, strangers_descriptors_are_closed, set_up, tear_down);
	TAP_ADD(&plan, strangers_that_say_nothing_take_no_room, set_up, tear_down);
	TAP_ADD(&plan, user_has_so_many_connections, set_up, tear_down);
	TAP_ADD(&plan, stranger_does_not_make_it_wait, set_up, tear_down);
	TAP_ADD(&plan, user_makes_nobody_else_wait, set_up, tear_down);
	TAP_ADD(&plan, who_gave_up_is_not_frozen, set_up, tear_down);
	TAP_ADD(&plan, silent_agent_is_left_alone, set_up, tear_down);
	TAP_ADD(&plan, who_finds_no_room_is_served_later, set_up, tear_down);
	TAP_ADD(&plan, it_ends_while_clients_are_there, set_up, tear_down);
	status = tap_run(&plan, "the service of moved connections among strangers", 1);
	handoff_repairer_close();
	return status;
}
