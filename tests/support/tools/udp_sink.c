/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp_sink: counts the datagrams that arrive at a port, IPv4 and IPv6. The counts so far
 * stand in FILE whenever nothing is waiting to be read, a line each: datagrams; those that
 * two slots marked with different versions (tests/system/progs/pair.bpf.c); those without
 * such a mark; those that the socket had no room for. SIGTERM ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Some seconds of the traffic that tests send, should the machine be busy elsewhere. */
#define RECEIVE_BUFFER (16 << 20)

/* Where pair leaves the versions of the two slots. */
#define VERSIONS_AT 8

struct counts {
	unsigned long long datagrams;
	unsigned long long mixed;
	unsigned long long unmarked;
	unsigned long long overflows;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

static int open_socket(int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int size = RECEIVE_BUFFER;
	int off = 0;
	int on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		fprintf(stderr, "udp_sink: port %d: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Numbers of fixed width: a reader never sees half of one. */
static void write_counts(int fd, const struct counts *counts)
{
	char text[4 * 21 + 1];
	int len = snprintf(text, sizeof(text), "%20llu\n%20llu\n%20llu\n%20llu\n",
			   counts->datagrams, counts->mixed, counts->unmarked, counts->overflows);

	if (pwrite(fd, text, (size_t)len, 0) != len) {
		perror("udp_sink: cannot write the counts");
		exit(1);
	}
}

/* The kernel tells with a datagram how many were dropped before it. */
static void note_overflows(struct msghdr *msg, struct counts *counts)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	uint32_t dropped;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SO_RXQ_OVFL)
		return;
	memcpy(&dropped, CMSG_DATA(cmsg), sizeof(dropped));
	counts->overflows = dropped;
}

static bool receive_one(int fd, struct counts *counts)
{
	unsigned char payload[64] = { 0 };
	char control[CMSG_SPACE(sizeof(uint32_t))];
	struct iovec iov = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };

	if (recvmsg(fd, &msg, 0) < 0)
		return false;
	counts->datagrams++;
	counts->mixed += payload[VERSIONS_AT] != payload[VERSIONS_AT + 1];
	counts->unmarked += !payload[VERSIONS_AT] || !payload[VERSIONS_AT + 1];
	note_overflows(&msg, counts);
	return true;
}

static void count_datagrams(int fd, int out)
{
	struct counts counts = { 0 };

	write_counts(out, &counts);
	while (!is_stopped) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, -1) <= 0)
			continue;
		while (receive_one(fd, &counts))
			;
		write_counts(out, &counts);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int fd, out;

	if (argc != 3) {
		fputs("usage: udp_sink PORT FILE\n", stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	fd = open_socket(atoi(argv[1]));
	out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0) {
		fprintf(stderr, "udp_sink: '%s': %s\n", argv[2], strerror(errno));
		return 1;
	}
	count_datagrams(fd, out);
	close(out);
	close(fd);
	return 0;
}
