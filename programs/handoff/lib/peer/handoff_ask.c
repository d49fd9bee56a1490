/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the application asks for: a connection is to go, is another process's, or has ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "programs/handoff/lib/peer/handoff_own.h"

static int find_own(struct handoff_host *host, int fd, struct handoff_conn *ret_at,
		    struct handoff_conn **ret_conn)
{
	struct sockaddr_storage client, here;
	socklen_t client_length = sizeof(client), here_length = sizeof(here);
	struct handoff_key key;

	if (getpeername(fd, (struct sockaddr *)&client, &client_length) ||
	    getsockname(fd, (struct sockaddr *)&here, &here_length))
		return slot_reason_set(&host->why, -errno, "a connection's addresses: %s",
				       strerror(errno));
	if (handoff_place_set(&client, &ret_at->client) || handoff_place_set(&here, &ret_at->here))
		return slot_reason_set(&host->why, -EINVAL, "it is no connection of TCP");
	handoff_place_key(&ret_at->client, &ret_at->here, &key);
	*ret_conn = handoff_table_find_key(host, &key);
	return 0;
}

static struct handoff_conn *add_own(struct handoff_host *host, const struct handoff_conn *at)
{
	struct handoff_conn *conn;
	uint64_t id = 0;

	while (!id || handoff_table_find_id(host, id))
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			return NULL;
	conn = handoff_table_add(host, id, true);
	if (!conn)
		return NULL;
	conn->client = at->client;
	conn->home = conn->here = at->here;
	handoff_table_set_key(host, conn);
	return conn;
}

/* Whom it goes to first, and in @conn where home sends it then. */
static int choose_way(struct handoff_host *host, const struct handoff_conn *conn, const char *name,
		      struct handoff_peer **ret_peer, const char **ret_onward)
{
	struct handoff_peer *peer = name ? handoff_peer_find(host, name) : NULL;
	bool is_away = conn && !conn->machine.is_home;

	*ret_onward = "";
	if (host->is_stopped)
		return slot_reason_set(&host->why, -ESHUTDOWN, "this process is about to end");
	if (is_away) {
		if (name && strcmp(name, conn->peer->name))
			*ret_onward = name;
		peer = conn->peer;
	}
	if (!peer || strlen(*ret_onward) > HANDOFF_NAME_MAX)
		return slot_reason_set(&host->why, -ENOENT, "no host is named '%s'",
				       name ? name : "");
	if (!peer->link || !peer->link->is_up || peer->link->is_over)
		return slot_reason_set(&host->why, -ENOTCONN, "no link to '%s'", peer->name);
	*ret_peer = peer;
	return 0;
}

/* What goes along with a connection. */
struct luggage {
	const void *bytes;
	size_t length;
	bool is_unread;
};

/* Whom a connection has to do with: the application by @fd and @tag, and another host. */
struct hold {
	struct handoff_peer *peer;
	int fd;
	void *tag;
};

/* One that was lent comes back by another descriptor; without room nothing is told of it. */
static struct hold exchange_hold(struct handoff_host *host, struct handoff_conn *conn,
				 struct hold new)
{
	struct hold old = { conn->peer, conn->fd, conn->tag };

	handoff_table_clear_fd(host, conn);
	conn->peer = new.peer;
	conn->fd = new.fd;
	conn->tag = new.tag;
	if (!conn->machine.is_home && new.fd >= 0)
		(void)handoff_table_set_fd(host, conn);
	return old;
}

static int pack(struct handoff_conn *conn, const struct luggage *luggage, const char *onward)
{
	uint8_t *app = malloc(luggage->length + 1);

	if (!app)
		return -ENOMEM;
	if (luggage->length)
		memcpy(app, luggage->bytes, luggage->length);
	handoff_conn_drop_app(conn);
	conn->app = app;
	conn->app_length = luggage->length;
	conn->is_unread = luggage->is_unread;
	memset(conn->onward, 0, sizeof(conn->onward));
	memcpy(conn->onward, onward, strlen(onward));
	return 0;
}

/*
 * What went away by the addresses of a connection that is here: the client has begun anew, or the
 * rule is gone. Nothing leads to that one any more.
 */
static bool is_outlived(const struct handoff_host *host, const struct handoff_conn *conn)
{
	bool is_away = conn->machine.stage == HANDOFF_AWAY || conn->machine.stage == HANDOFF_ENDING;
	struct handoff_rule rule;
	int err;

	if (!conn->machine.is_home || !is_away)
		return false;
	err = handoff_rules_get(&host->rules, &conn->key, &rule);
	return err ? err == -ENOENT : rule.id != conn->id || rule.use.seen & HANDOFF_REUSED;
}

/* Whether @fd can go now. *conn is NULL afterwards where it was of another one, which is over. */
static int check_way(struct handoff_host *host, int fd, struct handoff_conn **conn)
{
	bool is_over = *conn && is_outlived(host, *conn);
	int err;

	if (*conn && !is_over && (*conn)->machine.stage != HANDOFF_OWNED)
		return slot_reason_set(&host->why, -EBUSY, "it is on its way already");
	/* Or the client's packets would be lost for nothing. */
	err = handoff_check(host->lib, fd);
	if (err)
		return slot_reason_set(&host->why, err, "%s", handoff_error(host->lib));
	if (is_over) {
		handoff_table_free(host, *conn);
		*conn = NULL;
	}
	return 0;
}

static int give(struct handoff_host *host, int fd, const char *peer, void *tag,
		const struct luggage *luggage)
{
	struct handoff_peer *to = NULL;
	struct handoff_conn at = {}, *conn = NULL;
	struct handoff_tell tell = {};
	struct hold before;
	const char *onward;
	int err = find_own(host, fd, &at, &conn);

	err = err ? err : choose_way(host, conn, peer, &to, &onward);
	err = err ? err : check_way(host, fd, &conn);
	if (err)
		return handoff_tally_not_begun(host, err);
	conn = conn ? conn : add_own(host, &at);
	if (!conn || pack(conn, luggage, onward)) {
		if (conn)
			handoff_conn_forget(host, conn);
		err = slot_reason_set(&host->why, -ENOMEM, "out of memory");
		return handoff_tally_not_begun(host, err);
	}
	before = exchange_hold(host, conn, (struct hold){ to, fd, tag });
	conn->machine.is_linked = true;
	conn->err = 0;
	*conn->why->text = 0;
	conn->is_passing = false;
	handoff_conn_advance(host, conn, (struct handoff_event){ HANDOFF_ON_GIVE, 0 }, &tell);
	if (tell.kind == HANDOFF_TELL_KEPT) {
		err = slot_reason_set(&host->why, conn->err ? conn->err : -EIO, "%s",
				      conn->why->text);
		if (before.peer)
			exchange_hold(host, conn, before);
		handoff_conn_forget(host, conn);
		return err;
	}
	handoff_conn_forget(host, conn);
	handoff_tell_now(host, &tell);
	return 0;
}

int handoff_host_send(struct handoff_host *host, int fd, const char *peer, void *tag,
		      const void *bytes, size_t length)
{
	return give(host, fd, peer, tag, &(struct luggage){ bytes, length, false });
}

int handoff_host_send_unread(struct handoff_host *host, int fd, const char *peer, void *tag,
			     const void *bytes, size_t length)
{
	return give(host, fd, peer, tag, &(struct luggage){ bytes, length, true });
}

void handoff_host_closed(struct handoff_host *host, int fd)
{
	struct handoff_conn *conn = handoff_table_find_fd(host, fd);

	if (!conn)
		return;
	handoff_table_clear_fd(host, conn);
	conn->fd = -1;
	handoff_conn_happen(host, conn, HANDOFF_ON_CLOSED, 0);
}

int handoff_host_close(struct handoff_host *host, int fd)
{
	/* First, so that its end has gone out when rules are looked at. */
	close(fd);
	handoff_host_closed(host, fd);
	return 0;
}

int handoff_host_lend(struct handoff_host *host, int fd, void *tag)
{
	struct handoff_conn *conn = handoff_table_find_fd(host, fd);

	if (!conn)
		return -ENOENT;
	handoff_table_clear_fd(host, conn);
	conn->fd = -1;
	conn->tag = tag;
	return 0;
}

void handoff_host_ended(struct handoff_host *host, uint64_t id)
{
	struct handoff_conn *conn = handoff_table_find_id(host, id);

	if (conn && conn->fd < 0 && !conn->machine.is_home)
		handoff_conn_happen(host, conn, HANDOFF_ON_CLOSED, 0);
}

static bool is_on_its_way(const struct handoff_conn *conn)
{
	switch (conn->machine.stage) {
	case HANDOFF_NOWHERE:
	case HANDOFF_OWNED:
	case HANDOFF_AWAY:
	case HANDOFF_ENDING:
		return false;
	default:
		return true;
	}
}

static bool is_moving(const struct handoff_host *host)
{
	for (size_t i = 0; i < HANDOFF_BUCKETS; i++) {
		const struct handoff_conn *conn;

		LIST_FOREACH(conn, &host->by_id[i], by_id)
		if (is_on_its_way(conn))
			return true;
	}
	return false;
}

void handoff_host_stop(struct handoff_host *host)
{
	host->is_stopped = true;
}

/* Links end only then: a client may be lost where the other side misses what became of a turn. */
bool handoff_host_is_busy(struct handoff_host *host)
{
	if (is_moving(host) || !TAILQ_EMPTY(&host->nudges))
		return true;
	return host->is_stopped && handoff_farewell_say(host);
}
