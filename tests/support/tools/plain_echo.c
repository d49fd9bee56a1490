/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plain_echo KIND ADDRESS PORT PROCESSES: a server that knows nothing of socket_lb. Echoes TCP and
 * UDP, with the number of its first process in front. KIND says whose the sockets are:
 *
 *   workers   each process opens its own, with SO_REUSEPORT
 *   master    the first process opens all of them and hands them down
 *   daemon    as workers, after the process that was started went into the background
 *   alone     as workers, without SO_REUSEPORT
 *   brief     as workers, which end at once when they are told to, whatever connections they have
 *
 * A worker that is killed is replaced; where one has no sockets, all of it ends with 1. SIGTERM ends
 * it with status 7 once its connections have ended, SIGHUP makes it say "hup".
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PROCESSES_MAX 64
#define STATUS 7

struct worker {
	pid_t pid;
	int tcp;
	int udp;
};

static struct worker workers[PROCESSES_MAX];
static const char *kind;
static const struct addrinfo *at;
static pid_t first;
static volatile sig_atomic_t is_told_to_end;
static volatile sig_atomic_t is_told_hup;

static void on_signal(int number)
{
	if (number == SIGTERM)
		is_told_to_end = 1;
	else
		is_told_hup = 1;
}

static int open_socket(int type)
{
	const int is_shared = strcmp(kind, "alone") != 0;
	int fd = socket(at->ai_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &is_shared, sizeof(is_shared)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) || (type == SOCK_STREAM && listen(fd, 1024))) {
		perror("plain_echo: socket");
		exit(1);
	}
	return fd;
}

static void open_sockets(struct worker *worker)
{
	worker->tcp = open_socket(SOCK_STREAM);
	worker->udp = open_socket(SOCK_DGRAM);
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Returns whether the connection, or the datagram, is over. */
static bool answer(int fd, bool is_udp)
{
	char text[2048];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	int head = sprintf(text, "%d ", first);
	ssize_t len = recvfrom(fd, text + head, sizeof(text) - 32, 0, (struct sockaddr *)&from,
			       &from_len);

	if (len < 0 || (!len && !is_udp))
		return true;
	return sendto(fd, text, (size_t)(head + len), MSG_NOSIGNAL,
		      is_udp ? (struct sockaddr *)&from : NULL, is_udp ? from_len : 0) < 0;
}

/* Told to end, it closes its sockets, so that what waits there goes on to others. */
static void run_worker(struct worker *worker)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), connections = 0;
	struct epoll_event event;

	watch(epoll, worker->tcp);
	watch(epoll, worker->udp);
	while (!is_told_to_end || connections) {
		if (is_told_to_end && worker->tcp >= 0) {
			close(worker->tcp);
			close(worker->udp);
			worker->tcp = worker->udp = -1;
		}
		if (epoll_wait(epoll, &event, 1, 100) != 1)
			continue;
		if (event.data.fd == worker->tcp) {
			int fd = accept4(worker->tcp, NULL, NULL, SOCK_CLOEXEC);

			connections += fd >= 0;
			watch(epoll, fd);
		} else if (event.data.fd == worker->udp) {
			answer(worker->udp, true);
		} else if (answer(event.data.fd, false)) {
			close(event.data.fd);
			connections--;
		}
	}
	exit(0);
}

static void start_worker(struct worker *worker)
{
	worker->pid = fork();
	if (worker->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(kind, "master") != 0)
		open_sockets(worker);
	run_worker(worker);
}

static struct worker *find_worker(pid_t pid, int count)
{
	for (int i = 0; i < count; i++)
		if (workers[i].pid == pid)
			return &workers[i];
	return NULL;
}

static void serve(int count)
{
	bool is_ending = false;
	struct worker *worker;
	int status = 0;
	pid_t pid;

	for (int i = 0; i < count; i++) {
		if (!strcmp(kind, "master"))
			open_sockets(&workers[i]);
		start_worker(&workers[i]);
	}
	while ((pid = wait(&status)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status))
			exit(WEXITSTATUS(status));
		if (is_told_hup && puts("hup") >= 0)
			fflush(stdout);
		is_told_hup = 0;
		for (int i = 0; is_told_to_end && !is_ending && i < count; i++) {
			if (!strcmp(kind, "master"))
				close(workers[i].tcp), close(workers[i].udp);
			kill(workers[i].pid, SIGTERM);
		}
		is_ending = is_told_to_end;
		worker = pid > 0 ? find_worker(pid, count) : NULL;
		if (worker && !is_ending)
			start_worker(worker);
	}
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct sigaction action = { .sa_handler = on_signal };
	int count = argc == 5 ? atoi(argv[4]) : 0;
	struct addrinfo *found = NULL;

	if (count < 1 || count > PROCESSES_MAX || getaddrinfo(argv[2], argv[3], &hints, &found)) {
		fputs("usage: plain_echo KIND ADDRESS PORT PROCESSES\n", stderr);
		return 2;
	}
	kind = argv[1];
	at = found;
	if (!strcmp(kind, "daemon") && fork())
		return 0;
	first = getpid();
	if (strcmp(kind, "brief") != 0)
		sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	serve(count);
	freeaddrinfo(found);
	return STATUS;
}
