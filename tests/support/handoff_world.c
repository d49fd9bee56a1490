/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/handoff_world.h"

#include <stdlib.h>
#include <string.h>

#define STATES_MAX (1U << 20)

/* --- what was seen already ------------------------------------------------------------------- */

static struct handoff_world *states;
static uint32_t *slots, *parents, count, explored, next;

void handoff_world_open(void)
{
	states = malloc(sizeof(*states) * STATES_MAX);
	parents = malloc(sizeof(*parents) * STATES_MAX);
	slots = calloc(2 * (size_t)STATES_MAX, sizeof(*slots));
	assert_non_null(states);
	assert_non_null(parents);
	assert_non_null(slots);
	count = explored = next = 0;
}

void handoff_world_close(void)
{
	free(states);
	free(parents);
	free(slots);
}

static uint64_t hash(const struct handoff_world *state)
{
	const uint8_t *bytes = (const uint8_t *)state;
	uint64_t sum = 1469598103934665603ULL;

	for (size_t i = 0; i < sizeof(*state); i++)
		sum = (sum ^ bytes[i]) * 1099511628211ULL;
	return sum ^ sum >> 29;
}

void handoff_world_visit(const struct handoff_world *state)
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

bool handoff_world_next(struct handoff_world *ret_s)
{
	if (next == count)
		return false;
	explored = next++;
	*ret_s = states[explored];
	return true;
}

uint32_t handoff_world_count(void)
{
	return count;
}

/* --- how a state came about ------------------------------------------------------------------ */

static void describe_one(const struct handoff_world *s)
{
	for (int i = 0; i < 2; i++) {
		const struct handoff_world_host *h = &s->hosts[i];

		print_message("%d: %s turn %d linked %d socket %d rule %d step %d asked %d:", i,
			      handoff_stage_name(h->stage), h->turn, h->is_linked, h->socket,
			      h->rule, h->step, h->asked);
		for (int n = 0; n < h->count; n++)
			print_message(" event %d/%d", h->waiting[n].kind, h->waiting[n].turn);
		print_message(i ? "\n\n" : "\n");
	}
}

/* The way there, and where it went wrong. */
void handoff_world_describe(const struct handoff_world *s)
{
	uint32_t way[64], length = 0;

	for (uint32_t at = explored; at && length < 64; at = parents[at])
		way[length++] = at;
	while (length--)
		describe_one(&states[way[length]]);
	describe_one(s);
}

/* --- one host -------------------------------------------------------------------------------- */

void handoff_world_send(struct handoff_world *s, int from, enum handoff_event_kind kind,
			uint32_t turn)
{
	struct handoff_world_host *to = &s->hosts[!from];

	if (s->is_down)
		return;
	WORLD_MUST(s, to->count < WAITING_MAX);
	to->waiting[to->count++] =
		(struct handoff_letter){ (uint8_t)kind, (uint8_t)turn, s->hosts[from].copy };
}

static void come_to_life(struct handoff_world *s, int at)
{
	WORLD_MUST(s, s->hosts[at].copy == s->lives);
	WORLD_MUST(s, s->hosts[!at].socket != SOCKET_LIVE);
	WORLD_MUST(s, s->hosts[at].socket == SOCKET_FROZEN);
	s->hosts[at].socket = SOCKET_LIVE;
	s->lives++;
	s->is_told = s->is_left = false;
}

static void close_frozen(struct handoff_world *s, int at)
{
	WORLD_MUST(s, s->hosts[at].socket == SOCKET_FROZEN);
	s->hosts[at].socket = SOCKET_NONE;
}

/* Where the client's packets go: no rule that blocks does so for longer than what is asked after. */
static bool has_no_socket(const struct handoff_world *s)
{
	const struct handoff_world_host *home = &s->hosts[HOME], *other = &s->hosts[OTHER];

	if (home->rule != RULE_AWAY)
		return home->socket == SOCKET_NONE;
	return other->socket == SOCKET_NONE && other->rule != RULE_NONE;
}

static void carry_out(struct handoff_world *s, int at, const struct handoff_action *action)
{
	static const uint8_t letters[HANDOFF_ACTION_COUNT] = {
		[HANDOFF_SAY_OFFER] = HANDOFF_ON_OFFER,	  [HANDOFF_SAY_REFUSE] = HANDOFF_ON_REFUSE,
		[HANDOFF_SAY_ACK] = HANDOFF_ON_ACK,	  [HANDOFF_SAY_READY] = HANDOFF_ON_READY,
		[HANDOFF_SAY_DONE] = HANDOFF_ON_DONE,	  [HANDOFF_SAY_RESET] = HANDOFF_ON_RESET,
		[HANDOFF_SAY_CANCEL] = HANDOFF_ON_CANCEL, [HANDOFF_SAY_GONE] = HANDOFF_ON_GONE,
		[HANDOFF_SAY_OVER] = HANDOFF_ON_OVER,
	};
	struct handoff_world_host *h = &s->hosts[at];

	switch (action->kind) {
	case HANDOFF_DO_CLOSE:
		close_frozen(s, at);
		break;
	case HANDOFF_DO_DROP:
		WORLD_MUST(s, h->socket != SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		h->rule = at == HOME ? RULE_AWAY : RULE_NONE;
		break;
	case HANDOFF_DO_ABORT:
		WORLD_MUST(s, h->socket == SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		s->is_told = true;
		break;
	case HANDOFF_DO_RESET:
		WORLD_MUST(s, h->socket != SOCKET_LIVE && s->hosts[!at].socket != SOCKET_LIVE);
		h->socket = SOCKET_NONE;
		s->is_told = true;
		break;
	case HANDOFF_DO_PROBE:
		WORLD_MUST(s, h->socket == SOCKET_NONE);
		s->is_told |= has_no_socket(s);
		break;
	case HANDOFF_DO_RELEASE:
		h->rule = at == HOME ? RULE_NONE : RULE_PASS;
		break;
	case HANDOFF_TELL_KEPT:
		WORLD_MUST(s, h->socket == SOCKET_LIVE);
		h->asked -= h->asked > 0;
		break;
	case HANDOFF_TELL_GIVEN:
	case HANDOFF_TELL_LOST:
		WORLD_MUST(s, h->socket == SOCKET_NONE);
		h->asked -= h->asked > 0;
		break;
	case HANDOFF_TELL_TAKEN:
		WORLD_MUST(s, h->socket == SOCKET_LIVE);
		break;
	default:
		if (letters[action->kind])
			handoff_world_send(s, at, letters[action->kind], action->turn);
		else
			h->step = (uint8_t)(action->kind + 1);
	}
}

void handoff_world_happen(struct handoff_world *s, int at, enum handoff_event_kind kind,
			  uint32_t turn)
{
	struct handoff_world_host *h = &s->hosts[at];
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

/* --- steps, and how they end ----------------------------------------------------------------- */

void handoff_world_complete(struct handoff_world *s, int at, enum handoff_action_kind step)
{
	struct handoff_world_host *h = &s->hosts[at];

	switch (step) {
	case HANDOFF_DO_BLOCK:
		h->rule = RULE_BLOCK;
		break;
	case HANDOFF_DO_CAPTURE:
		WORLD_MUST(s, h->socket == SOCKET_LIVE);
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
		WORLD_MUST(s, h->socket == SOCKET_NONE);
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

void handoff_world_drop_link(struct handoff_world *s)
{
	s->is_down = true;
	for (int i = 0; i < 2; i++) {
		s->hosts[i].is_lost = true;
		s->hosts[i].count = 0;
		memset(s->hosts[i].waiting, 0, sizeof(s->hosts[i].waiting));
	}
}
