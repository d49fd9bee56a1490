/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handle: what it is made of, and its turn in the event loop of the caller. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"

#define EVENTS_MAX 64
#define BACKLOG 16

/* --- new and free ------------------------------------------------------------------------------ */

static int watch(struct handoff_host *host, int *fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = fd };

	return epoll_ctl(host->epoll, EPOLL_CTL_ADD, *fd, &event) ? -errno : 0;
}

static int listen_at(struct handoff_host *host, const struct handoff_host_config *config)
{
	const struct sockaddr *at = (const struct sockaddr *)&config->listen;
	char text[HANDOFF_PLACE_TEXT];

	if (!config->listen_length)
		return 0;
	handoff_place_format(&config->listen, text);
	host->listener = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (host->listener < 0)
		return slot_reason_set(&host->why, -errno, "cannot listen at %s: %s", text,
				       strerror(errno));
	setsockopt(host->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(host->listener, at, config->listen_length) || listen(host->listener, BACKLOG))
		return slot_reason_set(&host->why, -errno, "cannot listen at %s: %s", text,
				       strerror(errno));
	return watch(host, &host->listener);
}

static int open_parts(struct handoff_host *host, const struct handoff_host_config *config)
{
	int err = 0;

	host->lib = handoff_new();
	host->epoll = epoll_create1(EPOLL_CLOEXEC);
	host->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!host->lib || host->epoll < 0 || host->clock < 0)
		return slot_reason_set(&host->why, -ENOMEM, "out of memory or descriptors");
	while (!err && !host->instance)
		err = getrandom(&host->instance, sizeof(host->instance), 0) < 0 ? -errno : 0;
	if (!err && config->agent)
		err = handoff_set_agent(host->lib, config->agent);
	if (err)
		return slot_reason_set(&host->why, err, "%s", strerror(-err));
	if (!config->is_plain)
		err = handoff_config_open_tls(config, &host->why, &host->tls);
	if (!err)
		err = handoff_rules_open(config->map_dir, true, &host->why, &host->rules);
	if (!err)
		err = handoff_offloads_open(config->map_dir, false, &host->why, &host->offloads);
	if (!err)
		err = handoff_moves_open(config->map_dir, &host->why, &host->moves);
	if (!err)
		err = watch(host, &host->clock);
	return err ? err : listen_at(host, config);
}

int handoff_host_new(const struct handoff_host_config *config, struct handoff_host **ret_host)
{
	struct handoff_host *host = calloc(1, sizeof(*host));
	int err;

	*ret_host = host;
	if (!host)
		return -ENOMEM;
	host->epoll = host->listener = host->clock = -1;
	host->next_ms = INT64_MAX;
	host->rules = (struct handoff_rules)HANDOFF_RULES_CLOSED;
	host->offloads = (struct handoff_offloads)HANDOFF_OFFLOADS_CLOSED;
	host->times = handoff_config_times(config);
	host->events = config->events;
	host->data = config->data;
	memcpy(host->local, config->local, sizeof(host->local));
	for (int i = 0; i < HANDOFF_TIMER_COUNT; i++)
		TAILQ_INIT(&host->timed[i]);
	TAILQ_INIT(&host->sought);
	TAILQ_INIT(&host->nudges);
	err = handoff_config_check(config, &host->why);
	if (err)
		return err;
	memcpy(host->name, config->name, strlen(config->name));
	return open_parts(host, config);
}

void handoff_host_free(struct handoff_host *host)
{
	struct handoff_link *link;
	struct handoff_peer *peer;

	if (!host)
		return;
	handoff_conn_free_all(host);
	handoff_nudge_free_all(host);
	handoff_before_free(host);
	LIST_FOREACH(link, &host->links, all)
	link->is_over = true;
	handoff_link_sweep(host);
	while ((peer = LIST_FIRST(&host->peers))) {
		LIST_REMOVE(peer, all);
		free(peer);
	}
	handoff_rules_close(&host->rules);
	handoff_offloads_close(&host->offloads);
	handoff_moves_close(&host->moves);
	handoff_wire_context_free(host->tls);
	handoff_free(host->lib);
	slot_cleanup_close(&host->listener);
	slot_cleanup_close(&host->clock);
	slot_cleanup_close(&host->epoll);
	free(host->by_fd);
	free(host);
}

const char *handoff_host_error(const struct handoff_host *host)
{
	return host ? host->why.text : "out of memory";
}

/* --- the clock --------------------------------------------------------------------------------- */

/* Of what is due since ever, too: 0 would disarm it. */
static int arm(struct handoff_host *host)
{
	struct itimerspec at = {
		.it_value = { host->next_ms / 1000, host->next_ms % 1000 * 1000000 + 1 },
	};

	return timerfd_settime(host->clock, TFD_TIMER_ABSTIME, &at, NULL) ? -errno : 0;
}

/* A run arms it at its end. */
int handoff_clock_wake(struct handoff_host *host, int64_t due_ms)
{
	if (due_ms >= host->next_ms)
		return 0;
	host->next_ms = due_ms;
	return host->is_running ? 0 : arm(host);
}

/* --- peers ------------------------------------------------------------------------------------- */

int handoff_host_add(struct handoff_host *host, const char *peer, const struct sockaddr *address,
		     socklen_t length)
{
	struct handoff_peer *added;

	if (!*peer || strlen(peer) > HANDOFF_NAME_MAX || !strcmp(peer, host->name) ||
	    length > sizeof(added->address))
		return slot_reason_set(&host->why, -EINVAL, "'%s' is no name of another host",
				       peer);
	if (handoff_peer_find(host, peer))
		return slot_reason_set(&host->why, -EEXIST, "'%s' is there", peer);
	added = calloc(1, sizeof(*added));
	if (!added)
		return slot_reason_set(&host->why, -ENOMEM, "out of memory");
	memcpy(added->name, peer, strlen(peer));
	if (length)
		memcpy(&added->address, address, length);
	added->length = length;
	added->wait_ms = 1;
	LIST_INSERT_HEAD(&host->peers, added, all);
	/* It is dialed in the next run. */
	return handoff_clock_wake(host, slot_clock_ms());
}

int handoff_host_add_word(struct handoff_host *host, const char *word)
{
	char name[HANDOFF_NAME_MAX + 1] = "";
	size_t length = strcspn(word, "@");
	struct sockaddr_storage at;
	socklen_t at_length = 0;

	if (length > HANDOFF_NAME_MAX ||
	    (word[length] && handoff_host_parse_port(word + length + 1, &at, &at_length)))
		return slot_reason_set(&host->why, -EINVAL,
				       "'%.300s' is no NAME and no NAME@ADDRESS:PORT", word);
	memcpy(name, word, length);
	return handoff_host_add(host, name, (const struct sockaddr *)&at, at_length);
}

bool handoff_host_is_linked(const struct handoff_host *host, const char *name)
{
	const struct handoff_peer *peer = handoff_peer_find(host, name);

	return peer && peer->link && peer->link->is_up && !peer->link->is_over;
}

/* --- the loop ---------------------------------------------------------------------------------- */

int handoff_host_fd(const struct handoff_host *host)
{
	return host->epoll;
}

static void handle(struct handoff_host *host, void *what)
{
	uint64_t times;

	if (what == &host->listener)
		handoff_link_accept(host);
	else if (what == &host->clock)
		(void)!read(host->clock, &times, sizeof(times));
	else
		handoff_link_run(host, what);
}

int handoff_host_run(struct handoff_host *host)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(host->epoll, events, EVENTS_MAX, 0);
	int64_t now_ms;

	if (count < 0 && errno != EINTR)
		return slot_reason_set(&host->why, -errno, "epoll: %s", strerror(errno));
	host->is_running = true;
	host->next_ms = INT64_MAX;
	/* Links are freed only after all of them were run. */
	for (int i = 0; i < count; i++)
		handle(host, events[i].data.ptr);
	handoff_link_sweep(host);
	now_ms = slot_clock_ms();
	handoff_clock_wake(host, handoff_conn_tick(host, now_ms));
	handoff_clock_wake(host, handoff_seek_tick(host, now_ms));
	handoff_clock_wake(host, handoff_link_tick(host, now_ms));
	/* Last: by what was done before it there may be more. */
	handoff_clock_wake(host, handoff_nudge_tick(host, now_ms));
	host->is_running = false;
	return arm(host);
}
