/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp_flood: sends UDP datagrams, each with its number, at a bounded rate. Ends after
 * COUNT datagrams or on SIGTERM, and prints how many were sent.
 */
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#define NS_PER_S 1000000000ULL
/* Datagrams sent back to back when the machine fell behind: fewer than a veth's queue holds. */
#define BURST_MAX 32

struct flood {
	const char *source;
	const char *source_port;
	const char *address;
	const char *port;
	uint64_t rate_pps;
	uint64_t count; /* 0: until SIGTERM */
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(when_ns / NS_PER_S),
			       .tv_nsec = (long)(when_ns % NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static struct addrinfo *find_address(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	int err = getaddrinfo(host, port, &hints, &found);

	if (!err)
		return found;
	fprintf(stderr, "udp_flood: '%s' port '%s': %s\n", host, port, gai_strerror(err));
	exit(2);
}

static int open_socket(const struct flood *flood, const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct addrinfo *from;

	if (fd < 0) {
		perror("udp_flood: socket");
		exit(1);
	}
	if (!flood->source)
		return fd;
	from = find_address(flood->source, flood->source_port);
	if (bind(fd, from->ai_addr, from->ai_addrlen)) {
		fprintf(stderr, "udp_flood: cannot send from '%s': %s\n", flood->source,
			strerror(errno));
		exit(1);
	}
	freeaddrinfo(from);
	return fd;
}

/* A full queue is waited for; a destination that answers with ICMP errors goes on being sent to. */
static bool send_one(int fd, const struct addrinfo *to, uint64_t number)
{
	uint64_t payload[8] = { htobe64(number) };

	while (!is_stopped) {
		if (sendto(fd, payload, sizeof(payload), 0, to->ai_addr, to->ai_addrlen) >= 0)
			return true;
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
			perror("udp_flood: sendto");
			exit(1);
		}
		sleep_until(now_ns() + NS_PER_S / 1000);
	}
	return false;
}

static uint64_t run_flood(const struct flood *flood, int fd, const struct addrinfo *to)
{
	uint64_t gap_ns = NS_PER_S / flood->rate_pps;
	uint64_t next_ns = now_ns();
	uint64_t sent = 0;

	while (!is_stopped && (!flood->count || sent < flood->count)) {
		if (now_ns() > next_ns + BURST_MAX * gap_ns)
			next_ns = now_ns() - BURST_MAX * gap_ns;
		sleep_until(next_ns);
		next_ns += gap_ns;
		if (!is_stopped && send_one(fd, to, sent))
			sent++;
	}
	return sent;
}

static uint64_t parse_number(const char *text)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*end || end == text) {
		fprintf(stderr, "udp_flood: '%s' is no number\n", text);
		exit(2);
	}
	return number;
}

static void parse_options(int argc, char **argv, struct flood *ret_flood)
{
	struct flood flood = { .source_port = "0", .rate_pps = 1000 };
	int opt;

	while ((opt = getopt(argc, argv, "s:p:r:n:")) >= 0) {
		if (opt == 's')
			flood.source = optarg;
		else if (opt == 'p')
			flood.source_port = optarg;
		else if (opt == 'r')
			flood.rate_pps = parse_number(optarg);
		else if (opt == 'n')
			flood.count = parse_number(optarg);
		else
			exit(2);
	}
	if (argc - optind != 2 || !flood.rate_pps || flood.rate_pps > NS_PER_S) {
		fputs("usage: udp_flood [-s SOURCE [-p PORT]] [-r PER_SECOND] [-n COUNT] ADDRESS PORT\n",
		      stderr);
		exit(2);
	}
	flood.address = argv[optind];
	flood.port = argv[optind + 1];
	*ret_flood = flood;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct addrinfo *to;
	struct flood flood;
	uint64_t sent;
	int fd;

	parse_options(argc, argv, &flood);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	to = find_address(flood.address, flood.port);
	fd = open_socket(&flood, to);
	sent = run_flood(&flood, fd, to);
	printf("%llu\n", (unsigned long long)sent);
	freeaddrinfo(to);
	close(fd);
	return 0;
}
