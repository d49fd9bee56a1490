/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bad_server: answers every connection to port 80 as PREFIX says and then goes on with PART
 * for ever; both with the escapes of printf(1). Without PART it waits until the client goes.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

static int listen_at(unsigned short port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 64)) {
		perror("bad_server");
		exit(1);
	}
	return fd;
}

static bool say(int fd, const char *text)
{
	size_t len = strlen(text);

	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* \r and \n. */
static char *unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from == '\\' && from[1])
			*to++ = *++from == 'r' ? '\r' : '\n';
		else
			*to++ = *from;
	}
	*to = '\0';
	return text;
}

int main(int argc, char **argv)
{
	char request[4096];
	int fd, client;

	if (argc != 3) {
		fprintf(stderr, "usage: bad_server PREFIX PART\n");
		return 2;
	}
	unescape(argv[1]);
	unescape(argv[2]);
	fd = listen_at(80);
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		if (recv(client, request, sizeof(request), 0) > 0 && say(client, argv[1])) {
			while (*argv[2] && say(client, argv[2]))
				;
			while (!*argv[2] && recv(client, request, sizeof(request), 0) > 0)
				;
		}
		close(client);
	}
	return 1;
}
