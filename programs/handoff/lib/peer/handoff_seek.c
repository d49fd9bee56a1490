/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takers that home has not talked to yet, so that the kernel does not know the next hop to them:
 * their ACKs are heard when it does, while the block stands, and not refused.
 */
#include <errno.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"

#define SEEK_MS 100 /* whoever has not answered by then does so a second later, or never */
#define LOOK_MS 2

static bool is_unknown(struct handoff_host *host, const struct handoff_conn *conn)
{
	struct sockaddr_storage to;
	struct handoff_target target;

	handoff_place_get(&conn->there, &to);
	return handoff_ways_find(&host->ways, (struct sockaddr *)&to, NULL, &target) == -EAGAIN;
}

static void look_later(struct handoff_host *host, struct handoff_conn *conn, int64_t now_ms)
{
	conn->look_ms = now_ms + LOOK_MS;
	TAILQ_INSERT_TAIL(&host->sought, conn, sought);
	handoff_clock_wake(host, conn->look_ms);
}

static bool is_offered(const struct handoff_conn *conn, uint32_t turn)
{
	return conn->machine.is_home && conn->machine.stage == HANDOFF_OFFERED &&
	       conn->machine.turn == turn;
}

bool handoff_seek_begin(struct handoff_host *host, struct handoff_conn *conn, uint32_t turn)
{
	int64_t now_ms = slot_clock_ms();

	if (!is_offered(conn, turn))
		return false;
	/* It says so twice. */
	if (conn->look_ms && conn->seek_turn == turn)
		return true;
	if (conn->look_ms || !is_unknown(host, conn))
		return false;
	conn->seek_turn = turn;
	conn->seek_ms = now_ms + SEEK_MS;
	look_later(host, conn, now_ms);
	return true;
}

void handoff_seek_end(struct handoff_host *host, struct handoff_conn *conn)
{
	if (conn->look_ms)
		TAILQ_REMOVE(&host->sought, conn, sought);
	conn->look_ms = 0;
}

int64_t handoff_seek_tick(struct handoff_host *host, int64_t now_ms)
{
	struct handoff_conn *conn;

	while ((conn = TAILQ_FIRST(&host->sought)) && conn->look_ms <= now_ms) {
		handoff_seek_end(host, conn);
		if (!is_offered(conn, conn->seek_turn))
			continue;
		if (now_ms < conn->seek_ms && is_unknown(host, conn)) {
			look_later(host, conn, now_ms);
			continue;
		}
		*conn->why->text = 0;
		handoff_conn_happen(host, conn, HANDOFF_ON_ACK, conn->seek_turn);
	}
	return conn ? conn->look_ms : INT64_MAX;
}
