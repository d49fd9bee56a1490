/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff_node NAME MAP_DIR WORD=VALUE...: a server whose connections move from host to host. It
 * sends back what it gets, each byte turned over; what it has not sent yet goes along.
 *
 *	serve=ADDRESS:PORT	clients connect here; twice: at either
 *	local=ADDRESS		what comes from other hosts is bound to this
 *	listen=ADDRESS:PORT	other hosts dial here
 *	dial=NAME@ADDRESS:PORT	one to dial, peer=NAME one that dials
 *	next=NAME		where connections go, in turn; without, they go home
 *	every=BYTES		that a connection moves after
 *	hold=1			none moves until SIGUSR2; SIGHUP: none moves any longer; SIGWINCH: one
 *	ca= cert= key=		of TLS between hosts; without, it is plain
 *	keepalive=1		a client that says nothing is asked each second whether it is there
 *	nodelay=1		what is sent is not held back
 *	tls=1.2|1.3:CIPHER	clients talk TLS, which the kernel goes on with after the handshake
 *	ack= ready= done= abandon= linger= idle= beat=	milliseconds
 *
 * SIGUSR1: what happened so far, as one line; SIGTERM: the same, and the end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "programs/handoff/lib/peer/handoff_host.h"
#include "tests/support/ktls.h"

#define PENDING_MAX (64 << 10)
#define NEXT_MAX 4

struct conn {
	int fd;
	bool is_taken, is_away;
	bool is_heard; /* all that the client had to say: it gets its answer, and that is the end */
	bool is_one;   /* that moves while none else does */
	SSL *ssl;      /* until hands are shaken */
	size_t at, end;
	size_t moved; /* bytes since it came here, or was last tried to be given */
	uint8_t pending[PENDING_MAX];
};

static struct {
	unsigned long accepted, taken, home, given, kept, lost, refused, ended, broken, here;
} counts;

static struct handoff_host *host;
static const char *nexts[NEXT_MAX];
static unsigned int next_count, turn;
static size_t every;
static int tls_version;
static const char *tls_cipher;
static bool keeps_alive, is_hasty;
static int epoll_fd, listeners[2], listener_count;
static volatile sig_atomic_t wants_counts, wants_end, is_held, wants_one;

static void fail(const char *what)
{
	fprintf(stderr, "handoff_node: %s: %s\n", what,
		host ? handoff_host_error(host) : strerror(errno));
	exit(1);
}

static void show_counts(void)
{
	printf("accepted %lu taken %lu home %lu given %lu kept %lu lost %lu refused %lu ",
	       counts.accepted, counts.taken, counts.home, counts.given, counts.kept, counts.lost,
	       counts.refused);
	printf("ended %lu broken %lu here %lu\n", counts.ended, counts.broken, counts.here);
	fflush(stdout);
}

/* --- connections ------------------------------------------------------------------------------- */

static void watch(struct conn *conn, int how)
{
	struct epoll_event event = { .data.ptr = conn };

	if (!conn->is_heard && conn->end < PENDING_MAX)
		event.events |= EPOLLIN;
	if (conn->end > conn->at)
		event.events |= EPOLLOUT;
	if (epoll_ctl(epoll_fd, how, conn->fd, &event))
		fail("epoll_ctl");
}

static struct conn *add(int fd, const void *bytes, size_t length)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn || length > PENDING_MAX)
		fail("a connection");
	counts.here++;
	conn->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ keeps_alive }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 1 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 1 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ is_hasty }, sizeof(int));
	if (length)
		memcpy(conn->pending, bytes, length);
	conn->end = length;
	watch(conn, EPOLL_CTL_ADD);
	return conn;
}

static void end(struct conn *conn)
{
	counts.ended++;
	counts.here--;
	if (conn->ssl) {
		SSL_set_quiet_shutdown(conn->ssl, 1);
		SSL_free(conn->ssl);
	}
	handoff_host_close(host, conn->fd);
	free(conn);
}

static void move(struct conn *conn)
{
	const char *to = next_count ? nexts[turn++ % (next_count + conn->is_taken)] : NULL;
	int err;

	conn->moved = 0;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->is_away = true;
	conn->is_one = wants_one;
	err = handoff_host_send(host, conn->fd, to, conn, conn->pending + conn->at,
				conn->end - conn->at);
	if (!err) {
		wants_one = 0;
		return;
	}
	counts.refused++;
	if (getenv("HANDOFF_NODE_SAYS"))
		fprintf(stderr, "refused: %s\n", handoff_host_error(host));
	conn->is_away = false;
	watch(conn, EPOLL_CTL_ADD);
}

/* Returns whether it goes on. */
static bool shake_hands(struct conn *conn)
{
	int done = SSL_do_handshake(conn->ssl);

	if (done != 1)
		return SSL_get_error(conn->ssl, done) == SSL_ERROR_WANT_READ;
	ktls_leave(conn->ssl, conn->fd);
	conn->ssl = NULL;
	return true;
}

/* Returns whether it goes on here. */
static bool hear(struct conn *conn)
{
	ssize_t got;

	if (conn->is_heard || conn->end == PENDING_MAX)
		return true;
	got = read(conn->fd, conn->pending + conn->end, PENDING_MAX - conn->end);
	if (got < 0 && errno != EAGAIN) {
		counts.broken++;
		return false;
	}
	conn->is_heard = !got;
	for (ssize_t i = 0; i < got; i++)
		conn->pending[conn->end++] ^= 0xff;
	return true;
}

static bool answer(struct conn *conn)
{
	if (conn->end > conn->at) {
		ssize_t sent = send(conn->fd, conn->pending + conn->at, conn->end - conn->at,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN) {
			counts.broken++;
			return false;
		}
		conn->at += sent > 0 ? (size_t)sent : 0;
		conn->moved += sent > 0 ? (size_t)sent : 0;
	}
	if (conn->at == conn->end)
		conn->at = conn->end = 0;
	return true;
}

/* @bytes: what it has done since it came here */
static bool is_due(const struct conn *conn, size_t bytes)
{
	return every && !conn->is_heard && (!is_held || wants_one) && bytes >= every;
}

/* Under kTLS it moves between a request and its answer, when nothing is on the way. */
static void handle(struct conn *conn)
{
	bool goes_on = conn->ssl ? shake_hands(conn) : hear(conn);

	if (goes_on && tls_version && conn->end > conn->at &&
	    is_due(conn, conn->moved + conn->end - conn->at)) {
		move(conn);
		return;
	}
	if (!goes_on || !answer(conn) || (conn->is_heard && !conn->end))
		end(conn);
	else if (!tls_version && is_due(conn, conn->moved))
		move(conn);
	else
		watch(conn, EPOLL_CTL_MOD);
}

static bool is_listener(const void *what)
{
	return what == &listeners[0] || what == &listeners[1];
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		counts.accepted++;
		if (tls_version)
			add(fd, NULL, 0)->ssl = ktls_side(fd, tls_version, tls_cipher, true);
		else
			add(fd, NULL, 0);
	}
}

/* --- what handoff_host tells ------------------------------------------------------------------- */

static void on_taken(void *data, int fd, const struct handoff_taken *what)
{
	(void)data;
	counts.taken++;
	counts.home += what->is_home;
	add(fd, what->bytes, what->length)->is_taken = !what->is_home;
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	struct conn *conn = tag;

	(void)data;
	counts.kept++;
	if (getenv("HANDOFF_NODE_SAYS"))
		fprintf(stderr, "kept: %s\n", why);
	conn->fd = fd;
	conn->is_away = false;
	wants_one |= conn->is_one;
	watch(conn, EPOLL_CTL_ADD);
}

static void on_given(void *data, void *tag)
{
	(void)data;
	counts.given++;
	counts.here--;
	free(tag);
}

/* One that was taken here is known by its descriptor alone, and is ended as others are. */
static void on_lost(void *data, void *tag, int fd, const char *why)
{
	struct conn *conn = tag;

	(void)data;
	counts.lost++;
	if (getenv("HANDOFF_NODE_SAYS"))
		fprintf(stderr, "lost: %s\n", why);
	if (fd >= 0)
		return;
	counts.here--;
	free(conn);
}

static void on_link(void *data, const char *peer, bool is_up, const char *why)
{
	(void)data;
	printf("link %s %s %s\n", peer, is_up ? "up" : "down", why);
	fflush(stdout);
}

/* --- words ------------------------------------------------------------------------------------- */

static socklen_t parse_address(const char *text, struct sockaddr_storage *ret_address)
{
	socklen_t length;

	if (handoff_host_parse(text, ret_address, &length)) {
		fprintf(stderr, "handoff_node: %s is no address\n", text);
		exit(2);
	}
	return length;
}

static void listen_at(const char *text)
{
	struct sockaddr_storage at;
	socklen_t length = parse_address(text, &at);
	int *place = &listeners[listener_count++ & 1];
	int listener = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	/* both at one port */
	if (at.ss_family == AF_INET6)
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&at, length) || listen(listener, 1024))
		fail("serve");
	*place = listener;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener,
		  &(struct epoll_event){ .events = EPOLLIN, .data.ptr = place });
}

static bool parse_time(struct handoff_host_times *times, const char *word, const char *value)
{
	const struct {
		const char *word;
		uint32_t *ms;
	} all[] = {
		{ "ack", &times->ack },	      { "ready", &times->ready },
		{ "done", &times->done },     { "abandon", &times->abandon },
		{ "linger", &times->linger }, { "idle", &times->idle },
		{ "beat", &times->beat },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(word, all[i].word)) {
			*all[i].ms = (uint32_t)atoi(value);
			return true;
		}
	return false;
}

static void parse_tls(const char *value)
{
	tls_version = !strncmp(value, "1.3:", 4) ? TLS1_3_VERSION : TLS1_2_VERSION;
	tls_cipher = value + 4;
}

static void parse_word(struct handoff_host_config *config, const char *word, const char *value)
{
	if (!strcmp(word, "serve"))
		listen_at(value);
	else if (!strcmp(word, "local"))
		parse_address(value, &config->local[config->local[0].ss_family != 0]);
	else if (!strcmp(word, "listen"))
		config->listen_length = parse_address(value, &config->listen);
	else if (!strcmp(word, "every"))
		every = strtoul(value, NULL, 10);
	else if (!strcmp(word, "hold"))
		is_held = 1;
	else if (!strcmp(word, "keepalive"))
		keeps_alive = true;
	else if (!strcmp(word, "nodelay"))
		is_hasty = true;
	else if (!strcmp(word, "next") && next_count < NEXT_MAX)
		nexts[next_count++] = value;
	else if (!strcmp(word, "tls"))
		parse_tls(value);
	else if (!strcmp(word, "ca"))
		config->ca = value;
	else if (!strcmp(word, "cert"))
		config->cert = value;
	else if (!strcmp(word, "key"))
		config->key = value;
	else if (strcmp(word, "dial") && strcmp(word, "peer") &&
		 !parse_time(&config->times, word, value))
		fail(word);
}

static void add_peer(const char *word, const char *value)
{
	if ((!strcmp(word, "dial") || !strcmp(word, "peer")) && handoff_host_add_word(host, value))
		fail(value);
}

static void on_signal(int number)
{
	if (number == SIGUSR1)
		wants_counts = 1;
	else if (number == SIGTERM)
		wants_end = 1;
	else
		is_held = number != SIGUSR2;
	wants_one = number == SIGWINCH || (wants_one && number == SIGUSR1);
}

static void run(void)
{
	struct epoll_event events[64];
	int count = epoll_wait(epoll_fd, events, 64, -1);

	if (wants_counts || wants_end)
		show_counts();
	wants_counts = 0;
	/* Connections first: what is told meanwhile may free them. */
	for (int i = 0; i < count; i++)
		if (is_listener(events[i].data.ptr))
			accept_all(*(int *)events[i].data.ptr);
		else if (events[i].data.ptr)
			handle(events[i].data.ptr);
	if (handoff_host_run(host))
		fail("run");
}

int main(int argc, char **argv)
{
	struct handoff_host_config config = {
		.events = { on_taken, on_kept, on_given, on_lost, on_link },
	};

	if (argc < 3)
		return 2;
	config.name = argv[1];
	config.map_dir = argv[2];
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	signal(SIGHUP, on_signal);
	signal(SIGWINCH, on_signal);
	signal(SIGTERM, on_signal);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return 2;
		*value++ = '\0';
		parse_word(&config, argv[i], value);
	}
	config.is_plain = !config.ca;
	if (handoff_host_new(&config, &host))
		fail("new");
	for (int i = 3; i < argc; i++)
		add_peer(argv[i], argv[i] + strlen(argv[i]) + 1);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, handoff_host_fd(host),
		  &(struct epoll_event){ .events = EPOLLIN, .data.ptr = NULL });
	printf("ready\n");
	fflush(stdout);
	while (!wants_end)
		run();
	handoff_host_free(host);
	return 0;
}
