/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp_flows ADDRESS PORT FLOWS: so many flows, each from a socket of its own, send a datagram
 * every 50 ms and expect an answer, until SIGINT. Prints the datagrams that were sent, those
 * without an answer within two seconds, and the flows whose answers changed.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#define EVERY_MS 50
#define PATIENCE_MS 2000
#define FLOWS_MAX 1000

struct flow {
	int fd;
	long asked_ms;	 /* since when it waits for an answer; 0: it has it */
	long next_ms;	 /* when it asks again */
	char answer[32]; /* the first one */
	bool has_moved;
};

static struct flow flows[FLOWS_MAX];
static volatile sig_atomic_t is_over;

static void end(int signal_number)
{
	(void)signal_number;
	is_over = 1;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_flow(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *at = NULL;
	int fd;

	if (getaddrinfo(address, port, &hints, &at))
		return -1;
	fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(at);
	return fd;
}

/* What came, if anything did; an ICMP error is no answer. */
static void take_answer(struct flow *flow)
{
	char answer[sizeof(flow->answer)] = "";

	if (recv(flow->fd, answer, sizeof(answer) - 1, 0) <= 0)
		return;
	flow->asked_ms = 0;
	if (!*flow->answer)
		memcpy(flow->answer, answer, sizeof(answer));
	flow->has_moved |= strcmp(flow->answer, answer) != 0;
}

static void ask(struct flow *flow, long now, unsigned long *sent, unsigned long *lost)
{
	if (flow->asked_ms && now - flow->asked_ms > PATIENCE_MS) {
		++*lost;
		flow->asked_ms = 0;
	}
	if (flow->asked_ms || now < flow->next_ms || is_over)
		return;
	*sent += send(flow->fd, "?", 1, 0) == 1;
	flow->asked_ms = now;
	flow->next_ms = now + EVERY_MS;
}

/* After the signal no flow asks any more; those that wait get their answers, or are lost. */
static bool is_any_waiting(int count)
{
	for (int i = 0; i < count; i++)
		if (flows[i].asked_ms)
			return true;
	return false;
}

static void run(int count, unsigned long *sent, unsigned long *lost)
{
	struct pollfd polls[FLOWS_MAX];

	for (int i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = flows[i].fd, .events = POLLIN };
	while (!is_over || is_any_waiting(count)) {
		poll(polls, (nfds_t)count, 5);
		for (int i = 0; i < count; i++) {
			if (polls[i].revents)
				take_answer(&flows[i]);
			ask(&flows[i], now_ms(), sent, lost);
		}
	}
}

int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[3]) : 0;
	unsigned long sent = 0, lost = 0, moved = 0;

	if (count < 1 || count > FLOWS_MAX) {
		fputs("usage: udp_flows ADDRESS PORT FLOWS\n", stderr);
		return 2;
	}
	signal(SIGINT, end);
	for (int i = 0; i < count; i++) {
		flows[i].fd = open_flow(argv[1], argv[2]);
		flows[i].next_ms = now_ms() + i * EVERY_MS / count;
		if (flows[i].fd < 0) {
			fprintf(stderr, "udp_flows: '%s' port %s: %s\n", argv[1], argv[2],
				strerror(errno));
			return 1;
		}
	}
	run(count, &sent, &lost);
	for (int i = 0; i < count; i++)
		moved += flows[i].has_moved;
	printf("%lu %lu %lu\n", sent, lost, moved);
	return 0;
}
