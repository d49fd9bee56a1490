/* SPDX-License-Identifier: GPL-2.0-only */
/* notify_sink: what a service manager would hear: prints the sd_notify messages sent to SOCKET, until SIGTERM. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[4096];
	ssize_t len;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fputs("usage: notify_sink SOCKET\n", stderr);
		return 2;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		fprintf(stderr, "notify_sink: '%s': %s\n", argv[1], strerror(errno));
		return 1;
	}
	while ((len = recv(fd, text, sizeof(text), 0)) >= 0) {
		printf("%.*s\n", (int)len, text);
		fflush(stdout);
	}
	close(fd);
	return 1;
}
