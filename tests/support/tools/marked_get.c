/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * marked_get: asks ADDRESS PORT for / by HTTP, with packets that carry MARK (SO_MARK). Prints
 * the status, or why there is none.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct timeval deadline = {};
	struct addrinfo *to = NULL;
	char answer[16] = "";
	unsigned int mark;
	int fd;

	if (argc != 5 || getaddrinfo(argv[1], argv[2], &hints, &to)) {
		fprintf(stderr, "usage: marked_get ADDRESS PORT MARK SECONDS\n");
		return 2;
	}
	mark = (unsigned int)strtoul(argv[3], NULL, 0);
	deadline.tv_sec = strtol(argv[4], NULL, 10);
	fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)))
		return fail("socket");
	if (connect(fd, to->ai_addr, to->ai_addrlen))
		return fail("connect");
	freeaddrinfo(to);
	if (send(fd, request, strlen(request), 0) < 0 ||
	    recv(fd, answer, strlen("HTTP/1.1 200"), MSG_WAITALL) < 12)
		return fail("answer");
	printf("%s\n", answer + strlen("HTTP/1.1 "));
	close(fd);
	return 0;
}
