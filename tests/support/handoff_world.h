/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Both sides of a handoff in one world: their machines, sockets and rules, what is on the way
 * between them, and the states of all of it that were seen. Fails by cmocka where a step breaks
 * what must hold in every state. For one test at a time.
 */
#ifndef TEST_HANDOFF_WORLD_H
#define TEST_HANDOFF_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "programs/handoff/lib/peer/handoff_machine.h"
#include "tests/support/tap.h"

#define WAITING_MAX 16

enum {
	HOME,
	OTHER
};
enum handoff_world_socket {
	SOCKET_NONE,
	SOCKET_LIVE,
	SOCKET_FROZEN
};
enum handoff_world_rule {
	RULE_NONE,
	RULE_BLOCK,
	RULE_AWAY,
	RULE_PASS
};

struct handoff_letter {
	uint8_t kind; /* enum handoff_event_kind */
	uint8_t turn;
	uint8_t copy; /* of an offer: how often a socket had come to life before */
};

struct handoff_world_host {
	uint8_t stage, turn, is_linked; /* of its machine */
	uint8_t socket, rule, copy;	/* what its socket is a copy of */
	uint8_t step;			/* that it is amid, and 0 */
	uint8_t asked, is_lost, is_new; /* answers owed to the application; not told of the link */
	uint8_t count;
	struct handoff_letter waiting[WAITING_MAX]; /* on the way to it */
};

struct handoff_budget {
	uint8_t gives, drops, fails, twice, deaths, closes;
};

struct handoff_world {
	struct handoff_world_host hosts[2];
	uint8_t lives;	 /* how often a socket has come to life */
	uint8_t is_told; /* the client heard of an end, or of a reset, of the last of them */
	uint8_t is_left; /* a socket went with its process, frozen: nobody else may know */
	uint8_t is_down, is_harmed;
	struct handoff_budget left;
};

/* handoff_world_open - nothing was seen yet. */
void handoff_world_open(void);
void handoff_world_close(void);

/* handoff_world_visit - keep @s to be explored, unless it was seen already. */
void handoff_world_visit(const struct handoff_world *s);

/* handoff_world_next - a state that was not explored yet; what is visited next comes from it. */
bool handoff_world_next(struct handoff_world *ret_s);

/* handoff_world_count - how many states were seen. */
uint32_t handoff_world_count(void);

/* handoff_world_describe - print @s, and the states that led to it. */
void handoff_world_describe(const struct handoff_world *s);

/* handoff_world_send - a message is on the way from @from, if there is a link. */
void handoff_world_send(struct handoff_world *s, int from, enum handoff_event_kind kind,
			uint32_t turn);

/* handoff_world_happen - the machine of @at hears of it, and all but steps is carried out. */
void handoff_world_happen(struct handoff_world *s, int at, enum handoff_event_kind kind,
			  uint32_t turn);

/* handoff_world_complete - @step is done at @at; its machine is not told. */
void handoff_world_complete(struct handoff_world *s, int at, enum handoff_action_kind step);

/* handoff_world_drop_link - and what is on the way; the hosts hear of it later. */
void handoff_world_drop_link(struct handoff_world *s);

#define WORLD_MUST(s, condition)                                                                   \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			handoff_world_describe(s);                                                 \
			fail_msg("%s", #condition);                                                \
		}                                                                                  \
	} while (0)

#endif
