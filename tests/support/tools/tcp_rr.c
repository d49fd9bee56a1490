/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_rr: one byte there and one back, over one connection. `tcp_rr ADDRESS PORT` answers,
 * until a signal; `tcp_rr ADDRESS PORT COUNT` asks and prints the median of the round trips,
 * in microseconds. IPv4.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "tcp_rr: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void answer(int fd, const struct sockaddr_in *at)
{
	const int on = 1;
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) || listen(fd, 8))
		fail("listening");
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			fail("accepting");
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while (read(peer, &byte, 1) == 1 && write(peer, &byte, 1) == 1)
			;
		close(peer);
	}
}

static double ask(int fd, const struct sockaddr_in *at, size_t count)
{
	const struct timeval patience = { .tv_sec = 10 };
	double *times = calloc(count, sizeof(*times)), median;
	const int on = 1;
	char byte = 0;

	if (!times)
		fail("memory");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		fail("connecting");
	for (size_t i = 0; i < count; i++) {
		double start = now_us();

		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			fail("a round trip");
		times[i] = now_us() - start;
	}
	qsort(times, count, sizeof(*times), compare_doubles);
	median = times[count / 2];
	free(times);
	return median;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1) {
		fputs("usage: tcp_rr ADDRESS PORT [COUNT]\n", stderr);
		return 2;
	}
	if (fd < 0)
		fail("socket");
	at.sin_port = htons((in_port_t)strtoul(argv[2], NULL, 10));
	if (argc == 3)
		answer(fd, &at);
	printf("%.1f\n", ask(fd, &at, strtoul(argv[3], NULL, 10) ?: 1));
	return 0;
}
