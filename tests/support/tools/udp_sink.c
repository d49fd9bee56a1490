/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp_sink: counts the datagrams that arrive at a port, IPv4 and IPv6. The count so far
 * stands in FILE whenever nothing is waiting to be read; SIGTERM ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Some seconds of the traffic that tests send, should the machine be busy elsewhere. */
#define RECEIVE_BUFFER (16 << 20)

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

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		fprintf(stderr, "udp_sink: port %d: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

/* A number of fixed width: a reader never sees half of it. */
static void write_count(int fd, unsigned long long count)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%20llu\n", count);

	if (pwrite(fd, text, (size_t)len, 0) != len) {
		perror("udp_sink: cannot write the count");
		exit(1);
	}
}

static unsigned long long receive_all(int fd)
{
	unsigned long long count = 0;
	char buffer[64];

	while (recv(fd, buffer, sizeof(buffer), MSG_TRUNC) >= 0)
		count++;
	return count;
}

static void count_datagrams(int fd, int out)
{
	unsigned long long count = 0;

	write_count(out, count);
	while (!is_stopped) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, -1) <= 0)
			continue;
		count += receive_all(fd);
		write_count(out, count);
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
