/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clients whose connection nobody has, as far as is known here: each is asked to say something,
 * and hears a reset. More than once, as packets are lost.
 */
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/probe/handoff_probe.h"

#define TIMES 3
#define APART_MS 1000 /* a client answers twice a second at most */
#define AT_ONCE 64    /* that are asked before anything else has its turn */

struct handoff_nudge {
	TAILQ_ENTRY(handoff_nudge) all; /* in the order of due_ms */
	LIST_ENTRY(handoff_nudge) by_id;
	struct handoff_probe probe;
	struct handoff_state *state;
	unsigned int left;
	int64_t due_ms;
};

static void free_nudge(struct handoff_host *host, struct handoff_nudge *nudge)
{
	TAILQ_REMOVE(&host->nudges, nudge, all);
	LIST_REMOVE(nudge, by_id);
	handoff_state_free(nudge->state);
	free(nudge);
}

/* Of a host that is lost there may be as many as it had connections. */
static struct handoff_nudge_ids *bucket_of(struct handoff_host *host, uint64_t id)
{
	return &host->nudges_by_id[id % HANDOFF_BUCKETS];
}

static struct handoff_nudge *find(struct handoff_host *host, uint64_t id)
{
	struct handoff_nudge *nudge;

	LIST_FOREACH(nudge, bucket_of(host, id), by_id)
	if (nudge->probe.id == id)
		break;
	return nudge;
}

static struct handoff_nudge *make_nudge(struct handoff_host *host, struct handoff_conn *conn)
{
	const struct handoff_place *local = conn->machine.is_home ? &conn->home : &conn->here;
	struct handoff_nudge *nudge = conn->state ? calloc(1, sizeof(*nudge)) : NULL;
	struct handoff_place here = { .port = 0 };

	if (!nudge)
		return NULL;
	memcpy(here.addr, local->addr, sizeof(here.addr));
	handoff_place_get(&here, &nudge->probe.here);
	nudge->probe.id = conn->id;
	memcpy(nudge->probe.source.address, conn->home.addr, sizeof(conn->home.addr));
	nudge->probe.source.port = htons(conn->home.port);
	handoff_state_strip(conn->state);
	nudge->probe.state = nudge->state = conn->state;
	conn->state = NULL;
	LIST_INSERT_HEAD(bucket_of(host, conn->id), nudge, by_id);
	return nudge;
}

/* At the head: it is due now, and all others later. */
void handoff_nudge_begin(struct handoff_host *host, struct handoff_conn *conn)
{
	struct handoff_nudge *nudge = find(host, conn->id);

	if (nudge)
		TAILQ_REMOVE(&host->nudges, nudge, all);
	else
		nudge = make_nudge(host, conn);
	if (!nudge)
		return;
	nudge->left = TIMES;
	nudge->due_ms = slot_clock_ms();
	TAILQ_INSERT_HEAD(&host->nudges, nudge, all);
	handoff_clock_wake(host, nudge->due_ms);
}

int64_t handoff_nudge_tick(struct handoff_host *host, int64_t now_ms)
{
	struct handoff_nudge *nudge;

	for (int i = 0; i < AT_ONCE; i++) {
		nudge = TAILQ_FIRST(&host->nudges);
		if (!nudge || nudge->due_ms > now_ms)
			break;
		/* Where it fails, the client hears of it when it sends. */
		handoff_probe_send(host->lib, &host->rules, &nudge->probe);
		if (!--nudge->left) {
			free_nudge(host, nudge);
			continue;
		}
		nudge->due_ms = now_ms + APART_MS;
		TAILQ_REMOVE(&host->nudges, nudge, all);
		TAILQ_INSERT_TAIL(&host->nudges, nudge, all);
	}
	nudge = TAILQ_FIRST(&host->nudges);
	return nudge ? nudge->due_ms : now_ms + 3600000;
}

void handoff_nudge_free_all(struct handoff_host *host)
{
	struct handoff_nudge *nudge;

	while ((nudge = TAILQ_FIRST(&host->nudges)))
		free_nudge(host, nudge);
}
