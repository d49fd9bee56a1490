/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A web server whose connections move:
 *
 *	handoff_http NAME MAP_DIR CA CERT KEY front ADDRESS:PORT BACK@ADDRESS:PORT...
 *	handoff_http NAME MAP_DIR CA CERT KEY back ADDRESS:PORT FRONT [REQUESTS]
 *
 * Clients connect to the front. It gives each connection, with the request that it has read, to the
 * next back; what nobody takes it serves itself. A back serves what comes, and sends it home
 * after so many requests. GET /N is answered with N bytes, and the header Server says by whom.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "programs/handoff/lib/peer/handoff_host.h"

#define PEERS_MAX 16
#define BODY_MAX (64 << 20)

struct conn {
	int fd;
	bool is_away;	       /* it is handoff_host's until that says otherwise */
	bool is_guest;	       /* from another host, and not at home */
	bool is_tried;	       /* the request was not taken: it is served here */
	size_t heard;	       /* bytes in @request */
	unsigned int requests; /* answered here */
	size_t body;	       /* bytes of the answer that are still to be sent */
	char request[8192];
};

static struct handoff_host *host;
static const char *name, *dialed[PEERS_MAX];
static unsigned int dialed_count, turn, requests_max;
static int loop, listener = -1;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "handoff_http: %s: %s\n", what, why);
	exit(1);
}

/* --- a connection, and its answers ------------------------------------------------------------- */

static void watch(struct conn *conn, int how)
{
	struct epoll_event event = { .events = conn->body ? EPOLLOUT : EPOLLIN, .data.ptr = conn };

	if (epoll_ctl(loop, how, conn->fd, &event))
		fail("epoll", strerror(errno));
}

static struct conn *add(int fd, bool is_guest)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		fail("a connection", "out of memory");
	conn->fd = fd;
	conn->is_guest = is_guest;
	watch(conn, EPOLL_CTL_ADD);
	return conn;
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

	if (sscanf(conn->request, "GET /%lu", &size) != 1 || size > BODY_MAX)
		size = 0;
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

static bool choose(const struct conn *conn, const char **ret_peer)
{
	*ret_peer = NULL; /* home */
	if (conn->is_tried)
		return false;
	if (conn->is_guest)
		return requests_max && conn->requests >= requests_max;
	for (unsigned int i = 0; i < dialed_count; i++) {
		*ret_peer = dialed[turn++ % dialed_count];
		if (handoff_host_is_linked(host, *ret_peer))
			return true;
	}
	return false;
}

/* Whether it is on its way: all that was heard is unread again for who takes it. */
static bool give(struct conn *conn)
{
	const char *peer;

	if (!choose(conn, &peer))
		return false;
	epoll_ctl(loop, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->is_away =
		!handoff_host_send_unread(host, conn->fd, peer, conn, conn->request, conn->heard);
	if (!conn->is_away)
		watch(conn, EPOLL_CTL_ADD);
	return conn->is_away;
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
	watch(conn, EPOLL_CTL_MOD);
	return conn->body || conn->heard < sizeof(conn->request) - 1;
}

static void handle(struct conn *conn)
{
	ssize_t got;

	if (conn->is_away)
		return;
	if (!conn->body) {
		got = read(conn->fd, conn->request + conn->heard,
			   sizeof(conn->request) - 1 - conn->heard);
		if (!got || (got < 0 && errno != EAGAIN)) {
			end(conn);
			return;
		}
		conn->heard += got > 0 ? (size_t)got : 0;
		conn->request[conn->heard] = '\0';
	}
	if (!send_body(conn) || !advance(conn))
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
	(void)fd;
	printf("kept: %s\n", why);
	conn->is_away = false;
	conn->is_tried = true;
	watch(conn, EPOLL_CTL_ADD);
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

static struct sockaddr_in parse(char *text)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	char *port = strchr(text, ':');

	if (!port)
		fail(text, "no ADDRESS:PORT");
	*port++ = '\0';
	at.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, text, &at.sin_addr) != 1)
		fail(text, "no address of IPv4");
	return at;
}

static void watch_fd(int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event))
		fail("epoll", strerror(errno));
}

static void serve(char *text)
{
	struct sockaddr_in at = parse(text);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1024))
		fail("serve", strerror(errno));
	watch_fd(listener, &listener);
}

static void dial(char *back)
{
	char *address = strchr(back, '@');
	struct sockaddr_in at;

	if (!address || dialed_count == PEERS_MAX)
		fail(back, "no BACK@ADDRESS:PORT, or one too many");
	*address++ = '\0';
	at = parse(address);
	if (handoff_host_add(host, back, (struct sockaddr *)&at, sizeof(at)))
		fail(back, handoff_host_error(host));
	dialed[dialed_count++] = back;
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
	};
	struct sockaddr_in here;

	if (argc < 9)
		fail("usage", "NAME MAP_DIR CA CERT KEY front|back ADDRESS:PORT PEER...");
	setlinebuf(stdout);
	loop = epoll_create1(EPOLL_CLOEXEC);
	config.name = name = argv[1];
	config.map_dir = argv[2];
	config.ca = argv[3];
	config.cert = argv[4];
	config.key = argv[5];
	if (!is_front) {
		here = parse(argv[7]);
		memcpy(&config.listen, &here, sizeof(here));
		memcpy(&config.local[0], &here, sizeof(here));
		((struct sockaddr_in *)&config.local[0])->sin_port = 0;
		config.listen_length = sizeof(here);
		requests_max = argc > 9 ? (unsigned int)atoi(argv[9]) : 0;
	}
	if (handoff_host_new(&config, &host))
		fail("start", host ? handoff_host_error(host) : "out of memory");
	if (!is_front && handoff_host_add(host, argv[8], NULL, 0))
		fail(argv[8], handoff_host_error(host));
	for (int i = 8; is_front && i < argc; i++)
		dial(argv[i]);
	if (is_front)
		serve(argv[7]);
	watch_fd(handoff_host_fd(host), NULL);
	for (;;)
		run();
}
