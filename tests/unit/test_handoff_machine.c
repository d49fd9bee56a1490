/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both sides of a handoff in one world, and every order of what may happen in it: messages that
 * are lost with the link, come twice or late, steps that fail, time that is over at any moment,
 * processes that die. In every state: never two sockets that live, never one that goes on from an
 * old copy. At every end: one owner that the client's packets reach, or a reset.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_machine.h"
#include "tests/support/tap.h"

#define WAITING_MAX 12
#define STATES_MAX (1U << 20)

enum {
	HOME,
	OTHER
};
enum socket {
	SOCKET_NONE,
	SOCKET_LIVE,
	SOCKET_FROZEN
};
enum rule {
	RULE_NONE,
	RULE_BLOCK,
	RULE_AWAY,
	RULE_PASS
};

struct letter {
	uint8_t kind; /* enum handoff_event_kind */
	uint8_t turn;
	uint8_t copy; /* of an offer: how often a socket had come to life before */
};

struct host {
	uint8_t stage, turn, is_linked; /* of its machine */
	uint8_t socket, rule, copy;	/* what its socket is a copy of */
	uint8_t step;			/* that it is amid, and 0 */
	uint8_t asked, is_lost, is_new; /* answers owed to the application; not told of the link */
	uint8_t count;
	struct letter waiting[WAITING_MAX]; /* on the way to it */
};

struct budget {
	uint8_t gives, drops, fails, twice, deaths, closes;
};

struct state {
	struct host hosts[2];
	uint8_t lives; /* how often a socket has come to life */
	uint8_t is_down, is_harmed;
	struct budget left;
};

/* --- what was seen already --------------------------------------------------------------------- */

static struct state *states;
static uint32_t *slots, *parents, count, explored;

static uint64_t hash(const struct state *state)
{
	const uint8_t *bytes = (const uint8_t *)state;
	uint64_t sum = 1469598103934665603ULL;

	for (size_t i = 0; i < sizeof(*state); i++)
		sum = (sum ^ bytes[i]) * 1099511628211ULL;
	return sum ^ sum >> 29;
}

static void visit(const struct state *state)
{
	uint32_t at = (uint32_t)hash(state) & (2 * STATES_MAX - 1);

	for (; slots[at]; at = (at + 1) & (2 * STATES_MAX - 1))
		if (!memcmp(&states[slots[at] - 1], state, sizeof(*state)))
			return;
	assert_true(count < STATES_MAX);
	parents[count] = explored;
	states[count++] = *state;
	slots[at] = count;
}

/* --- one host ---------------------------------------------------------------------------------- */

static void describe_one(const struct state *s)
{
	for (int i = 0; i < 2; i++) {
		const struct host *h = &s->hosts[i];

		print_message("%d: %s turn %d linked %d socket %d rule %d step %d asked %d:", i,
			      handoff_stage_name(h->stage), h->turn, h->is_linked, h->socket,
			      h->rule, h->step, h->asked);
		for (int n = 0; n < h->count; n++)
			print_message(" event %d/%d", h->waiting[n].kind, h->waiting[n].turn);
		print_message(i ? "\n\n" : "\n");
	}
}

/* The way there, and where it went wrong. */
static void describe(const struct state *s)
{
	uint32_t way[64], length = 0;

	for (uint32_t at = explored; at && length < 64; at = parents[at])
		way[length++] = at;
	while (length--)
		describe_one(&states[way[length]]);
	describe_one(s);
}

#define MUST(s, condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			describe(s);                                                               \
			fail_msg("%s", #condition);                                                \
		}                                                                                  \
	} while (0)

static void send_letter(struct state *s, int from, enum handoff_event_kind kind, uint32_t turn)
{
	struct host *to = &s->hosts[!from];

	if (s->is_down)
		return;
	MUST(s, to->count < WAITING_MAX);
	to->waiting[to->count++] =
		(struct letter){ (uint8_t)kind, (uint8_t)turn, s->hosts[from].copy };
}

static void come_to_life(struct state *s, int at)
{
	MUST(s, s->hosts[at].copy == s->lives);
	MUST(s, s->hosts[!at].socket != SOCKET_LIVE);
	MUST(s, s->hosts[at].socket == SOCKET_FROZEN);
	s->hosts[at].socket = SOCKET_LIVE;
	s->lives++;
}

static void close_frozen(struct state *s, int at)
{
	MUST(s, s->hosts[at].socket == SOCKET_FROZEN);
	s->hosts[at].socket = SOCKET_NONE;
}

static void carry_out(struct state *s, int at, const struct handoff_action *action)
{
	static const uint8_t letters[HANDOFF_ACTION_COUNT] = {
		[HANDOFF_SAY_OFFER] = HANDOFF_ON_OFFER,	  [HANDOFF_SAY_REFUSE] = HANDOFF_ON_REFUSE,
		[HANDOFF_SAY_ACK] = HANDOFF_ON_ACK,	  [HANDOFF_SAY_READY] = HANDOFF_ON_READY,
		[HANDOFF_SAY_DONE] = HANDOFF_ON_DONE,	  [HANDOFF_SAY_RESET] = HANDOFF_ON_RESET,
		[HANDOFF_SAY_CANCEL] = HANDOFF_ON_CANCEL, [HANDOFF_SAY_GONE] = HANDOFF_ON_GONE,
	};
	struct host *h = &s->hosts[at];

	switch (action->kind) {
	case HANDOFF_DO_CLOSE:
		close_frozen(s, at);
		break;
	case HANDOFF_DO_DROP:
		MUST(s, h->socket != SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		h->rule = at == HOME ? RULE_AWAY : RULE_NONE;
		break;
	case HANDOFF_DO_ABORT:
		MUST(s, h->socket == SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		break;
	case HANDOFF_DO_RESET:
		MUST(s, h->socket != SOCKET_LIVE && s->hosts[!at].socket != SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		break;
	case HANDOFF_DO_RELEASE:
		h->rule = at == HOME ? RULE_NONE : RULE_PASS;
		break;
	case HANDOFF_TELL_KEPT:
		MUST(s, h->socket == SOCKET_LIVE);
		h->asked -= h->asked > 0;
		break;
	case HANDOFF_TELL_GIVEN:
	case HANDOFF_TELL_LOST:
		MUST(s, h->socket == SOCKET_NONE);
		h->asked -= h->asked > 0;
		break;
	case HANDOFF_TELL_TAKEN:
		MUST(s, h->socket == SOCKET_LIVE);
		break;
	default:
		if (letters[action->kind])
			send_letter(s, at, letters[action->kind], action->turn);
		else
			h->step = (uint8_t)(action->kind + 1);
	}
}

static void happen(struct state *s, int at, enum handoff_event_kind kind, uint32_t turn)
{
	struct host *h = &s->hosts[at];
	struct handoff_machine machine = { h->stage, h->turn, at == HOME, h->is_linked };
	const struct handoff_event event = { kind, turn };
	struct handoff_actions actions;

	handoff_machine_step(&machine, &event, &actions);
	/* who is forgotten begins anew with another id, of which no letter tells */
	h->stage = (uint8_t)machine.stage;
	h->turn = (uint8_t)machine.turn;
	h->is_linked = machine.is_linked;
	for (size_t i = 0; i < actions.count; i++)
		carry_out(s, at, &actions.list[i]);
}

/* --- steps, and how they end ------------------------------------------------------------------- */

static void complete(struct state *s, int at, enum handoff_action_kind step)
{
	struct host *h = &s->hosts[at];

	switch (step) {
	case HANDOFF_DO_BLOCK:
		h->rule = RULE_BLOCK;
		break;
	case HANDOFF_DO_CAPTURE:
		MUST(s, h->socket == SOCKET_LIVE);
		h->socket = SOCKET_FROZEN;
		h->copy = s->lives;
		break;
	case HANDOFF_DO_COMMIT:
		h->rule = at == HOME ? RULE_AWAY : RULE_BLOCK;
		break;
	case HANDOFF_DO_UNDO:
		if (h->socket == SOCKET_FROZEN)
			come_to_life(s, at);
		h->rule = at == HOME ? RULE_NONE : RULE_PASS;
		break;
	case HANDOFF_DO_RESTORE:
		MUST(s, h->socket == SOCKET_NONE);
		h->socket = SOCKET_FROZEN;
		break;
	case HANDOFF_DO_PREPARE:
		h->rule = RULE_BLOCK;
		break;
	case HANDOFF_DO_START:
		come_to_life(s, at);
		h->rule = at == HOME ? RULE_NONE : RULE_PASS;
		break;
	default:
		break;
	}
}

/* Home's rule goes when the other socket is closed; the other's long after all that home does. */
static bool can_sweep(const struct state *s, int at)
{
	const struct host *home = &s->hosts[HOME];

	if (at == HOME)
		return s->hosts[OTHER].socket == SOCKET_NONE;
	return home->rule != RULE_AWAY &&
	       (home->stage == HANDOFF_NOWHERE || home->stage == HANDOFF_OWNED);
}

static void end_step(const struct state *from, int at)
{
	enum handoff_action_kind step = from->hosts[at].step - 1U;
	struct state s = *from;

	s.hosts[at].step = 0;
	if (step == HANDOFF_DO_SWEEP) {
		bool is_over = can_sweep(&s, at);

		if (is_over)
			s.hosts[at].rule = RULE_NONE;
		happen(&s, at, is_over ? HANDOFF_ON_STEP_DONE : HANDOFF_ON_STEP_FAILED, 0);
		visit(&s);
		return;
	}
	complete(&s, at, step);
	happen(&s, at, HANDOFF_ON_STEP_DONE, 0);
	visit(&s);
	/* to lift a block cannot fail: its time would be over */
	if (!from->left.fails ||
	    (step == HANDOFF_DO_UNDO && from->hosts[at].socket != SOCKET_FROZEN))
		return;
	s = *from;
	s.hosts[at].step = 0;
	s.left.fails--;
	s.is_harmed = true;
	happen(&s, at, HANDOFF_ON_STEP_FAILED, 0);
	visit(&s);
	if (step != HANDOFF_DO_COMMIT)
		return;
	s = *from;
	s.hosts[at].step = 0;
	s.left.fails--;
	s.is_harmed = true;
	complete(&s, at, step);
	happen(&s, at, HANDOFF_ON_STEP_LATE, 0);
	visit(&s);
}

/* --- what may happen next ---------------------------------------------------------------------- */

static void deliver(const struct state *from, int at, bool is_kept)
{
	struct state s = *from;
	struct host *h = &s.hosts[at];
	struct letter letter = h->waiting[0];

	if (is_kept) {
		s.left.twice--;
	} else {
		memmove(&h->waiting[0], &h->waiting[1], sizeof(letter) * (WAITING_MAX - 1));
		h->waiting[--h->count] = (struct letter){};
	}
	/* home takes back what its rule leads away, whether its process knows of it or not */
	if (at == HOME && letter.kind == HANDOFF_ON_OFFER && h->stage == HANDOFF_NOWHERE &&
	    h->rule != RULE_AWAY) {
		send_letter(&s, at, HANDOFF_ON_REFUSE, letter.turn);
		visit(&s);
		return;
	}
	if (letter.kind == HANDOFF_ON_OFFER && letter.turn > h->turn)
		h->copy = letter.copy;
	happen(&s, at, letter.kind, letter.turn);
	visit(&s);
}

static void ask(const struct state *from, int at, enum handoff_event_kind kind)
{
	struct state s = *from;

	if (kind == HANDOFF_ON_GIVE) {
		s.left.gives--;
		s.hosts[at].asked++;
	} else {
		s.left.closes--;
		s.hosts[at].socket = SOCKET_NONE;
	}
	happen(&s, at, kind, 0);
	visit(&s);
}

static void drop_link(struct state *s)
{
	s->is_down = true;
	for (int i = 0; i < 2; i++) {
		s->hosts[i].is_lost = true;
		s->hosts[i].count = 0;
		memset(s->hosts[i].waiting, 0, sizeof(s->hosts[i].waiting));
	}
}

static void die(const struct state *from, int at)
{
	struct state s = *from;
	uint8_t rule = s.hosts[at].rule;

	s.left.deaths--;
	s.is_harmed = true;
	drop_link(&s);
	s.hosts[at] = (struct host){ .rule = rule };
	s.hosts[!at].is_new = true;
	visit(&s);
}

static void bring_link_back(const struct state *from)
{
	struct state s = *from;

	s.is_down = false;
	for (int i = 0; i < 2; i++) {
		bool is_new = s.hosts[i].is_new;

		s.hosts[i].is_new = false;
		happen(&s, i, is_new ? HANDOFF_ON_PEER_NEW : HANDOFF_ON_LINK_BACK, 0);
	}
	visit(&s);
}

static void run_out(const struct state *from, int at)
{
	struct state s = *from;
	struct handoff_machine machine = { s.hosts[at].stage, s.hosts[at].turn, at == HOME,
					   s.hosts[at].is_linked };

	if (handoff_machine_timer(&machine) == HANDOFF_TIMER_NONE)
		return;
	s.is_harmed |= s.hosts[at].stage != HANDOFF_ENDING && s.hosts[at].stage != HANDOFF_OWNED;
	happen(&s, at, HANDOFF_ON_TIMEOUT, 0);
	visit(&s);
}

static void explore_host(const struct state *from, int at)
{
	const struct host *h = &from->hosts[at];
	bool can_give = h->socket == SOCKET_LIVE && h->is_linked &&
			(h->stage == HANDOFF_OWNED || h->stage == HANDOFF_NOWHERE);
	struct state s;

	if (h->step) {
		end_step(from, at);
		return;
	}
	if (h->is_lost) {
		s = *from;
		s.hosts[at].is_lost = false;
		happen(&s, at, HANDOFF_ON_LINK_LOST, 0);
		visit(&s);
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

static void explore(const struct state *from)
{
	bool is_amid = from->hosts[HOME].step || from->hosts[OTHER].step;

	for (int i = 0; i < 2; i++) {
		explore_host(from, i);
		if (from->left.deaths)
			die(from, i);
	}
	if (!from->is_down && from->left.drops) {
		struct state s = *from;

		s.left.drops--;
		s.is_harmed = true;
		drop_link(&s);
		visit(&s);
	}
	if (from->is_down && !from->hosts[HOME].is_lost && !from->hosts[OTHER].is_lost && !is_amid)
		bring_link_back(from);
}

/* --- what must hold ---------------------------------------------------------------------------- */

static bool is_at_rest(const struct state *s)
{
	for (int i = 0; i < 2; i++) {
		const struct host *h = &s->hosts[i];
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
static void check_end(const struct state *s)
{
	const struct host *home = &s->hosts[HOME], *other = &s->hosts[OTHER];

	MUST(s, !home->asked && !other->asked);
	MUST(s, home->socket != SOCKET_FROZEN && other->socket != SOCKET_FROZEN);
	if (home->socket == SOCKET_LIVE)
		MUST(s, home->rule == RULE_NONE);
	else if (other->socket == SOCKET_LIVE)
		MUST(s, s->is_harmed || (home->rule == RULE_AWAY && other->rule == RULE_PASS));
	else if (home->rule == RULE_AWAY)
		MUST(s, other->rule != RULE_NONE);
	if (!s->is_harmed && s->left.closes)
		MUST(s, home->socket == SOCKET_LIVE || other->socket == SOCKET_LIVE);
}

static const struct world {
	const char *name;
	struct budget budget;
} worlds[] = {
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
	const struct world *world = *data;
	struct state first = { .left = world->budget };
	uint32_t ends = 0;

	states = malloc(sizeof(*states) * STATES_MAX);
	parents = malloc(sizeof(*parents) * STATES_MAX);
	slots = calloc(2 * (size_t)STATES_MAX, sizeof(*slots));
	assert_non_null(states);
	assert_non_null(parents);
	assert_non_null(slots);
	count = explored = 0;
	first.hosts[HOME].socket = SOCKET_LIVE;
	first.hosts[HOME].is_linked = first.hosts[OTHER].is_linked = true;
	first.lives = 1;
	visit(&first);
	for (explored = 0; explored < count; explored++) {
		struct state s = states[explored];

		if (is_at_rest(&s)) {
			check_end(&s);
			ends++;
		}
		explore(&s);
	}
	printf("# %u states, %u ends\n", count, ends);
	assert_true(ends > 1);
	free(states);
	free(parents);
	free(slots);
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

static void names_are_all_there(void **data)
{
	(void)data;
	for (unsigned int i = 0; i < HANDOFF_STAGE_COUNT; i++)
		assert_non_null(handoff_stage_name(i));
	for (unsigned int i = 0; i < HANDOFF_ACTION_COUNT; i++)
		assert_non_null(handoff_action_name(i));
	assert_string_equal(handoff_action_name(HANDOFF_TELL_TAKEN), "taken");
	assert_string_equal(handoff_stage_name(HANDOFF_ENDING), "ending");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, has_one_owner_or_resets, worlds);
	TAP_ADD(&plan, steps_are_last_and_lists_fit, NULL, NULL);
	TAP_ADD(&plan, names_are_all_there, NULL, NULL);
	return tap_run(&plan, "the steps of a handoff", 0);
}
