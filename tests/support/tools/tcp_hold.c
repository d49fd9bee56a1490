/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_hold ADDRESS PORT COUNT FILE: keeps COUNT TCP connections that always have something to say,
 * until a signal.
 *
 * Each of them sends a byte and waits for its answer, again and again. One that is reset, closed
 * or without an answer for SILENCE_MS is counted, and another one begins in its place. FILE has
 * one line, always up to date:
 *
 *	ROUNDS CONNECTIONS RESETS SILENT
 *
 * ROUNDS is how many answers the connection with the fewest has had.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#define COUNT_MAX 1000
#define PAUSE_MS 20
#define SILENCE_MS 10000
#define TICK_MS 5

struct held {
	bool is_waiting; /* for an answer */
	unsigned long rounds;
	int64_t since_ms; /* of what it waits for */
};

struct keeper {
	struct addrinfo *to;
	struct held held[COUNT_MAX];
	struct pollfd fds[COUNT_MAX];
	nfds_t count;
	unsigned long connections, resets, silent;
	int report;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "tcp_hold: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct addrinfo *resolve(char **args)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *at = NULL;
	int err = getaddrinfo(args[0], args[1], &hints, &at);

	if (err) {
		fprintf(stderr, "tcp_hold: %s: %s\n", args[0], gai_strerror(err));
		exit(2);
	}
	return at;
}

/* A connection in place @at; until it is there it waits for an answer already. */
static void begin(struct keeper *keeper, nfds_t at)
{
	int fd = socket(keeper->to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, keeper->to->ai_addr, keeper->to->ai_addrlen) && errno != EINPROGRESS)
		fail("connect");
	keeper->connections++;
	keeper->fds[at] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	keeper->held[at].is_waiting = true;
	keeper->held[at].since_ms = now_ms();
}

static void begin_again(struct keeper *keeper, nfds_t at, unsigned long *reason)
{
	(*reason)++;
	close(keeper->fds[at].fd);
	begin(keeper, at);
}

static void ask(struct keeper *keeper, nfds_t at)
{
	keeper->fds[at].events = POLLIN;
	keeper->held[at].is_waiting = true;
	keeper->held[at].since_ms = now_ms();
	if (write(keeper->fds[at].fd, "x", 1) != 1)
		begin_again(keeper, at, &keeper->resets);
}

static void hear(struct keeper *keeper, nfds_t at)
{
	struct held *held = &keeper->held[at];
	char answer[64];
	ssize_t len;

	if (keeper->fds[at].revents == POLLOUT) {
		ask(keeper, at);
		return;
	}
	len = read(keeper->fds[at].fd, answer, sizeof(answer));
	if (len < 1) {
		begin_again(keeper, at, &keeper->resets);
		return;
	}
	held->rounds++;
	held->is_waiting = false;
	held->since_ms = now_ms();
}

static void look(struct keeper *keeper, nfds_t at)
{
	const struct held *held = &keeper->held[at];
	int64_t age_ms = now_ms() - held->since_ms;

	if (keeper->fds[at].revents)
		hear(keeper, at);
	else if (held->is_waiting && age_ms >= SILENCE_MS)
		begin_again(keeper, at, &keeper->silent);
	else if (!held->is_waiting && age_ms >= PAUSE_MS)
		ask(keeper, at);
}

static void report(const struct keeper *keeper)
{
	unsigned long rounds = keeper->held[0].rounds;
	char line[96];

	for (nfds_t i = 1; i < keeper->count; i++)
		if (keeper->held[i].rounds < rounds)
			rounds = keeper->held[i].rounds;
	/* Always as long, so that whoever reads it reads one whole. */
	snprintf(line, sizeof(line), "%10lu %10lu %10lu %10lu\n", rounds, keeper->connections,
		 keeper->resets, keeper->silent);
	if (pwrite(keeper->report, line, strlen(line), 0) < 0)
		fail("report");
}

static int keep(char **args)
{
	static struct keeper keeper;

	keeper.to = resolve(args);
	keeper.count = strtoul(args[2], NULL, 10);
	keeper.report = open(args[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (!keeper.count || keeper.count > COUNT_MAX || keeper.report < 0)
		fail("arguments");
	for (nfds_t i = 0; i < keeper.count; i++)
		begin(&keeper, i);
	while (!is_over) {
		poll(keeper.fds, keeper.count, TICK_MS);
		for (nfds_t i = 0; !is_over && i < keeper.count; i++)
			look(&keeper, i);
		report(&keeper);
	}
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5)
		return keep(argv + 1);
	fputs("usage: tcp_hold ADDRESS PORT COUNT FILE\n", stderr);
	return 2;
}
