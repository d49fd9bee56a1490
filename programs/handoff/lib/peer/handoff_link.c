/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links to other hosts: dialed or accepted, greeted, kept alive, ended. */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"

#define GREETING_MS 3000 /* from the first packet to HELLO */
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
#define ACCEPTS 16  /* before anything else has its turn */
#define DEAF_MS 100 /* until somebody is accepted again, where there was no room */

struct handoff_peer *handoff_peer_find(const struct handoff_host *host, const char *name)
{
	struct handoff_peer *peer;

	LIST_FOREACH(peer, &host->peers, all)
	if (!strcmp(peer->name, name))
		return peer;
	return NULL;
}

/* --- what is said ------------------------------------------------------------------------------ */

static void watch(struct handoff_host *host, struct handoff_link *link)
{
	uint32_t events = EPOLLIN;

	/* What is dialed can be written to when it is connected. */
	if (handoff_wire_has_waiting(link->wire) || (link->is_dialed && !link->is_begun))
		events |= EPOLLOUT;
	if (events == link->events)
		return;
	epoll_ctl(host->epoll, link->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		  handoff_wire_fd(link->wire),
		  &(struct epoll_event){ .events = events, .data.ptr = link });
	link->events = events;
}

/* Where nothing of it was put the sender of a large one hears; without a small one sides differ. */
static bool is_end(int err, size_t size)
{
	switch (err) {
	case -EMSGSIZE:
		return false;
	case -ENOBUFS:
	case -ENOTCONN:
	case -ENOMEM:
		return size < HANDOFF_MESSAGE_HEADER + 512;
	default:
		return true;
	}
}

static int say(struct handoff_host *host, struct handoff_link *link,
	       const struct handoff_message *message)
{
	size_t size = handoff_message_size(message), len;
	_cleanup_free_ uint8_t *bytes = malloc(size);
	int err = bytes ? handoff_message_format(message, bytes, size, &len) : -ENOMEM;

	err = err ? err : handoff_wire_put(link->wire, bytes, len);
	if (bytes)
		explicit_bzero(bytes, size); /* keys may be in it */
	if (err) {
		link->is_over |= is_end(err, size);
		if (link->is_over)
			handoff_clock_wake(host, slot_clock_ms());
		return err;
	}
	link->said_ms = slot_clock_ms();
	watch(host, link);
	return 0;
}

int handoff_link_say(struct handoff_host *host, struct handoff_peer *peer,
		     const struct handoff_message *message)
{
	if (!peer->link || !peer->link->is_up || peer->link->is_over || peer->link->is_said)
		return -ENOTCONN;
	return say(host, peer->link, message);
}

static int greet(struct handoff_host *host, struct handoff_link *link)
{
	struct handoff_message message = {
		.type = HANDOFF_HELLO,
		.hello = { .instance = host->instance,
			   .beat_ms = host->times.beat,
			   .first = HANDOFF_MESSAGE_VERSION,
			   .last = HANDOFF_MESSAGE_VERSION },
	};

	memcpy(message.hello.name, host->name, sizeof(host->name));
	link->is_greeted = true;
	return say(host, link, &message);
}

/* --- a link's life ----------------------------------------------------------------------------- */

static int open_link(struct handoff_host *host, int fd, struct handoff_peer *peer,
		     const struct sockaddr_storage *from)
{
	struct handoff_link *link = calloc(1, sizeof(*link));
	int err = link ? 0 : -ENOMEM;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (!err)
		err = handoff_wire_new(fd, host->tls, peer ? peer->name : NULL, &host->why,
				       &link->wire);
	if (err) {
		close(fd);
		free(link);
		return err;
	}
	link->peer = peer;
	link->is_dialed = peer != NULL;
	if (from) {
		link->from = *from;
		link->network = handoff_network_of(from);
	}
	link->heard_ms = link->said_ms = slot_clock_ms();
	link->silence_ms = GREETING_MS;
	LIST_INSERT_HEAD(&host->links, link, all);
	if (peer)
		peer->link = link;
	watch(host, link);
	return 0;
}

/* It is dialed later, and from one try to the next later still. */
static void miss(struct handoff_host *host, struct handoff_peer *peer, const char *why)
{
	peer->retry_ms = slot_clock_ms() + peer->wait_ms;
	peer->wait_ms = peer->wait_ms * 2 < RETRY_MAX_MS ? peer->wait_ms * 2 : RETRY_MAX_MS;
	if (host->events.link)
		host->events.link(host->data, peer->name, false, why);
}

/* It is no peer's from now on, but it is freed only when nobody is about to run it. */
static void leave(struct handoff_host *host, struct handoff_link *link)
{
	struct handoff_peer *peer = link->peer;
	bool was_up = link->is_up;

	link->is_over = true;
	link->is_up = false;
	link->peer = NULL;
	if (!peer || peer->link != link)
		return;
	peer->link = NULL;
	if (was_up)
		handoff_conn_link(host, peer, HANDOFF_ON_LINK_LOST);
	miss(host, peer, link->why.text);
}

void handoff_link_sweep(struct handoff_host *host)
{
	struct handoff_link *link = LIST_FIRST(&host->links);

	while (link) {
		if (!link->is_over) {
			link = LIST_NEXT(link, all);
			continue;
		}
		leave(host, link);
		LIST_REMOVE(link, all);
		epoll_ctl(host->epoll, EPOLL_CTL_DEL, handoff_wire_fd(link->wire), NULL);
		handoff_wire_free(link->wire);
		free(link);
		/* who heard of it may have ended others */
		link = LIST_FIRST(&host->links);
	}
}

static bool lacks_room(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

/* The kernel would say again and again that there is somebody. */
static void listen_later(struct handoff_host *host)
{
	epoll_ctl(host->epoll, EPOLL_CTL_DEL, host->listener, NULL);
	host->deaf_ms = slot_clock_ms() + DEAF_MS;
}

void handoff_link_accept(struct handoff_host *host)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage from = {};
		socklen_t length = sizeof(from);
		int fd = accept4(host->listener, (struct sockaddr *)&from, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && lacks_room(errno))
			listen_later(host);
		if (fd < 0)
			return;
		handoff_nameless_make_room(host);
		open_link(host, fd, NULL, &from);
	}
}

static int64_t tick_listener(struct handoff_host *host, int64_t now_ms)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &host->listener };

	if (!host->deaf_ms)
		return INT64_MAX;
	if (now_ms < host->deaf_ms)
		return host->deaf_ms;
	host->deaf_ms = 0;
	if (!epoll_ctl(host->epoll, EPOLL_CTL_ADD, host->listener, &event))
		return INT64_MAX;
	host->deaf_ms = now_ms + DEAF_MS;
	return host->deaf_ms;
}

static int try_dial(struct handoff_host *host, struct handoff_peer *peer)
{
	_cleanup_close_ int fd =
		socket(peer->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&peer->address, peer->length) && errno != EINPROGRESS)
		return -errno;
	return open_link(host, TAKE_FD(fd), peer, NULL);
}

static void dial(struct handoff_host *host, struct handoff_peer *peer)
{
	int err = try_dial(host, peer);

	if (err)
		miss(host, peer, strerror(-err));
}

/* --- what is heard ----------------------------------------------------------------------------- */

/* How long a link is there without a word of who says @beat_ms. */
static int64_t silence_of(uint32_t beat_ms)
{
	return (int64_t)HANDOFF_SILENT_BEATS * (beat_ms ? beat_ms : 1);
}

/* Whether who says it may be linked here as @peer, which may be NULL. */
static int check_hello(const struct handoff_host *host, struct handoff_link *link,
		       const struct handoff_peer *peer, const struct handoff_hello *hello)
{
	if (!peer || (link->peer && link->peer != peer) || !hello->instance)
		return slot_reason_set(&link->why, -EACCES, "it is '%s', which was not expected",
				       hello->name);
	if (hello->first > HANDOFF_MESSAGE_VERSION || hello->last < HANDOFF_MESSAGE_VERSION)
		return slot_reason_set(&link->why, -EPROTONOSUPPORT,
				       "'%s' speaks versions %u to %u, and this host %d",
				       hello->name, hello->first, hello->last,
				       HANDOFF_MESSAGE_VERSION);
	if (!link->is_dialed && peer->length)
		return slot_reason_set(&link->why, -EACCES, "'%s' dials, and is to be dialed",
				       hello->name);
	if (!handoff_wire_is_from(link->wire, hello->name))
		return slot_reason_set(&link->why, -EACCES, "its certificate is not one of '%s'",
				       hello->name);
	if (silence_of(hello->beat_ms) > host->times.abandon)
		return slot_reason_set(&link->why, -EINVAL,
				       "'%s' may be silent for longer than abandon (beat %u ms)",
				       hello->name, hello->beat_ms);
	return 0;
}

/* Who it is, and whether that is the process of before. */
static int hear_hello(struct handoff_host *host, struct handoff_link *link,
		      const struct handoff_hello *hello)
{
	struct handoff_peer *peer = handoff_peer_find(host, hello->name);
	enum handoff_event_kind kind;
	int err = check_hello(host, link, peer, hello);

	if (err)
		return err;
	if (peer->link && peer->link != link) {
		/* It has lost the one before, which was not heard of here yet. */
		slot_reason_set(&peer->link->why, 0, "it has dialed anew");
		leave(host, peer->link);
	}
	kind = !peer->instance || peer->instance == hello->instance ? HANDOFF_ON_LINK_BACK :
								      HANDOFF_ON_PEER_NEW;
	peer->instance = hello->instance;
	peer->wait_ms = RETRY_MIN_MS;
	peer->link = link;
	peer->has_dialed = !link->is_dialed;
	peer->network = link->network;
	link->peer = peer;
	link->is_up = true;
	link->silence_ms = silence_of(hello->beat_ms);
	if (!link->is_greeted)
		greet(host, link);
	handoff_conn_link(host, peer, kind);
	if (host->events.link)
		host->events.link(host->data, peer->name, true, "");
	return 0;
}

static int hear(struct handoff_host *host, struct handoff_link *link,
		const struct handoff_message *message)
{
	if (message->type == HANDOFF_END)
		return slot_reason_set(&link->why, -ECONNABORTED, "it says: %s", message->why);
	if (!link->is_up) {
		if (message->type != HANDOFF_HELLO)
			return slot_reason_set(&link->why, -EPROTO, "it begins with %s",
					       handoff_message_name(message->type));
		return hear_hello(host, link, &message->hello);
	}
	if (message->type == HANDOFF_HELLO)
		return slot_reason_set(&link->why, -EPROTO, "a second HELLO");
	if (message->type != HANDOFF_BEAT)
		handoff_conn_hear(host, link->peer, message);
	return 0;
}

static int hear_all(struct handoff_host *host, struct handoff_link *link)
{
	struct handoff_message message;
	size_t count, len;
	int err = 0;

	while (!err && !link->is_over) {
		const uint8_t *bytes = handoff_wire_get(link->wire, &count);

		err = count ? handoff_message_parse(bytes, count, &message, &len) : -EAGAIN;
		if (err == -EAGAIN)
			return 0;
		if (err)
			return slot_reason_set(&link->why, err, "what it says cannot be read: %s",
					       strerror(-err));
		if (!link->is_said)
			link->heard_ms = slot_clock_ms();
		err = hear(host, link, &message);
		handoff_wire_skip(link->wire, len);
	}
	return err;
}

/* A part of a message is a sign of life as well, of who has said its name. */
static int run_wire(struct handoff_link *link)
{
	size_t before, after;
	int failed;

	handoff_wire_get(link->wire, &before);
	failed = handoff_wire_run(link->wire, &link->why);
	handoff_wire_get(link->wire, &after);
	if (link->is_up && !link->is_said && after > before)
		link->heard_ms = slot_clock_ms();
	return failed;
}

/*
 * Both sides hear why. @err: of what was heard, @failed: of the wire, whose own alert says it. Who
 * ends it by itself, as strangers do, needs no line.
 */
static void break_off(struct handoff_host *host, struct handoff_link *link, int failed, int err)
{
	struct handoff_message message = { .type = HANDOFF_END };
	bool is_refused = err && err != -ECONNABORTED;

	link->is_over = true;
	for (char *at = link->why.text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	if (is_refused) {
		snprintf(message.why, sizeof(message.why), "%.*s", HANDOFF_TEXT_MAX,
			 link->why.text);
		say(host, link, &message);
	}
	if (!link->peer && (is_refused || failed == -EACCES))
		handoff_nameless_say(host, link);
}

void handoff_link_run(struct handoff_host *host, struct handoff_link *link)
{
	int failed, err = 0;

	link->is_begun = true;
	failed = run_wire(link);
	if (handoff_wire_is_ready(link->wire) && !failed && link->is_dialed && !link->is_greeted)
		err = greet(host, link);
	/* What came before the end counts. */
	if (handoff_wire_is_ready(link->wire) && !err)
		err = hear_all(host, link);
	if (failed || err)
		break_off(host, link, failed, err);
	else
		watch(host, link);
}

/* --- time -------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t tick_link(struct handoff_host *host, struct handoff_link *link, int64_t now_ms)
{
	int64_t end_ms = link->heard_ms + link->silence_ms;
	int64_t beat_ms = link->said_ms + host->times.beat;

	if (now_ms >= end_ms) {
		slot_reason_set(&link->why, -ETIMEDOUT, "nothing was heard for %lld ms",
				(long long)(now_ms - link->heard_ms));
		link->is_over = true;
		return now_ms;
	}
	if (!link->is_up || link->is_said)
		return end_ms;
	if (now_ms >= beat_ms) {
		say(host, link, &(struct handoff_message){ .type = HANDOFF_BEAT });
		beat_ms = now_ms + host->times.beat;
	}
	return earlier(end_ms, beat_ms);
}

int64_t handoff_link_tick(struct handoff_host *host, int64_t now_ms)
{
	struct handoff_peer *peer;
	struct handoff_link *link;
	int64_t next_ms = earlier(now_ms + 3600000, tick_listener(host, now_ms));

	LIST_FOREACH(link, &host->links, all)
	next_ms = earlier(next_ms, tick_link(host, link, now_ms));
	handoff_link_sweep(host);
	LIST_FOREACH(peer, &host->peers, all)
	{
		if (peer->link || !peer->length || host->is_closing)
			continue;
		if (now_ms >= peer->retry_ms)
			dial(host, peer);
		next_ms = earlier(next_ms, peer->link ? now_ms + GREETING_MS : peer->retry_ms);
	}
	return next_ms;
}
