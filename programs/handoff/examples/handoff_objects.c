/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A store of objects on several hosts, behind the address of one of them: a client's connection
 * moves to the host that has what is asked for.
 *
 *	handoff_objects NAME MAP_DIR CA CERT KEY FOLDER WORD...
 *
 *	serve=ADDRESS:PORT		clients connect here
 *	listen=ADDRESS:PORT		other hosts dial here
 *	local=ADDRESS			of connections that come here, one of each family
 *	peer=NAME, peer=NAME@ADDRESS:PORT	a host that dials, or is dialed
 *	host=NAME			has objects; the same hosts in all words, this one too
 *
 * GET, HEAD and PUT of /BUCKET/KEY, HTTP/1.1 with keep-alive. Objects are files in FOLDER; which host
 * has one is drawn from its name (rendezvous hashing). For a host that cannot be reached others
 * answer 503. To build it elsewhere:
 *   cc -O2 -o handoff_objects handoff_objects.c $(pkg-config --cflags --libs handoff_host)
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <handoff_host.h>

#define HOSTS_MAX 64
#define TRIES_MAX 5
#define HEAD_MAX 8192
#define NAME_CHARS "[A-Za-z0-9._-]"

enum stage {
	ASKED,
	STORING,
	ANSWERING
};
enum next {
	WAITS,
	GOES_ON,
	IS_AWAY,
	IS_OVER
};

struct conn {
	int fd;
	enum stage stage;
	bool is_last;	    /* nothing is asked any more */
	unsigned int tries; /* to give it to who has the object */
	int file;	    /* while it is STORING or ANSWERING */
	size_t left;	    /* bytes of @file to be heard, or to be sent */
	char temporary[32]; /* what is heard is stored as this, until it is whole */
	char path[256];	    /* and then as this */
	size_t heard;	    /* bytes in @bytes */
	char bytes[65536];
};

struct request {
	char method[8], bucket[65], key[129];
	size_t length; /* of what comes behind it */
	bool is_wrong, is_last, expects_word;
};

static struct handoff_host *host;
static const char *name, *hosts[HOSTS_MAX];
static unsigned int host_count, puts_begun;
static int loop, folder, listener = -1;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "handoff_objects: %s: %s\n", what, why);
	exit(2);
}

/* --- connections ------------------------------------------------------------------------------- */

static void watch(int how, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	if (epoll_ctl(loop, how, fd, &event))
		fail("epoll", strerror(errno));
}

static void add(int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		fail("a connection", "out of memory");
	conn->fd = fd;
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, conn);
}

static void end(struct conn *conn)
{
	if (conn->stage != ASKED)
		close(conn->file);
	if (conn->stage == STORING)
		unlinkat(folder, conn->temporary, 0);
	handoff_host_close(host, conn->fd);
	free(conn);
}

/* --- what is asked for, and who has it --------------------------------------------------------- */

/* The value of the header @word in @head, or NULL. */
static const char *find_header(const char *head, const char *word)
{
	const char *line = head;
	size_t length = strlen(word);

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, word, length) && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static struct request parse(const char *head)
{
	const char *length = find_header(head, "Content-Length");
	const char *last = find_header(head, "Connection");
	const char *expect = find_header(head, "Expect");
	struct request request = {};
	char minor[2], *length_end = length ? "" : "\r";

	request.is_wrong = sscanf(head,
				  "%7[A-Z] /%64" NAME_CHARS "/%128" NAME_CHARS " HTTP/1.%1[01]\r\n",
				  request.method, request.bucket, request.key, minor) != 4;
	if (length && *length != '-')
		request.length = strtoull(length, &length_end, 10);
	request.is_wrong |= *request.bucket == '.' || *request.key == '.' || *length_end != '\r' ||
			    find_header(head, "Transfer-Encoding");
	request.is_last = last && !strncasecmp(last, "close", 5);
	request.expects_word = expect && !strncasecmp(expect, "100-continue", 12);
	return request;
}

static uint64_t weigh(const char *at, const char *bucket, const char *key)
{
	const char *const words[] = { at, "/", bucket, "/", key };
	uint64_t weight = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (const char *c = words[i]; *c; c++)
			weight = (weight ^ (unsigned char)*c) * 0x100000001b3;
	weight = (weight ^ weight >> 33) * 0xff51afd7ed558ccd;
	weight = (weight ^ weight >> 33) * 0xc4ceb9fe1a85ec53;
	return weight ^ weight >> 33;
}

/* The heaviest: a host that comes or goes changes the place of its own objects alone. */
static const char *find_host(const struct request *request)
{
	uint64_t weight, best_weight = 0;
	const char *best = name;

	for (unsigned int i = 0; i < host_count; i++) {
		weight = weigh(hosts[i], request->bucket, request->key);
		if (weight >= best_weight) {
			best_weight = weight;
			best = hosts[i];
		}
	}
	return best;
}

/* Whether it is on its way: all that was heard is unread again for who takes it. */
static bool give(struct conn *conn, const char *to)
{
	int err = -EAGAIN;

	/* Nothing more is heard of it until on_kept(), on_given() or on_lost(). */
	epoll_ctl(loop, EPOLL_CTL_DEL, conn->fd, NULL);
	/* A guest goes home first, and on from there. */
	while (err == -EAGAIN && conn->tries++ < TRIES_MAX)
		err = handoff_host_send_unread(host, conn->fd, to, conn, conn->bytes, conn->heard);
	if (!err)
		return true;
	watch(EPOLL_CTL_ADD, conn->fd, EPOLLIN, conn);
	return false;
}

/* --- answers ----------------------------------------------------------------------------------- */

/* All answers before it were sent, so there is room for it. */
static bool say(struct conn *conn, const char *status, size_t length, const char *more)
{
	return dprintf(conn->fd, "HTTP/1.1 %s\r\nServer: %s\r\nContent-Length: %zu\r\n%s\r\n",
		       status, name, length, more) > 0;
}

/* What is still to come of a request that is refused is not heard as the next one. */
static enum next refuse(struct conn *conn, const struct request *request, const char *status)
{
	bool is_last = request->is_wrong || request->length;

	if (!say(conn, status, 0, is_last ? "Connection: close\r\n" : ""))
		return IS_OVER;
	if (!is_last)
		return GOES_ON;
	/* To nowhere, until the client has heard it. */
	shutdown(conn->fd, SHUT_WR);
	conn->file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	conn->left = SIZE_MAX;
	conn->stage = STORING;
	return GOES_ON;
}

static enum next get(struct conn *conn, const struct request *request)
{
	struct stat about;

	conn->file = openat(folder, conn->path, O_RDONLY | O_CLOEXEC);
	if (conn->file < 0)
		return refuse(conn, request, "404 Not Found");
	conn->stage = ANSWERING;
	if (fstat(conn->file, &about) || !say(conn, "200 OK", (size_t)about.st_size, ""))
		return IS_OVER;
	conn->left = *request->method == 'G' ? (size_t)about.st_size : 0;
	return GOES_ON;
}

static enum next put(struct conn *conn, const struct request *request)
{
	snprintf(conn->temporary, sizeof(conn->temporary), ".put.%u", puts_begun++);
	mkdirat(folder, request->bucket, 0777);
	conn->file =
		openat(folder, conn->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (conn->file < 0)
		return refuse(conn, request, "500 Internal Server Error");
	conn->left = request->length;
	conn->stage = STORING;
	if (request->expects_word && !conn->heard &&
	    dprintf(conn->fd, "HTTP/1.1 100 Continue\r\n\r\n") < 0)
		return IS_OVER;
	return GOES_ON;
}

static enum next serve(struct conn *conn, const struct request *request)
{
	snprintf(conn->path, sizeof(conn->path), "%s/%s", request->bucket, request->key);
	if (!strcmp(request->method, "PUT"))
		return put(conn, request);
	if (!request->length &&
	    (!strcmp(request->method, "GET") || !strcmp(request->method, "HEAD")))
		return get(conn, request);
	return refuse(conn, request, "405 Method Not Allowed");
}

/* --- stages of a connection -------------------------------------------------------------------- */

static void drop_heard(struct conn *conn, size_t length)
{
	conn->heard -= length;
	memmove(conn->bytes, conn->bytes + length, conn->heard);
}

static enum next ask(struct conn *conn)
{
	const char *at, *head_end = memmem(conn->bytes, conn->heard, "\r\n\r\n", 4);
	size_t length = head_end ? (size_t)(head_end - conn->bytes) + 4 : HEAD_MAX;
	struct request request = { .is_wrong = true };
	char head[HEAD_MAX];

	if (conn->is_last)
		return IS_OVER;
	if (!head_end && conn->heard < HEAD_MAX)
		return WAITS;
	if (length < HEAD_MAX) {
		memcpy(head, conn->bytes, length);
		head[length] = '\0';
		request = parse(head);
	}
	if (request.is_wrong)
		return refuse(conn, &request, "400 Bad Request");
	at = find_host(&request);
	if (strcmp(at, name) != 0 && give(conn, at))
		return IS_AWAY;
	drop_heard(conn, length);
	conn->is_last = request.is_last;
	conn->tries = 0;
	if (strcmp(at, name) != 0)
		return refuse(conn, &request, "503 Service Unavailable");
	return serve(conn, &request);
}

/* Who reads the object meanwhile has the old one or the new one. */
static enum next store(struct conn *conn)
{
	size_t now = conn->heard < conn->left ? conn->heard : conn->left;

	if (write(conn->file, conn->bytes, now) != (ssize_t)now)
		return IS_OVER;
	drop_heard(conn, now);
	conn->left -= now;
	if (conn->left)
		return WAITS;
	if (renameat(folder, conn->temporary, folder, conn->path))
		return IS_OVER;
	conn->stage = ASKED;
	close(conn->file);
	return say(conn, "200 OK", 0, "") ? GOES_ON : IS_OVER;
}

static enum next answer(struct conn *conn)
{
	while (conn->left) {
		ssize_t sent = sendfile(conn->fd, conn->file, NULL, conn->left);

		if (sent <= 0)
			return sent < 0 && errno == EAGAIN ? WAITS : IS_OVER;
		conn->left -= (size_t)sent;
	}
	close(conn->file);
	conn->stage = ASKED;
	return GOES_ON;
}

static void advance(struct conn *conn)
{
	static enum next (*const go_on[])(struct conn *) = { ask, store, answer };
	enum next next;

	do
		next = go_on[conn->stage](conn);
	while (next == GOES_ON);
	if (next == IS_OVER)
		end(conn);
	else if (next == WAITS)
		watch(EPOLL_CTL_MOD, conn->fd, conn->stage == ANSWERING ? EPOLLOUT : EPOLLIN, conn);
}

static void handle(struct conn *conn)
{
	ssize_t got;

	if (conn->stage != ANSWERING) {
		got = read(conn->fd, conn->bytes + conn->heard, sizeof(conn->bytes) - conn->heard);
		if (!got || (got < 0 && errno != EAGAIN)) {
			end(conn);
			return;
		}
		conn->heard += got > 0 ? (size_t)got : 0;
	}
	advance(conn);
}

static void accept_all(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		add(fd);
}

/* --- what handoff_host tells ------------------------------------------------------------------- */

static void on_taken(void *data, int fd, const struct handoff_taken *what)
{
	(void)data;
	(void)what;
	add(fd);
}

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	(void)data;
	printf("kept: %s\n", why);
	watch(EPOLL_CTL_ADD, fd, EPOLLIN, tag);
	advance(tag);
}

static void on_given(void *data, void *tag)
{
	(void)data;
	free(tag);
}

/* The socket of one that was taken says so itself. */
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

static void serve_at(const char *text)
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

/* Before there is a handle: whether @word is known. */
static bool set_word(struct handoff_host_config *config, const char *word, const char *value)
{
	socklen_t length;

	if (!strcmp(word, "listen"))
		return !handoff_host_parse_port(value, &config->listen, &config->listen_length);
	if (!strcmp(word, "local"))
		return !handoff_host_parse(value, &config->local[config->local[0].ss_family != 0],
					   &length);
	if (!strcmp(word, "host") && host_count < HOSTS_MAX)
		return (hosts[host_count++] = value);
	return !strcmp(word, "peer") || !strcmp(word, "serve");
}

/* What wants the handle. */
static void follow_word(const char *word, const char *value)
{
	if (!strcmp(word, "peer") && handoff_host_add_word(host, value))
		fail(value, handoff_host_error(host));
	if (!strcmp(word, "serve"))
		serve_at(value);
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
	struct handoff_host_config config = {
		.events = { on_taken, on_kept, on_given, on_lost, on_link },
		/* hosts may be busy */
		.times = { .ack = 3000, .ready = 10000, .done = 20000, .beat = 2000 },
	};
	char *value;

	if (argc < 8)
		fail("usage", "NAME MAP_DIR CA CERT KEY FOLDER WORD...");
	setlinebuf(stdout);
	signal(SIGPIPE, SIG_IGN);
	loop = epoll_create1(EPOLL_CLOEXEC);
	folder = open(argv[6], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		fail(argv[6], strerror(errno));
	config.name = name = argv[1];
	config.map_dir = argv[2];
	config.ca = argv[3];
	config.cert = argv[4];
	config.key = argv[5];
	for (int i = 7; i < argc; i++) {
		value = strchr(argv[i], '=');
		if (!value)
			fail(argv[i], "no WORD=VALUE");
		*value++ = '\0';
		if (!set_word(&config, argv[i], value))
			fail(argv[i], "no such word, or not with this value, or one too many");
	}
	if (handoff_host_new(&config, &host))
		fail("start", handoff_host_error(host));
	watch(EPOLL_CTL_ADD, handoff_host_fd(host), EPOLLIN, NULL);
	for (int i = 7; i < argc; i++)
		follow_word(argv[i], argv[i] + strlen(argv[i]) + 1);
	for (;;)
		run();
}
