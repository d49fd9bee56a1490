/* SPDX-License-Identifier: GPL-2.0-only */
/* Applications without a right have the service freeze and thaw their connections. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/lib/handoff_order.h"
#include "programs/handoff/repair/handoff_service.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/handoff_repairer.h"
#include "tests/support/tap.h"

#define SOME 5000
#define LOW_PORT 443

static struct handoff_bed bed;
static struct handoff_repairer *const service = &handoff_repairer;
static size_t *queued; /* told by another process */

static int set_up(void **state)
{
	(void)state;
	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	assert_int_equal(handoff_set_agent(bed.handoff, service->path), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_repairer_stop(SIGTERM);
	handoff_bed_close(&bed);
	return 0;
}

static int complain(int step)
{
	fprintf(stderr, "# step %d: %s\n", step, handoff_error(bed.handoff));
	return step;
}

/* With bytes in both queues that default buffers have no room for. */
static int move(void)
{
	struct handoff_state *state;

	handoff_bed_shut(&bed, true);
	if (handoff_repairer_capture(bed.handoff, bed.server, &state))
		return complain(1);
	close(bed.server);
	if (handoff_restore(bed.handoff, state, NULL, &bed.server))
		return complain(2);
	handoff_bed_shut(&bed, false);
	if (handoff_resume(bed.handoff, state, bed.server))
		return complain(3);
	handoff_state_free(state);
	return send(bed.server, "moved", 5, MSG_NOSIGNAL) == 5 ? 0 : 4;
}

static void expect_moved(void)
{
	struct pollfd readable = { .fd = bed.client, .events = POLLIN };
	char heard[6] = "";

	assert_int_equal(poll(&readable, 1, 5000), 1);
	assert_int_equal(recv(bed.client, heard, 5, MSG_WAITALL), 5);
	assert_string_equal(heard, "moved");
	assert_int_equal(bed.gate->resets, 0);
}

static void nobody_moves_a_connection(void **state)
{
	(void)state;
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(move, true);
	expect_moved();
}

static int undo(void)
{
	struct handoff_state *state;

	if (handoff_repairer_capture(bed.handoff, bed.server, &state))
		return complain(1);
	handoff_state_free(state);
	return handoff_undo(bed.handoff, bed.server) ? complain(2) : 0;
}

static void nobody_undoes_a_capture(void **state)
{
	(void)state;
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(undo, false);
	handoff_bed_say(bed.client, bed.server, "still here");
}

/* What nobody may not bind, in any namespace that starts ports of its own at 1024. */
static void nobody_returns_a_connection_to_a_low_port(void **state)
{
	struct sockaddr_in low = *(struct sockaddr_in *)&bed.address;
	int one = 1;

	(void)state;
	low.sin_port = htons(LOW_PORT);
	close(bed.listener);
	bed.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(bed.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	memcpy(&bed.address, &low, sizeof(low));
	assert_int_equal(bind(bed.listener, (struct sockaddr *)&low, sizeof(low)), 0);
	assert_int_equal(listen(bed.listener, 1), 0);
	bed.gate->port = low.sin_port;
	handoff_bed_connect(&bed);
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(move, true);
	expect_moved();
	bed.gate->port = htons(8080);
}

static int move_much(void)
{
	static char bytes[1 << 20];
	ssize_t sent;
	int step;

	while ((sent = send(bed.server, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		*queued += (size_t)sent;
	/* The last bytes may have no place behind so many. */
	step = move();
	if (!step)
		*queued += strlen("moved");
	return step == 4 ? 0 : step;
}

static void nobody_moves_queues_beyond_its_limits(void **state)
{
	static char bytes[65536];
	int room = 2 << 20;
	size_t heard = 0;
	ssize_t got;

	(void)state;
	assert_int_equal(setsockopt(bed.server, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)),
			 0);
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(move_much, true);
	while ((got = recv(bed.client, bytes, sizeof(bytes), 0)) > 0)
		heard += (size_t)got;
	assert_int_equal(got, 0);
	assert_int_equal(heard, *queued);
	assert_true(heard > 2 * 212992); /* net.core.wmem_max, as the kernel counts */
}

static int capture_refused(void)
{
	struct handoff_state *state;

	if (handoff_repairer_capture(bed.handoff, bed.server, &state) != -EPERM)
		return complain(1);
	return strstr(handoff_error(bed.handoff), "none of those who may ask") ? 0 : complain(2);
}

static void strangers_are_refused(void **state)
{
	(void)state;
	handoff_repairer_start("root");
	handoff_repairer_as_nobody(capture_refused, false);
	handoff_bed_say(bed.client, bed.server, "as it was");
}

static int capture_alone(void)
{
	struct handoff_state *state;

	if (handoff_capture(bed.handoff, bed.server, &state) != -ENOENT)
		return complain(1);
	return strstr(handoff_error(bed.handoff), "start slotctl handoff repair") ? 0 : complain(2);
}

static void without_an_agent_it_says_so(void **state)
{
	(void)state;
	handoff_repairer_as_nobody(capture_alone, false);
	handoff_bed_say(bed.client, bed.server, "as it was");
}

static void agent_that_was_killed_is_replaced(void **state)
{
	(void)state;
	handoff_repairer_start("nobody");
	handoff_repairer_stop(SIGKILL);
	assert_int_equal(access(service->path, F_OK), 0);
	/* A client's process may not have got as far as to close the service's socket. */
	for (int i = 0; i < 10000 && handoff_repairer_is_there(); i++)
		poll(NULL, 0, 1);
	handoff_repairer_start("nobody");
	handoff_repairer_as_nobody(move, true);
	expect_moved();
	assert_int_equal(handoff_repairer_stop(SIGTERM), 0);
	assert_int_equal(access(service->path, F_OK), -1);
}

/* Another service begins at the path, and ends. Returns 0 or -errno. */
static int open_another(void)
{
	static struct handoff_service other;
	struct slot_reason why;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		other.path = service->path;
		status = -handoff_service_open(&other, &why);
		handoff_service_close(&other);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void what_is_no_socket_stays(void **state)
{
	int fd = open(service->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_another(), -EEXIST);
	assert_int_equal(unlink(service->path), 0);
}

/* It has bound its socket, and nobody hears there yet. */
static void who_begins_is_not_replaced(void **state)
{
	const struct flock whole = { .l_type = F_WRLCK };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int lock = open(service->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	strcpy(address.sun_path, service->path);
	assert_int_equal(fcntl(lock, F_SETLK, &whole), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(open_another(), -EADDRINUSE);
	assert_int_equal(access(service->path, F_OK), 0);
	close(lock);
	assert_int_equal(open_another(), 0);
	assert_int_equal(access(service->path, F_OK), -1);
	close(fd);
}

/* As by hand, in a mount namespace whose /run has nothing. */
static void run_by_default(void)
{
	char user_word[] = "user=root", *words[] = { user_word };
	struct program_context ctx = { .map_dir = service->dir, .out = stdout };

	handoff_repairer_leave_bed();
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL))
		_exit(97);
	_exit(handoff_cmd_repair(&ctx, 1, words));
}

static void it_has_a_folder_of_its_own(void **state)
{
	char before[sizeof(service->path)];

	(void)state;
	strcpy(before, service->path);
	service->pid = fork();
	assert_true(service->pid >= 0);
	if (!service->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_by_default();
	}
	snprintf(service->path, sizeof(service->path), "/proc/%d/root" HANDOFF_AGENT_SOCKET,
		 service->pid);
	for (int i = 0; i < 10000 && !handoff_repairer_is_there(); i++)
		poll(NULL, 0, 1);
	assert_true(handoff_repairer_is_there());
	assert_int_equal(handoff_repairer_stop(SIGTERM), 0);
	strcpy(service->path, before);
}

/* The handle was connected to the one before. */
static void handle_finds_the_next_agent(void **state)
{
	(void)state;
	handoff_repairer_start("nobody");
	assert_int_equal(undo(), 0);
	assert_int_equal(handoff_repairer_stop(SIGTERM), 0);
	handoff_repairer_start("nobody");
	assert_int_equal(undo(), 0);
}

/* --- orders that no library gives -------------------------------------------------------------- */

static void what_is_no_order_is_refused(void **state)
{
	struct handoff_order order = { .version = HANDOFF_ORDER_VERSION, .act = HANDOFF_ENTER };
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), plain[2];

	(void)state;
	handoff_repairer_start("nobody");
	assert_int_equal(pipe(plain), 0);
	assert_int_equal(handoff_repairer_give(-1, &order, sizeof(order)), -EINVAL);
	assert_int_equal(handoff_repairer_give(udp, &order, sizeof(order)), -EINVAL);
	assert_int_equal(handoff_repairer_give(plain[0], &order, sizeof(order)), -EINVAL);
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order) - 1), -EINVAL);
	assert_int_equal(handoff_repairer_give(bed.listener, &order, sizeof(order)), -EPERM);
	order.act = HANDOFF_ACT_COUNT;
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order)), -EINVAL);
	/* Only of a socket in repair, and of a port that it was given. */
	order.act = HANDOFF_CONNECT;
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order)), -EACCES);
	((struct sockaddr_in *)&order.local)->sin_port = htons(LOW_PORT);
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order)), -EINVAL);
	order.act = HANDOFF_BUFFERS;
	order.send_room = HANDOFF_BUFFER_MAX + 1;
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order)), -EINVAL);
	order.version++;
	assert_int_equal(handoff_repairer_give(bed.server, &order, sizeof(order)), -EINVAL);
	handoff_bed_say(bed.client, bed.server, "as it was");
	close(udp);
	close(plain[0]);
	close(plain[1]);
}

int main(void)
{
	struct tap_plan plan = {};
	int status;

	if (handoff_repairer_open(&bed))
		return EXIT_FAILURE;
	queued = mmap(NULL, sizeof(*queued), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (queued == MAP_FAILED)
		return EXIT_FAILURE;
	TAP_ADD(&plan, nobody_moves_a_connection, set_up, tear_down);
	TAP_ADD(&plan, nobody_undoes_a_capture, set_up, tear_down);
	TAP_ADD(&plan, nobody_returns_a_connection_to_a_low_port, set_up, tear_down);
	TAP_ADD(&plan, nobody_moves_queues_beyond_its_limits, set_up, tear_down);
	TAP_ADD(&plan, strangers_are_refused, set_up, tear_down);
	TAP_ADD(&plan, without_an_agent_it_says_so, set_up, tear_down);
	TAP_ADD(&plan, agent_that_was_killed_is_replaced, set_up, tear_down);
	TAP_ADD(&plan, what_is_no_socket_stays, set_up, tear_down);
	TAP_ADD(&plan, who_begins_is_not_replaced, set_up, tear_down);
	TAP_ADD(&plan, it_has_a_folder_of_its_own, set_up, tear_down);
	TAP_ADD(&plan, handle_finds_the_next_agent, set_up, tear_down);
	TAP_ADD(&plan, what_is_no_order_is_refused, set_up, tear_down);
	status = tap_run(&plan, "the service of moved connections", 1);
	handoff_repairer_close();
	return status;
}
