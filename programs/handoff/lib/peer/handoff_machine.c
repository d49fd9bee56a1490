/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a connection that moves, on either side. */
#include "programs/handoff/lib/peer/handoff_machine.h"

static void add_turn(struct handoff_actions *to, enum handoff_action_kind kind, uint32_t turn)
{
	to->list[to->count++] = (struct handoff_action){ kind, turn };
}

static void add(struct handoff_actions *to, const struct handoff_machine *m,
		enum handoff_action_kind kind)
{
	add_turn(to, kind, m->turn);
}

static void begin(struct handoff_machine *m, enum handoff_stage stage,
		  enum handoff_action_kind step, struct handoff_actions *to)
{
	m->stage = stage;
	add(to, m, step);
}

/* --- the giver --------------------------------------------------------------------------------- */

/*
 * Home knows no more of what was never elsewhere; of what it had taken back the host that gave it
 * may ask yet. Another host still has its rule, and a turn to count on from; home may have given
 * the connection up meanwhile, and said so of a turn before.
 */
static void keep(struct handoff_machine *m, struct handoff_actions *to)
{
	m->stage = m->is_home && m->turn == 1 ? HANDOFF_NOWHERE : HANDOFF_OWNED;
	if (!m->is_home)
		add(to, m, HANDOFF_SAY_DONE);
	add(to, m, HANDOFF_TELL_KEPT);
}

/* Nobody has it. @how the client hears so: HANDOFF_DO_RESET where that is certain, or _PROBE. */
static void lose(struct handoff_machine *m, enum handoff_action_kind how,
		 struct handoff_actions *to)
{
	add(to, m, HANDOFF_DO_RELEASE);
	add(to, m, how);
	add(to, m, HANDOFF_TELL_LOST);
	if (!m->is_home)
		add(to, m, HANDOFF_SAY_GONE);
	m->stage = m->is_home ? HANDOFF_NOWHERE : HANDOFF_ENDING;
}

static void undo(struct handoff_machine *m, bool is_told, struct handoff_actions *to)
{
	if (is_told)
		add(to, m, HANDOFF_SAY_CANCEL);
	begin(m, HANDOFF_UNDOING, HANDOFF_DO_UNDO, to);
}

static void step_owned(struct handoff_machine *m, const struct handoff_event *event,
		       struct handoff_actions *to)
{
	switch (event->kind) {
	case HANDOFF_ON_GIVE:
		m->turn++;
		begin(m, HANDOFF_BLOCKING, HANDOFF_DO_BLOCK, to);
		break;
	case HANDOFF_ON_CLOSED:
		if (!m->is_home)
			add(to, m, HANDOFF_SAY_GONE);
		m->stage = m->is_home ? HANDOFF_NOWHERE : HANDOFF_ENDING;
		break;
	case HANDOFF_ON_OFFER: /* the same once more, as step() has seen to */
	case HANDOFF_ON_READY:
		add(to, m, HANDOFF_SAY_DONE);
		break;
	case HANDOFF_ON_ACK: /* it was kept meanwhile */
		add(to, m, HANDOFF_SAY_CANCEL);
		break;
	case HANDOFF_ON_LINK_BACK: /* home may have given it up, which was lost with the link */
	case HANDOFF_ON_PEER_NEW:
		if (!m->is_home)
			add(to, m, HANDOFF_SAY_DONE);
		break;
	case HANDOFF_ON_CANCEL: /* home has given it up meanwhile */
		if (m->is_home)
			break;
		lose(m, HANDOFF_DO_ABORT, to);
		break;
	case HANDOFF_ON_TIMEOUT:
		m->stage = m->is_home ? HANDOFF_NOWHERE : m->stage;
		break;
	default:
		break;
	}
}

static void step_blocking(struct handoff_machine *m, const struct handoff_event *event,
			  struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_DONE)
		begin(m, HANDOFF_CAPTURING, HANDOFF_DO_CAPTURE, to);
	else if (event->kind == HANDOFF_ON_STEP_FAILED)
		keep(m, to);
}

static void step_capturing(struct handoff_machine *m, const struct handoff_event *event,
			   struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_FAILED) {
		undo(m, false, to);
	} else if (event->kind == HANDOFF_ON_STEP_DONE) {
		m->stage = HANDOFF_OFFERED;
		add(to, m, HANDOFF_SAY_OFFER);
	}
}

static void step_offered(struct handoff_machine *m, const struct handoff_event *event,
			 struct handoff_actions *to)
{
	switch (event->kind) {
	case HANDOFF_ON_ACK:
		begin(m, HANDOFF_COMMITTING, HANDOFF_DO_COMMIT, to);
		break;
	case HANDOFF_ON_TIMEOUT:
		undo(m, true, to);
		break;
	case HANDOFF_ON_REFUSE:
	case HANDOFF_ON_RESET:
	case HANDOFF_ON_LINK_LOST:
	case HANDOFF_ON_PEER_NEW:
		undo(m, false, to);
		break;
	default:
		break;
	}
}

static void step_committing(struct handoff_machine *m, const struct handoff_event *event,
			    struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_FAILED) {
		undo(m, true, to);
	} else if (event->kind == HANDOFF_ON_STEP_DONE) {
		add(to, m, HANDOFF_DO_CLOSE);
		add(to, m, HANDOFF_SAY_READY);
		m->stage = HANDOFF_GIVEN;
	} else if (event->kind == HANDOFF_ON_STEP_LATE) {
		add(to, m, HANDOFF_SAY_CANCEL);
		lose(m, HANDOFF_DO_RESET, to);
	}
}

static void step_undoing(struct handoff_machine *m, const struct handoff_event *event,
			 struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_DONE) {
		keep(m, to);
	} else if (event->kind == HANDOFF_ON_STEP_FAILED) {
		lose(m, HANDOFF_DO_RESET, to);
	}
}

/* Home, by the word of who had it: no packet needs a rule any more. */
static void forget(struct handoff_machine *m, struct handoff_actions *to)
{
	if (!m->is_home)
		return;
	add(to, m, HANDOFF_DO_RELEASE);
	m->stage = HANDOFF_NOWHERE;
}

static void step_given(struct handoff_machine *m, const struct handoff_event *event,
		       struct handoff_actions *to)
{
	switch (event->kind) {
	case HANDOFF_ON_DONE:
		m->stage = m->is_home ? HANDOFF_AWAY : HANDOFF_ENDING;
		add(to, m, HANDOFF_TELL_GIVEN);
		break;
	case HANDOFF_ON_GONE:
		m->stage = HANDOFF_ENDING;
		add(to, m, HANDOFF_TELL_GIVEN);
		break;
	case HANDOFF_ON_OVER:
		if (m->is_home)
			add(to, m, HANDOFF_TELL_GIVEN);
		forget(m, to);
		break;
	case HANDOFF_ON_LINK_BACK:
		add(to, m, HANDOFF_SAY_READY);
		break;
	case HANDOFF_ON_TIMEOUT:
		/* Without a link nobody knows whether READY arrived: it may well be served. */
		if (!m->is_linked && m->is_home) {
			m->stage = HANDOFF_AWAY;
			add(to, m, HANDOFF_TELL_GIVEN);
			break;
		}
		if (m->is_home)
			add(to, m, HANDOFF_SAY_CANCEL);
		lose(m, HANDOFF_DO_PROBE, to);
		break;
	case HANDOFF_ON_RESET: /* home may have served it, or passed it on, and not know any more */
	case HANDOFF_ON_PEER_NEW:
		lose(m, m->is_home ? HANDOFF_DO_RESET : HANDOFF_DO_PROBE, to);
		break;
	default:
		break;
	}
}

static void step_away(struct handoff_machine *m, const struct handoff_event *event,
		      struct handoff_actions *to)
{
	switch (event->kind) {
	case HANDOFF_ON_GONE:
		/* Of a process before it, which may have ended before it served. */
		if (!m->is_linked)
			add(to, m, HANDOFF_DO_PROBE);
		m->stage = HANDOFF_ENDING;
		break;
	case HANDOFF_ON_OVER:
		forget(m, to);
		break;
	case HANDOFF_ON_LINK_BACK: /* what was lost with the link is said again in answer */
	case HANDOFF_ON_PEER_NEW:
		add(to, m, HANDOFF_SAY_READY);
		break;
	case HANDOFF_ON_RESET:
	case HANDOFF_ON_TIMEOUT:
		add(to, m, HANDOFF_DO_RELEASE);
		add(to, m, HANDOFF_DO_PROBE);
		m->stage = HANDOFF_NOWHERE;
		break;
	default:
		break;
	}
}

/* --- the taker --------------------------------------------------------------------------------- */

/* Home the client's packets go where they went; elsewhere nothing is left. */
static void stop_taking(struct handoff_machine *m)
{
	m->stage = m->is_home ? HANDOFF_AWAY : HANDOFF_NOWHERE;
}

/*
 * The giver may have given it up meanwhile. Home then leads packets to it again, where they are
 * answered by a reset, as they are here if this is not home.
 */
static void strand(struct handoff_machine *m, struct handoff_actions *to)
{
	if (m->is_home) {
		add(to, m, HANDOFF_DO_DROP);
		m->stage = HANDOFF_AWAY;
	} else {
		add(to, m, HANDOFF_DO_CLOSE);
		add(to, m, HANDOFF_DO_RELEASE);
		m->stage = HANDOFF_ENDING;
	}
	add(to, m, HANDOFF_DO_PROBE);
	add(to, m, HANDOFF_SAY_RESET);
}

static void step_restoring(struct handoff_machine *m, const struct handoff_event *event,
			   struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_DONE) {
		begin(m, HANDOFF_PREPARING, HANDOFF_DO_PREPARE, to);
	} else if (event->kind == HANDOFF_ON_STEP_FAILED) {
		add(to, m, HANDOFF_SAY_REFUSE);
		stop_taking(m);
	}
}

static void step_preparing(struct handoff_machine *m, const struct handoff_event *event,
			   struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_DONE) {
		m->stage = HANDOFF_RESTORED;
		add(to, m, HANDOFF_SAY_ACK);
	} else if (event->kind == HANDOFF_ON_STEP_FAILED) {
		add(to, m, HANDOFF_DO_DROP);
		add(to, m, HANDOFF_SAY_REFUSE);
		stop_taking(m);
	}
}

static void step_restored(struct handoff_machine *m, const struct handoff_event *event,
			  struct handoff_actions *to)
{
	switch (event->kind) {
	case HANDOFF_ON_OFFER: /* the same once more, as step() has seen to */
		add(to, m, HANDOFF_SAY_ACK);
		break;
	case HANDOFF_ON_READY:
		begin(m, HANDOFF_STARTING, HANDOFF_DO_START, to);
		break;
	case HANDOFF_ON_CANCEL:
		add(to, m, HANDOFF_DO_DROP);
		stop_taking(m);
		break;
	case HANDOFF_ON_TIMEOUT:
		strand(m, to);
		break;
	case HANDOFF_ON_PEER_NEW:
		/* home's process, which is gone, may have given it to another host meanwhile */
		if (!m->is_home) {
			strand(m, to);
			break;
		}
		add(to, m, HANDOFF_DO_RELEASE);
		add(to, m, HANDOFF_DO_RESET);
		m->stage = HANDOFF_NOWHERE;
		break;
	default:
		break;
	}
}

static void step_starting(struct handoff_machine *m, const struct handoff_event *event,
			  struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_STEP_DONE) {
		m->stage = HANDOFF_OWNED;
		add(to, m, HANDOFF_SAY_DONE);
		add(to, m, HANDOFF_TELL_TAKEN);
	} else if (event->kind == HANDOFF_ON_STEP_FAILED) {
		add(to, m, HANDOFF_DO_RELEASE);
		add(to, m, HANDOFF_DO_RESET);
		add(to, m, HANDOFF_SAY_RESET);
		m->stage = m->is_home ? HANDOFF_NOWHERE : HANDOFF_ENDING;
	}
}

static void end(struct handoff_machine *m, struct handoff_actions *to)
{
	if (!m->is_home)
		add(to, m, HANDOFF_SAY_OVER);
	m->stage = HANDOFF_NOWHERE;
}

static void step_ending(struct handoff_machine *m, const struct handoff_event *event,
			struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_TIMEOUT)
		add(to, m, HANDOFF_DO_SWEEP);
	else if (event->kind == HANDOFF_ON_STEP_DONE)
		end(m, to);
	else if (event->kind == HANDOFF_ON_OVER)
		forget(m, to);
	else if (event->kind == HANDOFF_ON_READY && !m->is_home)
		add(to, m, HANDOFF_SAY_GONE);
	/* The giver had it still when the client was asked before. */
	if ((event->kind == HANDOFF_ON_READY || event->kind == HANDOFF_ON_PEER_NEW) && !m->is_home)
		add(to, m, HANDOFF_DO_PROBE);
}

/* --- both -------------------------------------------------------------------------------------- */

static void step_nowhere(struct handoff_machine *m, const struct handoff_event *event,
			 struct handoff_actions *to)
{
	if (event->kind == HANDOFF_ON_GIVE) {
		m->turn++;
		begin(m, HANDOFF_BLOCKING, HANDOFF_DO_BLOCK, to);
	} else if (event->kind == HANDOFF_ON_ACK ||
		   (event->kind == HANDOFF_ON_DONE && m->is_home)) {
		add_turn(to, HANDOFF_SAY_CANCEL, event->turn);
	} else if (event->kind == HANDOFF_ON_READY) {
		add_turn(to, HANDOFF_SAY_RESET, event->turn);
	}
}

typedef void (*step_fn)(struct handoff_machine *m, const struct handoff_event *event,
			struct handoff_actions *to);

static const step_fn steps[HANDOFF_STAGE_COUNT] = {
	[HANDOFF_NOWHERE] = step_nowhere,     [HANDOFF_OWNED] = step_owned,
	[HANDOFF_BLOCKING] = step_blocking,   [HANDOFF_CAPTURING] = step_capturing,
	[HANDOFF_OFFERED] = step_offered,     [HANDOFF_COMMITTING] = step_committing,
	[HANDOFF_UNDOING] = step_undoing,     [HANDOFF_GIVEN] = step_given,
	[HANDOFF_AWAY] = step_away,	      [HANDOFF_RESTORING] = step_restoring,
	[HANDOFF_PREPARING] = step_preparing, [HANDOFF_RESTORED] = step_restored,
	[HANDOFF_STARTING] = step_starting,   [HANDOFF_ENDING] = step_ending,
};

/* Of the connection, whatever its giver made of a turn that came to nothing. */
static bool is_end(enum handoff_event_kind kind)
{
	return kind == HANDOFF_ON_GONE || kind == HANDOFF_ON_OVER;
}

static bool is_message(enum handoff_event_kind kind)
{
	return kind >= HANDOFF_ON_OFFER && kind <= HANDOFF_ON_OVER;
}

bool handoff_machine_takes(const struct handoff_machine *m, uint32_t turn)
{
	if (turn <= m->turn || turn > HANDOFF_TURN_MAX)
		return false;
	switch (m->stage) {
	case HANDOFF_NOWHERE:
	case HANDOFF_AWAY:
	case HANDOFF_RESTORED:
		return true;
	case HANDOFF_GIVEN:
		return m->is_home;
	case HANDOFF_ENDING:
		return !m->is_home;
	default:
		return false;
	}
}

/* An offer of a later turn. Who offers has the connection: what was left of it here is none. */
static void step_offer(struct handoff_machine *m, uint32_t turn, struct handoff_actions *to)
{
	if (!handoff_machine_takes(m, turn)) {
		add_turn(to, HANDOFF_SAY_REFUSE, turn);
		return;
	}
	if (m->stage == HANDOFF_RESTORED || m->stage == HANDOFF_ENDING)
		add(to, m, HANDOFF_DO_DROP);
	else if (m->stage == HANDOFF_GIVEN)
		add(to, m, HANDOFF_TELL_GIVEN);
	m->turn = turn;
	begin(m, HANDOFF_RESTORING, HANDOFF_DO_RESTORE, to);
}

/* What is said of an attempt that is not the last one. */
static void step_other_turn(const struct handoff_machine *m, const struct handoff_event *event,
			    struct handoff_actions *to)
{
	bool is_served = m->stage == HANDOFF_OWNED || m->stage == HANDOFF_OFFERED;

	if (event->kind == HANDOFF_ON_OFFER)
		add_turn(to, HANDOFF_SAY_REFUSE, event->turn);
	else if (event->kind == HANDOFF_ON_ACK)
		add_turn(to, HANDOFF_SAY_CANCEL, event->turn);
	else if (event->kind == HANDOFF_ON_READY && event->turn < m->turn && is_served)
		add_turn(to, HANDOFF_SAY_DONE, event->turn);
}

void handoff_machine_step(struct handoff_machine *m, const struct handoff_event *event,
			  struct handoff_actions *ret_actions)
{
	struct handoff_actions to = {};

	if (event->kind == HANDOFF_ON_LINK_LOST)
		m->is_linked = false;
	else if (event->kind == HANDOFF_ON_LINK_BACK ||
		 (event->kind == HANDOFF_ON_PEER_NEW && m->stage != HANDOFF_AWAY))
		/* What another process took is out of reach until it is said that it lives on. */
		m->is_linked = true;

	if (event->kind == HANDOFF_ON_OFFER && event->turn > m->turn)
		step_offer(m, event->turn, &to);
	else if (is_message(event->kind) && m->stage != HANDOFF_NOWHERE && event->turn != m->turn &&
		 !(is_end(event->kind) && event->turn > m->turn))
		step_other_turn(m, event, &to);
	else
		steps[m->stage](m, event, &to);
	*ret_actions = to;
}

enum handoff_timer handoff_machine_timer(const struct handoff_machine *m)
{
	switch (m->stage) {
	case HANDOFF_OFFERED:
		return HANDOFF_TIMER_ACK;
	case HANDOFF_RESTORED:
		return HANDOFF_TIMER_READY;
	case HANDOFF_GIVEN:
		return HANDOFF_TIMER_DONE;
	case HANDOFF_AWAY:
		return m->is_linked ? HANDOFF_TIMER_NONE : HANDOFF_TIMER_ABANDON;
	case HANDOFF_OWNED:
		return m->is_home ? HANDOFF_TIMER_DONE : HANDOFF_TIMER_NONE;
	case HANDOFF_ENDING:
		return HANDOFF_TIMER_LINGER;
	default:
		return HANDOFF_TIMER_NONE;
	}
}

const char *handoff_stage_name(enum handoff_stage stage)
{
	static const char *const names[HANDOFF_STAGE_COUNT] = {
		"nowhere", "owned", "blocking",	 "capturing", "offered",  "committing", "undoing",
		"given",   "away",  "restoring", "preparing", "restored", "starting",	"ending",
	};

	return stage < HANDOFF_STAGE_COUNT ? names[stage] : "?";
}
