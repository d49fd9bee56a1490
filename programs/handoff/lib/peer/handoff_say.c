/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of a connection: to the other host, and to the application here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/fault.h"
#include "programs/handoff/lib/peer/handoff_own.h"

/* --- what is said to the other host ------------------------------------------------------------ */

static int say_offer(struct handoff_host *host, struct handoff_conn *conn,
		     struct handoff_message *message)
{
	size_t size = handoff_state_size(conn->state);
	uint8_t *state = malloc(size);
	int err = state ? handoff_state_format(conn->state, state, size) : -ENOMEM;

	message->type = conn->machine.is_home ? HANDOFF_REQUEST : HANDOFF_BACK;
	message->offer = (struct handoff_offer){
		.client = conn->client,
		.home = conn->home,
		.state = state,
		.state_len = size,
		.app = conn->app,
		.app_len = conn->app_length,
	};
	memcpy(message->offer.onward, conn->onward, sizeof(conn->onward));
	err = err ? err : handoff_link_say(host, conn->peer, message);
	if (state)
		explicit_bzero(state, size);
	free(state);
	return err;
}

static const enum handoff_message_type types[HANDOFF_ACTION_COUNT] = {
	[HANDOFF_SAY_OFFER] = HANDOFF_REQUEST, [HANDOFF_SAY_REFUSE] = HANDOFF_REFUSE,
	[HANDOFF_SAY_ACK] = HANDOFF_ACK,       [HANDOFF_SAY_READY] = HANDOFF_READY,
	[HANDOFF_SAY_DONE] = HANDOFF_DONE,     [HANDOFF_SAY_RESET] = HANDOFF_RESET,
	[HANDOFF_SAY_CANCEL] = HANDOFF_CANCEL, [HANDOFF_SAY_GONE] = HANDOFF_GONE,
	[HANDOFF_SAY_OVER] = HANDOFF_OVER,
};

/* Where a test may end the process: each message on its way. */
static void pass_point(enum handoff_action_kind kind)
{
	switch (kind) {
	case HANDOFF_SAY_OFFER:
		SLOT_FAULT("handoff.offer");
		break;
	case HANDOFF_SAY_ACK:
		SLOT_FAULT("handoff.ack");
		break;
	case HANDOFF_SAY_READY:
		SLOT_FAULT("handoff.ready");
		break;
	case HANDOFF_SAY_DONE:
		SLOT_FAULT("handoff.done");
		break;
	default:
		break;
	}
}

int handoff_conn_say(struct handoff_host *host, struct handoff_conn *conn,
		     const struct handoff_action *action)
{
	struct handoff_message message = {
		.type = types[action->kind],
		.id = conn->id,
		.turn = action->turn,
	};
	int err;

	switch (action->kind) {
	case HANDOFF_SAY_ACK:
		message.place = conn->here;
		break;
	case HANDOFF_SAY_REFUSE:
	case HANDOFF_SAY_RESET:
	case HANDOFF_SAY_CANCEL:
		memcpy(message.why, conn->why->text, strnlen(conn->why->text, HANDOFF_TEXT_MAX));
		break;
	default:
		break;
	}
	err = action->kind == HANDOFF_SAY_OFFER ? say_offer(host, conn, &message) :
						  handoff_link_say(host, conn->peer, &message);
	pass_point(action->kind);
	return err;
}

/* --- what is said to the application ----------------------------------------------------------- */

static void note_taken(struct handoff_conn *conn, struct handoff_tell *tell)
{
	tell->kind = HANDOFF_TELL_TAKEN;
	tell->fd = conn->fd;
	handoff_place_get(&conn->client, &tell->taken.client);
	handoff_place_get(&conn->home, &tell->taken.home);
	tell->taken.is_home = conn->machine.is_home;
	tell->taken.id = conn->id;
	tell->taken.length = conn->app_length;
	tell->app = conn->app;
	conn->app = NULL;
	conn->app_length = 0;
	memcpy(tell->from, conn->from, sizeof(conn->from));
}

void handoff_tell_note(struct handoff_conn *conn, enum handoff_action_kind kind,
		       struct handoff_tell *tell)
{
	void *tag = conn->tag;

	/* What it stood for is over: the application may free it. */
	conn->tag = NULL;
	/* Of one that home passes on the application hears when it stays. */
	if (conn->is_passing && kind == HANDOFF_TELL_KEPT) {
		conn->is_passing = false;
		note_taken(conn, tell);
		return;
	}
	if (kind == HANDOFF_TELL_TAKEN) {
		note_taken(conn, tell);
		return;
	}
	tell->kind = conn->is_passing ? HANDOFF_DO_NOTHING : kind;
	tell->fd = conn->fd;
	tell->tag = tag;
	tell->why = *conn->why;
	tell->err = conn->err;
	/* What is left to do with the state of what another host serves is to ask the client. */
	if (kind == HANDOFF_TELL_GIVEN && conn->state && conn->machine.stage != HANDOFF_RESTORING)
		handoff_state_strip(conn->state);
	if (kind != HANDOFF_TELL_GIVEN || !conn->machine.is_home ||
	    conn->machine.stage != HANDOFF_RESTORING)
		handoff_conn_drop_app(conn);
}

void handoff_tell_drop(struct handoff_tell *tell)
{
	if (tell->kind == HANDOFF_TELL_TAKEN && tell->fd >= 0)
		close(tell->fd);
	if (tell->app)
		explicit_bzero(tell->app, tell->taken.length);
	free(tell->app);
}

void handoff_tell_now(struct handoff_host *host, struct handoff_tell *tell)
{
	const struct handoff_host_events *events = &host->events;

	switch (tell->kind) {
	case HANDOFF_TELL_TAKEN:
		tell->taken.from = tell->from;
		tell->taken.bytes = tell->app;
		if (events->taken) {
			events->taken(host->data, tell->fd, &tell->taken);
			tell->fd = -1;
		}
		handoff_tell_drop(tell);
		break;
	case HANDOFF_TELL_KEPT:
		host->kept_err = tell->err;
		if (events->kept)
			events->kept(host->data, tell->tag, tell->fd, tell->why.text);
		break;
	case HANDOFF_TELL_GIVEN:
		if (events->given)
			events->given(host->data, tell->tag);
		break;
	case HANDOFF_TELL_LOST:
		if (events->lost)
			events->lost(host->data, tell->tag, tell->fd, tell->why.text);
		break;
	default:
		break;
	}
}

bool handoff_host_may_send_again(const struct handoff_host *host)
{
	return host->kept_err == -EAGAIN;
}
