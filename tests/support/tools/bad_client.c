/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bad_client: misbehaves on slotd's socket in one of several ways, over several connections
 * at once. Prints "ready" when it has done its worst, holds the connections until all were
 * closed by the other side or SIGTERM comes, then prints how many were closed.
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

#include <sys/socket.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 256
#define GARBAGE_SIZE (256 << 10)
#define REQUESTS 2000

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

/* Sends what the other side takes without being waited for. */
static void send_some(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			return;
		bytes += n;
		size -= (size_t)n;
	}
}

static void send_text(int fd, const char *text)
{
	send_some(fd, text, strlen(text));
}

static void be_silent(int fd)
{
	(void)fd;
}

static void send_garbage(int fd)
{
	static char garbage[GARBAGE_SIZE];
	size_t i;

	srandom(1);
	for (i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)random();
	send_some(fd, garbage, sizeof(garbage));
}

static void send_half_header(int fd)
{
	send_text(fd, "PUT /v1/chains/eth0/slots/2/obj");
}

static void send_half_body(int fd)
{
	send_text(fd, "PUT /v1/chains/eth0/slots/2/object?name=half HTTP/1.1\r\nHost: slotd\r\n"
		      "Content-Length: 100000\r\n\r\n\x7f"
		      "ELF");
}

static void send_huge_header(int fd)
{
	static char name[GARBAGE_SIZE];

	memset(name, 'a', sizeof(name));
	send_text(fd, "GET /v1/status HTTP/1.1\r\nHost: slotd\r\nX-");
	send_some(fd, name, sizeof(name));
}

/* Asks and asks, and never reads an answer. */
static void send_only(int fd)
{
	int i;

	for (i = 0; i < REQUESTS; i++)
		send_text(fd, "GET /v1/chains/eth0/slots HTTP/1.1\r\nHost: slotd\r\n\r\n");
}

static const struct kind {
	const char *name;
	void (*run)(int fd);
	bool is_reader;
} kinds[] = {
	{ "silent", be_silent, true },
	{ "garbage", send_garbage, true },
	{ "half-header", send_half_header, true },
	{ "half-body", send_half_body, true },
	{ "huge-header", send_huge_header, true },
	{ "never-reads", send_only, false },
	{ NULL, NULL, false },
};

static const struct kind *find_kind(const char *name)
{
	const struct kind *kind = kinds;

	while (kind->name && strcmp(kind->name, name) != 0)
		kind++;
	return kind->name ? kind : NULL;
}

static int open_connection(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		fprintf(stderr, "bad_client: '%s': %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Whether the other side has closed; what it still had to say is read on the way. */
static bool is_closed(const struct pollfd *connection)
{
	char buffer[4096];
	ssize_t n;

	if (connection->revents & (POLLHUP | POLLERR))
		return true;
	if (!(connection->revents & POLLIN))
		return false;
	n = recv(connection->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static unsigned int hold(struct pollfd *connections, unsigned int count)
{
	unsigned int closed = 0;
	unsigned int i;

	while (!is_stopped && closed < count) {
		if (poll(connections, count, -1) < 0)
			continue;
		for (i = 0; i < count; i++) {
			if (connections[i].fd < 0 || !is_closed(&connections[i]))
				continue;
			close(connections[i].fd);
			connections[i].fd = -1; /* poll skips it */
			closed++;
		}
	}
	return closed;
}

int main(int argc, char **argv)
{
	static struct pollfd connections[CONNECTIONS_MAX];
	const struct kind *kind = argc == 4 ? find_kind(argv[1]) : NULL;
	struct sigaction action = { .sa_handler = on_signal };
	unsigned int i, count;

	if (!kind || atoi(argv[2]) < 1 || atoi(argv[2]) > CONNECTIONS_MAX) {
		fputs("usage: bad_client KIND CONNECTIONS SOCKET\nkinds: silent garbage half-header "
		      "half-body huge-header never-reads\n",
		      stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	count = (unsigned int)atoi(argv[2]);
	for (i = 0; i < count; i++) {
		connections[i].fd = open_connection(argv[3]);
		connections[i].events = kind->is_reader ? POLLIN : 0;
	}
	for (i = 0; i < count; i++)
		kind->run(connections[i].fd);
	puts("ready");
	fflush(stdout);
	printf("%u\n", hold(connections, count));
	return 0;
}
