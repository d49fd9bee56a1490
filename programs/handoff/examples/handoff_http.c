/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A web server whose connections move:
 *
 *	handoff_http NAME MAP_DIR CA CERT KEY front ADDRESS:PORT BACK@ADDRESS:PORT...
 *	handoff_http NAME MAP_DIR CA CERT KEY back ADDRESS:PORT FRONT [REQUESTS]
 *
 * Clients connect to the front. It gives each connection, with the request that it has read, to the
 * next back; what nobody takes it serves itself. A back serves what comes, and sends it home
 * after so many requests. GET /N is answered with N bytes, and the header Server says by whom.
 * To build it elsewhere:
 *   cc -O2 -o handoff_http handoff_http.c $(pkg-config --cflags --libs handoff_host)
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <handoff_host.h>

struct conn {
	int fd;
	bool is_guest;	       /* from another host, and not at home */
	bool is_tried;	       /* the request was not taken: it is served here */
	size_t heard;	       /* bytes in @request */
	unsigned int requests; /* answered here */
	size_t body;	       /* bytes of the answer that are still to be sent */
	char request[8192];
};

static struct handoff_host *host;
static const char *name;
static char **targets;
static unsigned int target_count, turn, requests_max;
static int loop, listener = -1;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "handoff_http: %s: %s\n", what, why);
	exit(2);
}

/* --- a connection, and its answers ------------------------------------------------------------- */

static void watch(int how, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	if (epoll_ctl(loop, how, fd, &event))
		fail("epoll", strerror(errno));
}

static void add(int fd, bool is_guest)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		fail("a connection", "out of memory");
	conn->fd = fd;
	conn->is_guest = is_guest;
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, conn);
}

static void end(struct conn *conn)
{
	handoff_host_close(host, conn->fd);
	free(conn);
}

static bool send_body(struct conn *conn)
{
	static const char zeros[65536];

	while (conn->body) {
		size_t now = conn->body < sizeof(zeros) ? conn->body : sizeof(zeros);
		ssize_t sent = send(conn->fd, zeros, now, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN;
		conn->body -= (size_t)sent;
	}
	return true;
}

/* The request of @length bytes is at the beginning of what was heard; more may be behind it. */
static bool answer(struct conn *conn, size_t length)
{
	unsigned long size = 0;
	char head[256];
	int head_length;

	(void)sscanf(conn->request, "GET /%lu", &size);
	head_length = snprintf(head, sizeof(head),
			       "HTTP/1.1 200 OK\r\nServer: %s\r\nContent-Length: %lu\r\n\r\n", name,
			       size);
	/* Its queue is empty: all answers before this one were sent. */
	if (send(conn->fd, head, (size_t)head_length, MSG_NOSIGNAL) != head_length)
		return false;
	conn->body = size;
	conn->requests++;
	conn->is_tried = false;
	conn->heard -= length;
	memmove(conn->request, conn->request + length, conn->heard + 1);
	return send_body(conn);
}

/* --- where it is answered ---------------------------------------------------------------------- */

/* Whether it is on its way: all that was heard is unread again for who takes it. */
static bool give(struct conn *conn)
{
	bool is_due = requests_max && conn->requests >= requests_max;
	unsigned int tries = conn->is_guest ? is_due : target_count;

	if (conn->is_tried || !tries)
		return false;
	/* Nothing more is heard of it until on_kept(), on_given() or on_lost(). */
	epoll_ctl(loop, EPOLL_CTL_DEL, conn->fd, NULL);
	while (tries--) {
		/* A guest goes home. */
		const char *peer = conn->is_guest ? NULL : targets[turn++ % target_count];

		if (!handoff_host_send_unread(host, conn->fd, peer, conn, conn->request,
					      conn->heard))
			return true;
		printf("kept: %s\n", handoff_host_error(host));
	}
	watch(EPOLL_CTL_ADD, conn->fd, EPOLLIN, conn);
	return false;
}

/* Returns whether it goes on. */
static bool advance(struct conn *conn)
{
	const char *request_end;

	while (!conn->body && (request_end = strstr(conn->request, "\r\n\r\n"))) {
		if (give(conn))
			return true;
		if (!answer(conn, (size_t)(request_end - conn->request) + 4))
			return false;
	}
	watch(EPOLL_CTL_MOD, conn->fd, conn->body ? EPOLLOUT : EPOLLIN, conn);
	return conn->body || conn->heard < sizeof(conn->request) - 1;
}

static bool hear(struct conn *conn)
{
	ssize_t got = read(conn->fd, conn->request + conn->heard,
			   sizeof(conn->request) - 1 - conn->heard);

	if (got < 0)
		return errno == EAGAIN;
	conn->heard += (size_t)got;
	conn->request[conn->heard] = '\0';
	return got > 0;
}

static void handle(struct conn *conn)
{
	if ((!conn->body && !hear(conn)) || !send_body(conn) || !advance(conn))
		end(conn);
}

static void accept_all(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		add(fd, false);
}

/* --- what handoff_host tells ------------------------------------------------------------------- */

static void on_taken(void *data, int fd, const struct handoff_taken *what)
{
	(void)data;
	add(fd, !what->is_home);
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	struct conn *conn = tag;

	(void)data;
	printf("kept: %s\n", why);
	conn->is_tried = true;
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, conn);
	if (!advance(conn))
		end(conn);
}

static void on_given(void *data, void *tag)
{
	(void)data;
	free(tag);
}

/* A guest's socket says so itself. */
static void on_lost(void *data, void *tag, int fd, const char *why)
{
	(void)data;
	printf("lost: %s\n", why);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	else
		free(tag);
}

static void on_link(void *data, const char *peer, bool is_up, const char *why)
{
	(void)data;
	printf("link %s %s %s\n", peer, is_up ? "up" : "down", why);
}

/* --- words, and the loop ----------------------------------------------------------------------- */

static void serve(const char *text)
{
	struct sockaddr_storage at;
	socklen_t length;

	if (handoff_host_parse_port(text, &at, &length))
		fail(text, "no ADDRESS:PORT");
	listener = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, length) || listen(listener, 1024))
		fail(text, strerror(errno));
	watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
}

/* Who dials, NAME, or is dialed, NAME@ADDRESS:PORT; what is left of the word is NAME. */
static void add_peer(char *word)
{
	if (handoff_host_add_word(host, word))
		fail(word, handoff_host_error(host));
	*strchrnul(word, '@') = '\0';
}

static void run(void)
{
	struct epoll_event events[64];
	int count = epoll_wait(loop, events, 64, -1);

	/* Connections first: what handoff_host tells may free them. */
	for (int i = 0; i < count; i++)
		if (events[i].data.ptr == &listener)
			accept_all();
		else if (events[i].data.ptr)
			handle(events[i].data.ptr);
	if (handoff_host_run(host))
		fail("run", handoff_host_error(host));
}

int main(int argc, char **argv)
{
	bool is_front = argc > 8 && !strcmp(argv[6], "front");
	struct handoff_host_config config = {
		.events = { on_taken, on_kept, on_given, on_lost, on_link },
		.times = { .ack = 3000, .ready = 10000, .done = 20000 }, /* hosts may be busy */
	};

	if (argc < 9 || (!is_front && strcmp(argv[6], "back") != 0))
		fail("usage", "NAME MAP_DIR CA CERT KEY front|back ADDRESS:PORT PEER...");
	setlinebuf(stdout);
	loop = epoll_create1(EPOLL_CLOEXEC);
	config.name = name = argv[1];
	config.map_dir = argv[2];
	config.ca = argv[3];
	config.cert = argv[4];
	config.key = argv[5];
	if (!is_front) {
		/* Other hosts dial here, and their connections get this address. */
		if (handoff_host_parse_port(argv[7], &config.listen, &config.listen_length))
			fail(argv[7], "no ADDRESS:PORT");
		config.local[0] = config.listen;
		if (config.listen.ss_family == AF_INET6)
			((struct sockaddr_in6 *)config.local)->sin6_port = 0;
		else
			((struct sockaddr_in *)config.local)->sin_port = 0;
		requests_max = argc > 9 ? (unsigned int)atoi(argv[9]) : 0;
	}
	if (handoff_host_new(&config, &host))
		fail("start", handoff_host_error(host));
	watch(EPOLL_CTL_ADD, handoff_host_fd(host), EPOLLIN, NULL);
	targets = argv + 8;
	target_count = is_front ? (unsigned int)argc - 8 : 1;
	for (unsigned int i = 0; i < target_count; i++)
		add_peer(targets[i]);
	if (is_front)
		serve(argv[7]);
	for (;;)
		run();
}
