/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp_churn ADDRESS PORT FLOWS QUESTIONS: so many flows, some at a time, each from a socket of its
 * own that asks so many times, each time when the last answer is there, and is closed then.
 * Prints the questions that were asked, those without an answer within two seconds, and the
 * flows whose answers changed.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#define AT_ONCE 100
#define PATIENCE_MS 2000
#define POLL_MS 100

struct flow {
	long asked; /* times */
	long asked_ms;
	char answer[32]; /* the first one */
	bool has_moved;
};

static struct flow flows[AT_ONCE];
static struct pollfd fds[AT_ONCE];
static struct addrinfo *to;
static unsigned long asked, lost, moved, ended;

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool begin(size_t i)
{
	flows[i] = (struct flow){};
	fds[i].events = POLLIN;
	fds[i].fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fds[i].fd >= 0 && !connect(fds[i].fd, to->ai_addr, to->ai_addrlen))
		return true;
	fprintf(stderr, "udp_churn: %s\n", strerror(errno));
	return false;
}

static void ask(size_t i)
{
	flows[i].asked++;
	flows[i].asked_ms = now_ms();
	asked++;
	/* what cannot be sent gets no answer */
	if (send(fds[i].fd, "?\n", 2, 0) < 0)
		return;
}

static void take(struct flow *flow, int fd)
{
	char answer[sizeof(flow->answer)] = "";
	ssize_t len = recv(fd, answer, sizeof(answer) - 1, 0);

	if (len < 0)
		return;
	if (!*flow->answer)
		memcpy(flow->answer, answer, sizeof(answer));
	else if (strcmp(flow->answer, answer) != 0 && !flow->has_moved) {
		flow->has_moved = true;
		moved++;
		fprintf(stderr, "udp_churn: %.*s, then %s", (int)strcspn(flow->answer, "\n"),
			flow->answer, answer);
	}
}

/* One answered, or its time is over. Returns whether it is to go on. */
static bool advance(size_t i, long questions)
{
	if (fds[i].revents)
		take(&flows[i], fds[i].fd);
	else if (now_ms() - flows[i].asked_ms < PATIENCE_MS)
		return true;
	else
		lost++;
	if (flows[i].asked < questions) {
		ask(i);
		return true;
	}
	close(fds[i].fd);
	fds[i].fd = -1;
	ended++;
	return false;
}

static bool run(unsigned long count, long questions)
{
	unsigned long begun = 0;

	for (size_t i = 0; i < AT_ONCE; i++)
		fds[i].fd = -1;
	while (ended < count) {
		for (size_t i = 0; i < AT_ONCE; i++) {
			if (fds[i].fd >= 0 && advance(i, questions))
				continue;
			if (fds[i].fd >= 0 || begun == count)
				continue;
			if (!begin(i))
				return false;
			begun++;
			ask(i);
		}
		if (poll(fds, AT_ONCE, POLL_MS) < 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	bool is_done;

	if (argc != 5) {
		fputs("usage: udp_churn ADDRESS PORT FLOWS QUESTIONS\n", stderr);
		return 2;
	}
	if (getaddrinfo(argv[1], argv[2], &hints, &to)) {
		fprintf(stderr, "udp_churn: '%s' port %s is no address\n", argv[1], argv[2]);
		return 1;
	}
	is_done = run(strtoul(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
	freeaddrinfo(to);
	printf("%lu %lu %lu\n", asked, lost, moved);
	return is_done ? 0 : 1;
}
