/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections on their way: what happens to them goes through the machine, and is carried out. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"

/* --- the machine at work ----------------------------------------------------------------------- */

static bool is_step(enum handoff_action_kind kind)
{
	return kind <= HANDOFF_DO_SWEEP;
}

/* What @action came to, as an event; false: nothing follows from it. */
static bool carry_out(struct handoff_host *host, struct handoff_conn *conn,
		      const struct handoff_action *action, struct handoff_tell *tell,
		      struct handoff_event *ret_next)
{
	int err;

	if (action->kind >= HANDOFF_TELL_KEPT) {
		handoff_tell_note(conn, action->kind, tell);
		return false;
	}
	if (action->kind >= HANDOFF_SAY_OFFER) {
		err = handoff_conn_say(host, conn, action);
		if (!err || action->kind != HANDOFF_SAY_OFFER)
			return false;
		conn->err = slot_reason_set(conn->why, err, "cannot offer it: %s", strerror(-err));
		*ret_next = (struct handoff_event){ HANDOFF_ON_REFUSE, action->turn };
		return true;
	}
	err = handoff_step_run(host, conn, action->kind);
	if (!is_step(action->kind))
		return false;
	if (err)
		conn->err = err;
	*ret_next = (struct handoff_event){ err == -ETIME ? HANDOFF_ON_STEP_LATE :
					    err		  ? HANDOFF_ON_STEP_FAILED :
							    HANDOFF_ON_STEP_DONE,
					    conn->machine.turn };
	return true;
}

void handoff_conn_advance(struct handoff_host *host, struct handoff_conn *conn,
			  struct handoff_event event, struct handoff_tell *tell)
{
	enum handoff_event_kind cause = event.kind;
	bool is_again = cause == HANDOFF_ON_TIMEOUT, is_more = true;

	while (is_more) {
		struct handoff_actions actions;

		is_more = false;
		handoff_machine_step(&conn->machine, &event, &actions);
		handoff_tally_actions(host, conn, cause, &actions);
		for (size_t i = 0; i < actions.count && !is_more; i++)
			is_more = carry_out(host, conn, &actions.list[i], tell, &event);
	}
	handoff_table_set_timer(host, conn, is_again);
}

void handoff_conn_forget(struct handoff_host *host, struct handoff_conn *conn)
{
	if (conn->machine.stage == HANDOFF_NOWHERE)
		handoff_table_free(host, conn);
}

/* Home takes it for another host only: on it goes. */
static void pass_on(struct handoff_host *host, struct handoff_conn *conn, struct handoff_tell *tell)
{
	struct handoff_peer *to = handoff_peer_find(host, conn->onward);

	memset(conn->onward, 0, sizeof(conn->onward));
	if (!to || !to->link || !to->link->is_up)
		return;
	conn->app = tell->app;
	conn->app_length = tell->taken.length;
	*tell = (struct handoff_tell){};
	conn->is_passing = true;
	conn->peer = to;
	conn->tag = NULL;
	handoff_conn_advance(host, conn, (struct handoff_event){ HANDOFF_ON_GIVE, 0 }, tell);
}

void handoff_conn_happen(struct handoff_host *host, struct handoff_conn *conn,
			 enum handoff_event_kind kind, uint32_t turn)
{
	struct handoff_tell tell = {};

	handoff_conn_advance(host, conn, (struct handoff_event){ kind, turn }, &tell);
	if (tell.kind == HANDOFF_TELL_TAKEN && conn->machine.is_home && *conn->onward)
		pass_on(host, conn, &tell);
	handoff_conn_forget(host, conn);
	handoff_tell_now(host, &tell);
}

/* --- what is heard ----------------------------------------------------------------------------- */

static const enum handoff_event_kind kinds[HANDOFF_MESSAGE_TYPE_COUNT] = {
	[HANDOFF_REQUEST] = HANDOFF_ON_OFFER, [HANDOFF_BACK] = HANDOFF_ON_OFFER,
	[HANDOFF_REFUSE] = HANDOFF_ON_REFUSE, [HANDOFF_ACK] = HANDOFF_ON_ACK,
	[HANDOFF_READY] = HANDOFF_ON_READY,   [HANDOFF_DONE] = HANDOFF_ON_DONE,
	[HANDOFF_RESET] = HANDOFF_ON_RESET,   [HANDOFF_CANCEL] = HANDOFF_ON_CANCEL,
	[HANDOFF_GONE] = HANDOFF_ON_GONE,     [HANDOFF_OVER] = HANDOFF_ON_OVER,
};

/* Only who had given it to home, which serves it or has given it on, says this of an older turn. */
static bool is_of_before(const struct handoff_conn *conn, uint32_t turn)
{
	return conn && conn->machine.is_home && turn < conn->machine.turn;
}

/* Who serves it says so whenever the link is back: nothing leads there any more. */
static bool is_given_up(struct handoff_host *host, const struct handoff_conn *conn,
			const struct handoff_message *message)
{
	return message->type == HANDOFF_DONE && !conn && !handoff_before_gave(host, message->id);
}

static void refuse(struct handoff_host *host, struct handoff_peer *peer,
		   const struct handoff_message *offer, const char *why)
{
	struct handoff_message answer = {
		.type = HANDOFF_REFUSE,
		.id = offer->id,
		.turn = offer->turn,
	};

	memcpy(answer.why, why, strlen(why));
	handoff_moves_add(&host->moves, HANDOFF_MOVES_REFUSED);
	handoff_link_say(host, peer, &answer);
}

/* About a connection that is none of @peer's, or of nobody's (NULL). */
static void answer_stranger(struct handoff_host *host, struct handoff_peer *peer,
			    const struct handoff_conn *conn, const struct handoff_message *message)
{
	struct handoff_message answer = {
		.id = message->id,
		.turn = message->turn,
		.why = "no such connection",
	};

	if (message->type == HANDOFF_ACK || is_given_up(host, conn, message))
		answer.type = HANDOFF_CANCEL;
	else if (message->type == HANDOFF_READY && is_of_before(conn, message->turn))
		answer.type = HANDOFF_DONE;
	else if (message->type == HANDOFF_READY)
		answer.type = handoff_before_served(host, message->id) ? HANDOFF_GONE :
									 HANDOFF_RESET;
	else
		return;
	handoff_link_say(host, peer, &answer);
}

/* A process of before sent it away: the rule still knows. */
static struct handoff_conn *find_away(struct handoff_host *host,
				      const struct handoff_message *message)
{
	struct handoff_rule rule;
	struct handoff_conn *conn;
	struct handoff_key key;

	handoff_place_key(&message->offer.client, &message->offer.home, &key);
	if (handoff_rules_get(&host->rules, &key, &rule) || rule.id != message->id ||
	    rule.ingress != HANDOFF_REDIRECT || handoff_table_find_key(host, &key))
		return NULL;
	conn = handoff_table_add(host, message->id, true);
	if (!conn)
		return NULL;
	conn->machine.stage = HANDOFF_AWAY;
	conn->client = message->offer.client;
	conn->home = conn->here = message->offer.home;
	conn->target = rule.target;
	handoff_table_set_key(host, conn);
	return conn;
}

/* What is offered is put aside for DO_RESTORE. Returns 0 or -errno: it is refused. */
static int take_offer(struct handoff_conn *conn, const struct handoff_peer *peer,
		      const struct handoff_offer *offer)
{
	struct handoff_state *state;
	uint8_t *app = malloc(offer->app_len + 1);
	int err = app ? handoff_state_parse(offer->state, offer->state_len, &state) : -ENOMEM;

	if (err) {
		free(app);
		return err;
	}
	memcpy(app, offer->app, offer->app_len);
	handoff_state_free(conn->state);
	handoff_conn_drop_app(conn);
	conn->state = state;
	conn->app = app;
	conn->app_length = offer->app_len;
	if (!conn->machine.is_home) {
		conn->client = offer->client;
		conn->home = offer->home;
	}
	memcpy(conn->onward, offer->onward, sizeof(conn->onward));
	memcpy(conn->from, peer->name, sizeof(conn->from));
	return 0;
}

static void note_words(struct handoff_conn *conn, const struct handoff_message *message)
{
	*conn->why->text = 0;
	switch (message->type) {
	case HANDOFF_ACK:
		/* Only at the stage that waits for it, as what is given stays where it is. */
		if (conn->machine.stage == HANDOFF_OFFERED && message->turn == conn->machine.turn &&
		    conn->machine.is_home)
			conn->there = message->place;
		break;
	case HANDOFF_REFUSE:
	case HANDOFF_RESET:
	case HANDOFF_CANCEL:
		slot_reason_set(conn->why, 0, "'%s' says: %s", conn->peer->name,
				*message->why ? message->why : "no");
		break;
	default:
		break;
	}
}

static void hear_offer(struct handoff_host *host, struct handoff_peer *peer,
		       const struct handoff_message *message)
{
	struct handoff_conn *conn = handoff_table_find_id(host, message->id);
	bool is_back = message->type == HANDOFF_BACK;

	if (host->is_closing)
		return;
	if (host->is_stopped && (!conn || handoff_machine_takes(&conn->machine, message->turn))) {
		refuse(host, peer, message, "its process is about to end");
		return;
	}
	if (!conn)
		conn = is_back ? find_away(host, message) :
				 handoff_table_add(host, message->id, false);
	if (conn && !conn->peer)
		conn->peer = peer;
	if (!conn || conn->peer != peer || conn->machine.is_home != is_back) {
		refuse(host, peer, message, "no such connection");
		return;
	}
	if (handoff_machine_takes(&conn->machine, message->turn) &&
	    take_offer(conn, peer, &message->offer)) {
		refuse(host, peer, message, "no such connection");
		handoff_conn_forget(host, conn);
		return;
	}
	note_words(conn, message);
	handoff_conn_happen(host, conn, HANDOFF_ON_OFFER, message->turn);
}

void handoff_conn_hear(struct handoff_host *host, struct handoff_peer *peer,
		       const struct handoff_message *message)
{
	struct handoff_conn *conn;

	if (kinds[message->type] == HANDOFF_ON_OFFER) {
		hear_offer(host, peer, message);
		return;
	}
	conn = handoff_table_find_id(host, message->id);
	if (!conn || conn->peer != peer) {
		answer_stranger(host, peer, conn, message);
		return;
	}
	note_words(conn, message);
	if (message->type == HANDOFF_ACK && handoff_seek_begin(host, conn, message->turn))
		return;
	handoff_conn_happen(host, conn, kinds[message->type], message->turn);
}

/* --- links and time ---------------------------------------------------------------------------- */

void handoff_conn_link(struct handoff_host *host, const struct handoff_peer *peer,
		       enum handoff_event_kind kind)
{
	static const char *const words[] = { "the link was lost", "the link is back",
					     "it was started anew" };

	/* Who is told may add and end connections: each is looked for again. */
	for (size_t i = 0; i < HANDOFF_BUCKETS; i++) {
		struct handoff_conn *conn = LIST_FIRST(&host->by_id[i]);
		uint64_t mark = ++host->mark;

		while (conn) {
			if (conn->peer != peer || conn->mark == mark) {
				conn = LIST_NEXT(conn, by_id);
				continue;
			}
			conn->mark = mark;
			slot_reason_set(conn->why, 0, "'%s': %s", peer->name,
					words[kind - HANDOFF_ON_LINK_LOST]);
			handoff_conn_happen(host, conn, kind, 0);
			conn = LIST_FIRST(&host->by_id[i]);
		}
	}
}

int64_t handoff_conn_tick(struct handoff_host *host, int64_t now_ms)
{
	int64_t next_ms = now_ms + 3600000;

	for (unsigned int i = 1; i < HANDOFF_TIMER_COUNT; i++) {
		struct handoff_conn *conn;

		while ((conn = TAILQ_FIRST(&host->timed[i])) && conn->due_ms <= now_ms) {
			slot_reason_set(conn->why, 0, "'%s' did not answer in time",
					conn->peer->name);
			conn->err = 0;
			handoff_conn_happen(host, conn, HANDOFF_ON_TIMEOUT, 0);
		}
		if (conn && conn->due_ms < next_ms)
			next_ms = conn->due_ms;
	}
	return next_ms;
}

void handoff_conn_free_all(struct handoff_host *host)
{
	host->events = (struct handoff_host_events){};
	for (size_t i = 0; i < HANDOFF_BUCKETS; i++) {
		struct handoff_conn *conn;

		while ((conn = LIST_FIRST(&host->by_id[i]))) {
			struct handoff_tell tell = {};

			handoff_conn_advance(host, conn,
					     (struct handoff_event){ HANDOFF_ON_LINK_LOST, 0 },
					     &tell);
			if (conn->is_frozen)
				handoff_step_close(host, conn);
			handoff_table_free(host, conn);
			handoff_tell_drop(&tell);
		}
	}
}
