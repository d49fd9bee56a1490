/* SPDX-License-Identifier: GPL-2.0-only */
/* udp_echo ADDRESS PORT WORD: answers each datagram to ADDRESS with WORD, from ADDRESS, until a signal. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

static int open_socket(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *at = NULL;
	int fd;

	if (getaddrinfo(address, port, &hints, &at))
		return -1;
	fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, at->ai_addr, at->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(at);
	return fd;
}

int main(int argc, char **argv)
{
	char answer[64], question[64];
	int fd;

	if (argc != 4) {
		fputs("usage: udp_echo ADDRESS PORT WORD\n", stderr);
		return 2;
	}
	snprintf(answer, sizeof(answer), "%s\n", argv[3]);
	fd = open_socket(argv[1], argv[2]);
	if (fd < 0) {
		fprintf(stderr, "udp_echo: '%s' port %s: %s\n", argv[1], argv[2], strerror(errno));
		return 1;
	}
	for (;;) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);

		if (recvfrom(fd, question, sizeof(question), 0, (struct sockaddr *)&from, &len) < 0)
			continue;
		/* one that cannot be answered is one that the asker misses */
		if (sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&from, len) < 0)
			fprintf(stderr, "udp_echo: %s\n", strerror(errno));
	}
}
