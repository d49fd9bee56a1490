/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * echo_server CHAIN WORKERS ADDRESS PORT: echoes TCP and UDP, each answer with the number of this
 * process and a blank in front, and can be started again at any moment without losing a packet: the second one
 * takes over what is new, the first one ends when what it had has ended.
 *
 *   SIGHUP    start this program again, as it is installed by now, with the same arguments
 *   SIGTERM   end without a successor
 *
 * What it takes of libsocketlb is between the lines "--- takeover" and "--- main". To build it elsewhere:
 *
 *   cc -O2 -o echo_server echo_server.c $(pkg-config --cflags --libs socketlb) -pthread
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <socketlb.h>

#define WORKERS_MAX 64
#define LOOK_MS 50
#define DRAIN_S 30
#define MESSAGE_MAX 2048
#define BACKLOG 1024

struct worker {
	pthread_t thread;
	int epoll;
	int tcp;
	int udp;
};

static struct worker workers[WORKERS_MAX];
static unsigned int worker_count;
static atomic_int connections;
static pid_t successor = -1; /* -1: none */
static volatile sig_atomic_t is_told_to_end;
static volatile sig_atomic_t is_told_to_restart;

static void on_signal(int number)
{
	if (number == SIGHUP)
		is_told_to_restart = 1;
	else
		is_told_to_end = 1;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, why);
	exit(1);
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

/* --- the server: nothing here knows of a takeover -------------------------------------------- */

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll", strerror(errno));
}

static int open_socket(const struct addrinfo *at, int type)
{
	const int on = 1;
	int fd = socket(at->ai_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) || (type == SOCK_STREAM && listen(fd, BACKLOG)))
		fail("socket", strerror(errno));
	return fd;
}

static void accept_connection(const struct worker *worker)
{
	int fd = accept4(worker->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	connections++;
	watch(worker->epoll, fd);
}

static size_t write_answer(char *answer, const char *asked, size_t len)
{
	size_t head = (size_t)sprintf(answer, "%d ", getpid());

	memcpy(answer + head, asked, len);
	return head + len;
}

static void answer_datagram(int fd)
{
	char asked[MESSAGE_MAX], answer[MESSAGE_MAX + 64];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, asked, sizeof(asked), 0, (struct sockaddr *)&from, &from_len);

	if (len >= 0)
		sendto(fd, answer, write_answer(answer, asked, (size_t)len), 0,
		       (struct sockaddr *)&from, from_len);
}

static void answer_connection(int fd)
{
	char asked[MESSAGE_MAX], answer[MESSAGE_MAX + 64];
	ssize_t len = recv(fd, asked, sizeof(asked), 0);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len > 0 && send(fd, answer, write_answer(answer, asked, (size_t)len), MSG_NOSIGNAL) > 0)
		return;
	close(fd);
	connections--;
}

static void *run_worker(void *data)
{
	struct worker *worker = data;
	struct epoll_event event;

	while (epoll_wait(worker->epoll, &event, 1, -1) >= 0 || errno == EINTR) {
		if (event.data.fd == worker->tcp)
			accept_connection(worker);
		else if (event.data.fd == worker->udp)
			answer_datagram(worker->udp);
		else
			answer_connection(event.data.fd);
	}
	return NULL;
}

static void open_worker(struct worker *worker, const struct addrinfo *at)
{
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	worker->tcp = open_socket(at, SOCK_STREAM);
	worker->udp = open_socket(at, SOCK_DGRAM);
	watch(worker->epoll, worker->tcp);
	watch(worker->epoll, worker->udp);
}

/* --- takeover -------------------------------------------------------------------------------- */

/* Tell the service manager, if there is one (sd_notify(3)). */
static void notify(const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* While the one before drains, and the one before that has not left yet, there is no place. */
static void add_socket(struct socketlb *lb, int fd, unsigned int worker)
{
	int err;

	while ((err = socketlb_add(lb, fd, worker)) == -EBUSY && !is_told_to_end)
		usleep(LOOK_MS * 1000);
	if (err)
		fail("socketlb_add", socketlb_error(lb));
}

static void tell_ready(void)
{
	char text[64];

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", getpid());
	notify(text);
}

/* From here on what is new comes to this process, and the service manager follows it. */
static void take_over(struct socketlb *lb)
{
	for (unsigned int i = 0; i < worker_count; i++) {
		add_socket(lb, workers[i].tcp, i);
		add_socket(lb, workers[i].udp, i);
	}
	if (socketlb_announce(lb))
		fail("socketlb_announce", socketlb_error(lb));
	tell_ready();
	say("serves");
}

/* The new one takes over by itself. */
static void start_successor(char **argv)
{
	char text[64];
	struct timespec now;

	is_told_to_restart = 0;
	if (successor > 0) {
		say("a successor starts already");
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify(text);
	successor = fork();
	if (!successor) {
		execvp(argv[0], argv);
		fail(argv[0], strerror(errno));
	}
	if (successor < 0) {
		fprintf(stderr, "echo_server: fork: %s\n", strerror(errno));
		tell_ready();
	}
}

/* If it ends before that, nothing has happened: the reload is over, for the service manager as well. */
static void watch_successor(void)
{
	if (successor < 0 || waitpid(successor, NULL, WNOHANG) != successor)
		return;
	successor = -1;
	say("the successor ended; serves on");
	tell_ready();
}

static bool is_added(struct socketlb *lb, int fd, unsigned int worker)
{
	int err = socketlb_add(lb, fd, worker);

	return !err || err == -EEXIST;
}

/*
 * The chain's maps were made anew, and nobody is in them. This may be too early: the chain is to
 * run and to have its addresses first. Whatever of them is there is served.
 */
static bool come_back(struct socketlb *lb, const char *chain)
{
	bool is_complete = true;

	if (socketlb_open(lb, chain))
		return false;
	for (unsigned int i = 0; i < worker_count; i++) {
		is_complete &= is_added(lb, workers[i].tcp, i);
		is_complete &= is_added(lb, workers[i].udp, i);
	}
	return !socketlb_announce(lb) && is_complete;
}

/* Such as maps that another process has locked: nothing to end a server for. */
static void tell_trouble(struct socketlb *lb)
{
	fprintf(stderr, "echo_server: socketlb_wait: %s; serves on\n", socketlb_error(lb));
	sleep(1);
}

static void serve(struct socketlb *lb, char **argv)
{
	bool is_lost = false;
	int is_replaced = 0;

	while (!is_told_to_end && is_replaced != 1) {
		if (is_told_to_restart)
			start_successor(argv);
		is_replaced = socketlb_wait(lb, LOOK_MS);
		if (is_replaced < 0 && is_replaced != -ESTALE)
			tell_trouble(lb);
		if (is_replaced != 1)
			watch_successor();
		is_lost |= is_replaced == -ESTALE;
		if (!is_lost || is_replaced == 1)
			continue;
		usleep(LOOK_MS * 1000);
		is_lost = !come_back(lb, argv[1]);
		if (!is_lost)
			say("serves again");
	}
}

/* Returns false where the new one died and this one has to serve again. */
static bool drain(struct socketlb *lb)
{
	time_t end = time(NULL) + DRAIN_S;
	uint64_t flows = 1;
	int err;

	say("drains");
	while (!is_told_to_end && time(NULL) < end && (flows || connections)) {
		if (!socketlb_is_replaced(lb))
			return false;
		err = socketlb_flows(lb, &flows);
		if (err == -ESTALE) /* new maps: no flow is this one's any more */
			flows = 0;
		else if (err)
			fail("socketlb_flows", socketlb_error(lb));
		usleep(LOOK_MS * 1000);
	}
	return true;
}

/* --- main ------------------------------------------------------------------------------------ */

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct socketlb *lb = socketlb_new();
	int count = argc == 5 ? atoi(argv[2]) : 0;
	struct addrinfo *at = NULL;

	if (count < 1 || count > WORKERS_MAX || getaddrinfo(argv[3], argv[4], &hints, &at)) {
		fputs("usage: echo_server CHAIN WORKERS ADDRESS PORT\n", stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	if (!lb || socketlb_open(lb, argv[1]))
		fail("socketlb_open", lb ? socketlb_error(lb) : "out of memory");
	worker_count = (unsigned int)count;
	for (int i = 0; i < count; i++) {
		open_worker(&workers[i], at);
		pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
	}
	take_over(lb);
	do {
		serve(lb, argv);
	} while (!is_told_to_end && !drain(lb));
	/* connections that wait at a socket of this process go on to the new one's */
	socketlb_leave(lb);
	puts("ends");
	socketlb_free(lb);
	freeaddrinfo(at);
	return 0;
}
