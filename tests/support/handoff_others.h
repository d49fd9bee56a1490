/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process of libhandoff_host, with real sockets and rules, and what the test says to it as the
 * other hosts, "first" and "second". For one test at a time; fails by cmocka.
 */
#ifndef TEST_HANDOFF_OTHERS_H
#define TEST_HANDOFF_OTHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_host.h"
#include "programs/handoff/lib/peer/handoff_message.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/program_bed.h"
#include "tests/support/tap.h"

#define HANDOFF_OTHERS_ID 0xabc1	    /* of what is taken */
#define HANDOFF_OTHERS_TAKER "198.51.100.7" /* who may be led packets to */
#define HANDOFF_OTHERS_WAIT_MS 20000
#define HANDOFF_OTHER_MAX 65536

/* Another host, as far as it is there. */
struct handoff_other {
	int fd;
	size_t length;
	uint8_t bytes[HANDOFF_OTHER_MAX];
};

extern struct handoff_others {
	struct program_bed maps;
	struct handoff_bed bed;
	struct handoff_rules rules;
	struct handoff_host *host;
	struct handoff_other first, second;
	struct handoff_state *state; /* of the last REQUEST that was heard, or captured */
	int taken_fd, kept_fd, ends; /* what the application has heard */
	uint64_t taken_id;
	uint32_t beat_ms;    /* that the others promise */
	uint8_t versions[2]; /* the first and the last that they speak */
} handoff_others;

/* Long enough for a slow machine, but for linger: a rule is looked at so often. */
extern const struct handoff_host_times handoff_others_times;

/* handoff_others_open, _close - set up and tear down of a test; _open_with: other times. */
int handoff_others_open(void **data);
void handoff_others_open_with(const struct handoff_host_times *times);
int handoff_others_close(void **data);

/* handoff_others_run - as an application's loop does: not unless its descriptor says so. */
void handoff_others_run(int64_t ms);

#define HANDOFF_OTHERS_UNTIL(condition)                                                            \
	do {                                                                                       \
		int64_t until = slot_clock_ms() + HANDOFF_OTHERS_WAIT_MS;                          \
		bool is_so;                                                                        \
		while (!(is_so = (condition)) && slot_clock_ms() < until)                          \
			handoff_others_run(5);                                                     \
		assert_true(is_so);                                                                \
	} while (0)

struct sockaddr_storage handoff_others_address(const char *text, uint16_t port);
struct handoff_place handoff_others_place(const struct sockaddr_storage *address);

/* handoff_others_take - this host serves one, the first other one is its home; _begin: is about to. */
void handoff_others_begin(void);
void handoff_others_take(void);

/*
 * handoff_others_give - this host is the home of one, which it gives to the first, and which is
 * served there; _ready: of which it has said READY. Return its id.
 */
uint64_t handoff_others_ready(void);
uint64_t handoff_others_give(void);

/* handoff_others_rule - one of this host's rules, if there is one. */
struct handoff_others_rule {
	struct handoff_key key;
	struct handoff_rule rule;
	bool is_there;
};
struct handoff_others_rule handoff_others_rule(void);

/* --- other hosts ------------------------------------------------------------------------------- */

int handoff_other_dial(void);

/* handoff_other_hello - dial and say who it is; _greet: and be known. */
void handoff_other_hello(struct handoff_other *other, const char *name);
void handoff_other_greet(struct handoff_other *other, const char *name);

void handoff_other_say(const struct handoff_other *other, const struct handoff_message *message);

/* handoff_other_word - a message without a body. */
void handoff_other_word(const struct handoff_other *other, enum handoff_message_type type,
			uint64_t id, uint32_t turn);

/* handoff_other_hear - the next one of @type; those before it are lost. */
struct handoff_message handoff_other_hear(struct handoff_other *other,
					  enum handoff_message_type type);

/* handoff_other_offer - REQUEST or BACK, with the state that was heard last. */
void handoff_other_offer(const struct handoff_other *other, enum handoff_message_type type,
			 uint64_t id, uint32_t turn, const char *onward);

#endif
