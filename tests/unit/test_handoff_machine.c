/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both sides of a handoff in one world, and every order of what may happen in it: messages that
 * are lost with the link, come twice or late, steps that fail, time that is over at any moment,
 * processes that die. In every state: never two sockets that live, never one that goes on from an
 * old copy. At every end: one owner that the client's packets reach, or a reset.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/handoff_world.h"
#include "tests/support/tap.h"

/* --- steps, and how they end ------------------------------------------------------------------- */

/*
 * Home's rule goes when the other socket is closed; the other's before that only if home knows of
 * the end, and else long after all that home does.
 */
static bool can_sweep(const struct handoff_world *s, int at)
{
	const struct handoff_world_host *home = &s->hosts[HOME];

	if (at == HOME)
		return s->hosts[OTHER].socket == SOCKET_NONE;
	if (home->stage == HANDOFF_ENDING)
		return true;
	return home->rule != RULE_AWAY &&
	       (home->stage == HANDOFF_NOWHERE || home->stage == HANDOFF_OWNED);
}

static void end_step(const struct handoff_world *from, int at)
{
	enum handoff_action_kind step = from->hosts[at].step - 1U;
	struct handoff_world s = *from;

	s.hosts[at].step = 0;
	if (step == HANDOFF_DO_SWEEP) {
		bool is_over = can_sweep(&s, at);

		if (is_over)
			s.hosts[at].rule = RULE_NONE;
		handoff_world_happen(&s, at,
				     is_over ? HANDOFF_ON_STEP_DONE : HANDOFF_ON_STEP_FAILED, 0);
		handoff_world_visit(&s);
		return;
	}
	handoff_world_complete(&s, at, step);
	handoff_world_happen(&s, at, HANDOFF_ON_STEP_DONE, 0);
	handoff_world_visit(&s);
	/* to lift a block cannot fail: its time would be over */
	if (!from->left.fails ||
	    (step == HANDOFF_DO_UNDO && from->hosts[at].socket != SOCKET_FROZEN))
		return;
	s = *from;
	s.hosts[at].step = 0;
	s.left.fails--;
	s.is_harmed = true;
	handoff_world_happen(&s, at, HANDOFF_ON_STEP_FAILED, 0);
	handoff_world_visit(&s);
	if (step != HANDOFF_DO_COMMIT)
		return;
	s = *from;
	s.hosts[at].step = 0;
	s.left.fails--;
	s.is_harmed = true;
	handoff_world_complete(&s, at, step);
	handoff_world_happen(&s, at, HANDOFF_ON_STEP_LATE, 0);
	handoff_world_visit(&s);
}

/* --- what may happen next ---------------------------------------------------------------------- */

static void deliver(const struct handoff_world *from, int at, bool is_kept)
{
	struct handoff_world s = *from;
	struct handoff_world_host *h = &s.hosts[at];
	struct handoff_letter letter = h->waiting[0];

	if (is_kept) {
		s.left.twice--;
	} else {
		memmove(&h->waiting[0], &h->waiting[1], sizeof(letter) * (WAITING_MAX - 1));
		h->waiting[--h->count] = (struct handoff_letter){};
	}
	/* home takes back what its rule leads away, whether its process knows of it or not */
	if (at == HOME && letter.kind == HANDOFF_ON_OFFER && h->stage == HANDOFF_NOWHERE &&
	    h->rule != RULE_AWAY) {
		handoff_world_send(&s, at, HANDOFF_ON_REFUSE, letter.turn);
		handoff_world_visit(&s);
		return;
	}
	/* nor does it say of that that nobody has it */
	if (at == HOME && letter.kind == HANDOFF_ON_DONE && h->stage == HANDOFF_NOWHERE &&
	    h->rule == RULE_AWAY) {
		handoff_world_visit(&s);
		return;
	}
	/* another process may serve what this one does not know of, and the rule lets in */
	if (at == OTHER && letter.kind == HANDOFF_ON_READY && h->stage == HANDOFF_NOWHERE &&
	    h->rule == RULE_PASS) {
		handoff_world_send(&s, at, HANDOFF_ON_GONE, letter.turn);
		handoff_world_visit(&s);
		return;
	}
	if (letter.kind == HANDOFF_ON_OFFER && letter.turn > h->turn)
		h->copy = letter.copy;
	handoff_world_happen(&s, at, letter.kind, letter.turn);
	handoff_world_visit(&s);
}

static void ask(const struct handoff_world *from, int at, enum handoff_event_kind kind)
{
	struct handoff_world s = *from;

	if (kind == HANDOFF_ON_GIVE) {
		s.left.gives--;
		s.hosts[at].asked++;
	} else {
		s.left.closes--;
		s.hosts[at].socket = SOCKET_NONE;
		s.is_told = true;
	}
	handoff_world_happen(&s, at, kind, 0);
	handoff_world_visit(&s);
}

static void die(const struct handoff_world *from, int at)
{
	struct handoff_world s = *from;
	uint8_t rule = s.hosts[at].rule;

	s.left.deaths--;
	s.is_harmed = true;
	s.is_told |= s.hosts[at].socket == SOCKET_LIVE;
	/* or who was to ask the client once more */
	s.is_left |= s.hosts[at].socket == SOCKET_FROZEN || rule == RULE_BLOCK ||
		     s.hosts[at].stage == HANDOFF_ENDING;
	handoff_world_drop_link(&s);
	s.hosts[at] = (struct handoff_world_host){ .rule = rule };
	s.hosts[!at].is_new = true;
	handoff_world_visit(&s);
}

static void bring_link_back(const struct handoff_world *from)
{
	struct handoff_world s = *from;

	s.is_down = false;
	for (int i = 0; i < 2; i++) {
		bool is_new = s.hosts[i].is_new;

		s.hosts[i].is_new = false;
		handoff_world_happen(&s, i, is_new ? HANDOFF_ON_PEER_NEW : HANDOFF_ON_LINK_BACK, 0);
	}
	handoff_world_visit(&s);
}

static void run_out(const struct handoff_world *from, int at)
{
	struct handoff_world s = *from;
	struct handoff_machine machine = { s.hosts[at].stage, s.hosts[at].turn, at == HOME,
					   s.hosts[at].is_linked };

	if (handoff_machine_timer(&machine) == HANDOFF_TIMER_NONE)
		return;
	s.is_harmed |= s.hosts[at].stage != HANDOFF_ENDING && s.hosts[at].stage != HANDOFF_OWNED;
	handoff_world_happen(&s, at, HANDOFF_ON_TIMEOUT, 0);
	handoff_world_visit(&s);
}

static void explore_host(const struct handoff_world *from, int at)
{
	const struct handoff_world_host *h = &from->hosts[at];
	bool can_give = h->socket == SOCKET_LIVE && h->is_linked &&
			(h->stage == HANDOFF_OWNED || h->stage == HANDOFF_NOWHERE);
	struct handoff_world s;

	if (h->step) {
		end_step(from, at);
		return;
	}
	if (h->is_lost) {
		s = *from;
		s.hosts[at].is_lost = false;
		handoff_world_happen(&s, at, HANDOFF_ON_LINK_LOST, 0);
		handoff_world_visit(&s);
	}
	if (h->count)
		deliver(from, at, false);
	if (h->count && from->left.twice)
		deliver(from, at, true);
	if (can_give && from->left.gives)
		ask(from, at, HANDOFF_ON_GIVE);
	if (at == OTHER && h->stage == HANDOFF_OWNED && from->left.closes)
		ask(from, at, HANDOFF_ON_CLOSED);
	run_out(from, at);
}

static void explore(const struct handoff_world *from)
{
	bool is_amid = from->hosts[HOME].step || from->hosts[OTHER].step;

	for (int i = 0; i < 2; i++) {
		explore_host(from, i);
		if (from->left.deaths)
			die(from, i);
	}
	if (!from->is_down && from->left.drops) {
		struct handoff_world s = *from;

		s.left.drops--;
		s.is_harmed = true;
		handoff_world_drop_link(&s);
		handoff_world_visit(&s);
	}
	if (from->is_down && !from->hosts[HOME].is_lost && !from->hosts[OTHER].is_lost && !is_amid)
		bring_link_back(from);
}

/* --- what must hold ---------------------------------------------------------------------------- */

static bool is_at_rest(const struct handoff_world *s)
{
	for (int i = 0; i < 2; i++) {
		const struct handoff_world_host *h = &s->hosts[i];
		struct handoff_machine machine = { h->stage, h->turn, i == HOME, h->is_linked };
		enum handoff_timer timer = handoff_machine_timer(&machine);

		if (h->count || h->step || h->is_lost)
			return false;
		if (h->stage == HANDOFF_ENDING && can_sweep(s, i))
			return false;
		if (timer != HANDOFF_TIMER_NONE && timer != HANDOFF_TIMER_LINGER)
			return false;
	}
	return !s->is_down;
}

/* A rule that blocks lets packets pass when its time is over: then they are answered by a reset. */
static void check_end(const struct handoff_world *s)
{
	const struct handoff_world_host *home = &s->hosts[HOME], *other = &s->hosts[OTHER];

	WORLD_MUST(s, !home->asked && !other->asked);
	WORLD_MUST(s, home->socket != SOCKET_FROZEN && other->socket != SOCKET_FROZEN);
	if (home->socket == SOCKET_LIVE)
		WORLD_MUST(s, home->rule == RULE_NONE);
	else if (other->socket == SOCKET_LIVE)
		WORLD_MUST(s, s->is_told || (home->rule == RULE_AWAY && other->rule == RULE_PASS));
	else if (home->rule == RULE_AWAY)
		WORLD_MUST(s, other->rule != RULE_NONE || s->is_told);
	/* That the agent does, at a block that has ended. */
	if (home->socket == SOCKET_NONE && other->socket == SOCKET_NONE && !s->is_left)
		WORLD_MUST(s, s->is_told);
	if (!s->is_harmed && s->left.closes)
		WORLD_MUST(s, home->socket == SOCKET_LIVE || other->socket == SOCKET_LIVE);
}

static const struct row {
	const char *name;
	struct handoff_budget budget;
} rows[] = {
	{ "all of it",
	  { .gives = 3, .drops = 2, .fails = 1, .closes = 1, .twice = 1, .deaths = 1 } },
	{ "five moves, of which any step takes too long", { .gives = 5 } },
	{ "the connection ends", { .gives = 4, .closes = 1 } },
	{ "two steps fail", { .gives = 3, .fails = 2 } },
	{ "messages come twice", { .gives = 3, .twice = 2 } },
	{ "the link is lost twice", { .gives = 3, .drops = 2 } },
	{ "the link is lost, a step fails, the connection ends",
	  { .gives = 2, .drops = 1, .fails = 1, .closes = 1 } },
	{ "a process dies", { .gives = 3, .deaths = 1 } },
	{ "both processes die", { .gives = 2, .deaths = 2 } },
	{ "a process dies, the link is lost, a message comes twice",
	  { .gives = 2, .deaths = 1, .drops = 1, .twice = 1 } },
};

static void has_one_owner_or_resets(void **data)
{
	const struct row *row = *data;
	struct handoff_world first = { .left = row->budget }, s;
	uint32_t ends = 0;

	handoff_world_open();
	first.hosts[HOME].socket = SOCKET_LIVE;
	first.hosts[HOME].is_linked = first.hosts[OTHER].is_linked = true;
	first.lives = 1;
	handoff_world_visit(&first);
	while (handoff_world_next(&s)) {
		if (is_at_rest(&s)) {
			check_end(&s);
			ends++;
		}
		explore(&s);
	}
	printf("# %u states, %u ends\n", handoff_world_count(), ends);
	assert_true(ends > 1);
	handoff_world_close();
}

/* --- what is left when it has ended ------------------------------------------------------------ */

static const struct over_row {
	const char *name;
	enum handoff_stage stage;
	uint32_t turn;
	bool is_forgotten;
} over_rows[] = {
	{ "that no packet needs a rule is heard after the end", HANDOFF_ENDING, 5, true },
	{ "or of a turn that came to nothing", HANDOFF_ENDING, 6, true },
	{ "or in place of the end", HANDOFF_AWAY, 5, true },
	{ "or before it was said that it is served", HANDOFF_GIVEN, 5, true },
	{ "but not of an older turn", HANDOFF_AWAY, 4, false },
	{ "and not of one that came home", HANDOFF_OWNED, 5, false },
};

static void home_forgets_what_is_over(void **data)
{
	const struct over_row *row = *data;
	struct handoff_machine machine = { row->stage, 5, true, true };
	const struct handoff_event event = { HANDOFF_ON_OVER, row->turn };
	struct handoff_actions actions;

	handoff_machine_step(&machine, &event, &actions);
	assert_int_equal(machine.stage, row->is_forgotten ? HANDOFF_NOWHERE : row->stage);
	assert_int_equal(actions.count > 0 &&
				 actions.list[actions.count - 1].kind == HANDOFF_DO_RELEASE,
			 row->is_forgotten);
}

/* --- a process that had lent what it took ------------------------------------------------------ */

static void home_asks_who_follows(void **data)
{
	struct handoff_machine home = { HANDOFF_AWAY, 5, true, true };
	struct handoff_actions actions;

	(void)data;
	handoff_machine_step(&home, &(struct handoff_event){ HANDOFF_ON_LINK_LOST, 0 }, &actions);
	assert_int_equal(handoff_machine_timer(&home), HANDOFF_TIMER_ABANDON);
	handoff_machine_step(&home, &(struct handoff_event){ HANDOFF_ON_PEER_NEW, 0 }, &actions);
	assert_int_equal(actions.count, 1);
	assert_int_equal(actions.list[0].kind, HANDOFF_SAY_READY);
	assert_int_equal(actions.list[0].turn, 5);
	assert_int_equal(handoff_machine_timer(&home), HANDOFF_TIMER_ABANDON);
	handoff_machine_step(&home, &(struct handoff_event){ HANDOFF_ON_GONE, 5 }, &actions);
	assert_int_equal(actions.count, 1);
	assert_int_equal(actions.list[0].kind, HANDOFF_DO_PROBE);
	/* its rule goes when it is over, or was idle for too long, and not before */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(home.stage, HANDOFF_ENDING);
		assert_int_equal(handoff_machine_timer(&home), HANDOFF_TIMER_LINGER);
		handoff_machine_step(&home, &(struct handoff_event){ HANDOFF_ON_TIMEOUT, 0 },
				     &actions);
		assert_int_equal(actions.count, 1);
		assert_int_equal(actions.list[0].kind, HANDOFF_DO_SWEEP);
		handoff_machine_step(&home,
				     &(struct handoff_event){
					     i ? HANDOFF_ON_STEP_DONE : HANDOFF_ON_STEP_FAILED, 0 },
				     &actions);
		/* nobody is asked: who serves may be silent, and its client with it */
		assert_int_equal(actions.count, 0);
	}
	assert_int_equal(home.stage, HANDOFF_NOWHERE);
}

/* --- any event at any stage -------------------------------------------------------------------- */

static void steps_are_last_and_lists_fit(void **data)
{
	(void)data;
	for (unsigned int stage = 0; stage < HANDOFF_STAGE_COUNT; stage++)
		for (unsigned int n = 0; n < HANDOFF_EVENT_COUNT * 3 * 4; n++) {
			struct handoff_machine machine = { stage, 5, n & 1, n & 2 };
			const struct handoff_event event = { n / 12, 4 + n / 4 % 3 };
			struct handoff_actions actions;

			handoff_machine_step(&machine, &event, &actions);
			assert_true(machine.stage < HANDOFF_STAGE_COUNT);
			assert_true(machine.turn >= 5);
			assert_true(actions.count <= HANDOFF_ACTIONS_MAX);
			for (size_t i = 0; i + 1 < actions.count; i++)
				assert_true(actions.list[i].kind > HANDOFF_DO_SWEEP);
		}
}

/*
 * A connection passes through home to a third host, so a process of home that has ended tells the
 * others nothing of who has it now: they ask the client, and reset nobody.
 */
static void home_may_have_passed_it_on(void **data)
{
	(void)data;
	for (unsigned int stage = 0; stage < HANDOFF_STAGE_COUNT; stage++)
		for (unsigned int kind = HANDOFF_ON_OFFER; kind < HANDOFF_EVENT_COUNT; kind++) {
			struct handoff_machine machine = { stage, 5, false, true };
			struct handoff_actions actions;

			/* steps fail where its own socket is the only one */
			if (kind == HANDOFF_ON_STEP_FAILED || kind == HANDOFF_ON_STEP_LATE)
				continue;
			handoff_machine_step(&machine, &(struct handoff_event){ kind, 5 },
					     &actions);
			for (size_t i = 0; i < actions.count; i++)
				assert_int_not_equal(actions.list[i].kind, HANDOFF_DO_RESET);
		}
}

/* Whoever puts an offer aside first does so only if the machine takes it then. */
static void offers_are_taken_as_was_said(void **data)
{
	(void)data;
	for (unsigned int stage = 0; stage < HANDOFF_STAGE_COUNT; stage++)
		for (unsigned int n = 0; n < 2 * 3; n++) {
			struct handoff_machine machine = { stage, 5, n & 1, true };
			const struct handoff_event offer = { HANDOFF_ON_OFFER, 4 + n / 2 };
			bool takes = handoff_machine_takes(&machine, offer.turn);
			struct handoff_actions actions;

			handoff_machine_step(&machine, &offer, &actions);
			assert_int_equal(machine.turn, takes ? 6 : 5);
			assert_int_equal(machine.stage, takes ? HANDOFF_RESTORING : stage);
		}
}

static const struct late_row {
	const char *name;
	uint32_t turn;
	bool is_taken;
} late_rows[] = {
	{ "the last turn is taken", HANDOFF_TURN_MAX, true },
	{ "one more is not", HANDOFF_TURN_MAX + 1, false },
	{ "nor is one that nothing follows", UINT32_MAX, false },
};

/* Wherever it comes, a turn follows. */
static void an_offer_leaves_turns_to_count(void **data)
{
	const struct late_row *row = *data;

	for (unsigned int n = 0; n < HANDOFF_STAGE_COUNT * 2; n++) {
		struct handoff_machine machine = { n / 2, 5, n & 1, true };
		const struct handoff_machine before = machine;
		const struct handoff_event offer = { HANDOFF_ON_OFFER, row->turn };
		struct handoff_actions actions;

		handoff_machine_step(&machine, &offer, &actions);
		assert_true(machine.turn <= HANDOFF_TURN_MAX);
		if (row->is_taken)
			continue;
		assert_memory_equal(&machine, &before, sizeof(machine));
		assert_int_equal(actions.count, 1);
		assert_int_equal(actions.list[0].kind, HANDOFF_SAY_REFUSE);
		assert_int_equal(actions.list[0].turn, row->turn);
	}
}

static void names_are_all_there(void **data)
{
	(void)data;
	for (unsigned int i = 0; i < HANDOFF_STAGE_COUNT; i++)
		assert_non_null(handoff_stage_name(i));
	assert_string_equal(handoff_stage_name(HANDOFF_ENDING), "ending");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, has_one_owner_or_resets, rows);
	TAP_ADD_TABLE(&plan, home_forgets_what_is_over, over_rows);
	TAP_ADD(&plan, home_asks_who_follows, NULL, NULL);
	TAP_ADD(&plan, steps_are_last_and_lists_fit, NULL, NULL);
	TAP_ADD(&plan, home_may_have_passed_it_on, NULL, NULL);
	TAP_ADD(&plan, offers_are_taken_as_was_said, NULL, NULL);
	TAP_ADD_TABLE(&plan, an_offer_leaves_turns_to_count, late_rows);
	TAP_ADD(&plan, names_are_all_there, NULL, NULL);
	return tap_run(&plan, "the steps of a handoff", 0);
}
