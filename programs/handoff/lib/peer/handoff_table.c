/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections by id, by the key of their rule and by descriptor; and what waits for how long. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/clock.h"
#include "loader/lib/base/hash.h"
#include "programs/handoff/lib/peer/handoff_own.h"

static struct handoff_conns *bucket_of_id(struct handoff_host *host, uint64_t id)
{
	return &host->by_id[id % HANDOFF_BUCKETS];
}

static struct handoff_conns *bucket_of_key(struct handoff_host *host, const struct handoff_key *key)
{
	return &host->by_key[slot_hash_add(SLOT_HASH_START, key, sizeof(*key)) % HANDOFF_BUCKETS];
}

struct handoff_conn *handoff_table_find_id(struct handoff_host *host, uint64_t id)
{
	struct handoff_conn *conn;

	LIST_FOREACH(conn, bucket_of_id(host, id), by_id)
	if (conn->id == id)
		return conn;
	return NULL;
}

struct handoff_conn *handoff_table_find_key(struct handoff_host *host,
					    const struct handoff_key *key)
{
	struct handoff_conn *conn;

	LIST_FOREACH(conn, bucket_of_key(host, key), by_key)
	if (!memcmp(&conn->key, key, sizeof(*key)))
		return conn;
	return NULL;
}

struct handoff_conn *handoff_table_add(struct handoff_host *host, uint64_t id, bool is_home)
{
	struct handoff_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->id = id;
	conn->fd = -1;
	conn->why = &host->conn_why;
	conn->machine.is_home = is_home;
	conn->machine.is_linked = true;
	LIST_INSERT_HEAD(bucket_of_id(host, id), conn, by_id);
	return conn;
}

void handoff_table_set_key(struct handoff_host *host, struct handoff_conn *conn)
{
	if (conn->has_key)
		LIST_REMOVE(conn, by_key);
	handoff_place_key(&conn->client, &conn->here, &conn->key);
	conn->has_key = true;
	LIST_INSERT_HEAD(bucket_of_key(host, &conn->key), conn, by_key);
}

/* --- what the application took ----------------------------------------------------------------- */

int handoff_table_set_fd(struct handoff_host *host, struct handoff_conn *conn)
{
	size_t need = (size_t)conn->fd + 1, count = host->fds ? host->fds : 64;
	struct handoff_conn **grown;

	while (count < need)
		count *= 2;
	if (count != host->fds) {
		grown = reallocarray(host->by_fd, count, sizeof(struct handoff_conn *));
		if (!grown)
			return -ENOMEM;
		memset(grown + host->fds, 0, (count - host->fds) * sizeof(struct handoff_conn *));
		host->by_fd = grown;
		host->fds = count;
	}
	if (host->by_fd[conn->fd] && host->by_fd[conn->fd] != conn)
		handoff_host_closed(host, conn->fd);
	host->by_fd[conn->fd] = conn;
	return 0;
}

void handoff_table_clear_fd(struct handoff_host *host, const struct handoff_conn *conn)
{
	if (conn->fd >= 0 && (size_t)conn->fd < host->fds && host->by_fd[conn->fd] == conn)
		host->by_fd[conn->fd] = NULL;
}

struct handoff_conn *handoff_table_find_fd(const struct handoff_host *host, int fd)
{
	return fd >= 0 && (size_t)fd < host->fds ? host->by_fd[fd] : NULL;
}

void handoff_conn_drop_app(struct handoff_conn *conn)
{
	if (conn->app)
		explicit_bzero(conn->app, conn->app_length);
	free(conn->app);
	conn->app = NULL;
	conn->app_length = 0;
}

void handoff_table_free(struct handoff_host *host, struct handoff_conn *conn)
{
	handoff_table_clear_fd(host, conn);
	LIST_REMOVE(conn, by_id);
	if (conn->has_key)
		LIST_REMOVE(conn, by_key);
	if (conn->timer != HANDOFF_TIMER_NONE)
		TAILQ_REMOVE(&host->timed[conn->timer], conn, timed);
	handoff_seek_end(host, conn);
	handoff_state_free(conn->state);
	handoff_conn_drop_app(conn);
	free(conn);
}

/* --- time -------------------------------------------------------------------------------------- */

#define LOOKS 4 /* at a rule in the time that it lingers */

void handoff_table_set_timer(struct handoff_host *host, struct handoff_conn *conn, bool is_again)
{
	const uint32_t lasts_ms[HANDOFF_TIMER_COUNT] = {
		[HANDOFF_TIMER_ACK] = host->times.ack,
		[HANDOFF_TIMER_READY] = host->times.ready,
		[HANDOFF_TIMER_DONE] = host->times.done,
		[HANDOFF_TIMER_ABANDON] = host->times.abandon,
		[HANDOFF_TIMER_LINGER] = host->times.linger / LOOKS + 1,
	};
	enum handoff_timer timer = handoff_machine_timer(&conn->machine);

	if (timer == conn->timer && !is_again)
		return;
	if (conn->timer != HANDOFF_TIMER_NONE)
		TAILQ_REMOVE(&host->timed[conn->timer], conn, timed);
	conn->timer = timer;
	if (timer == HANDOFF_TIMER_NONE)
		return;
	conn->due_ms = slot_clock_ms() + lasts_ms[timer];
	TAILQ_INSERT_TAIL(&host->timed[timer], conn, timed);
	handoff_clock_wake(host, conn->due_ms);
}
