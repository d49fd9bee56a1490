/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose client is asked at which look, where there is no room for all who are in doubt: each at
 * three rounds, and nobody a second time before all others were. A round takes one look, or as many
 * as it needs. Pure.
 *
 * Those who had their turn are told by their number, as the table's order is the same at each look
 * but for who comes and goes: that may cost one of them one of the three.
 */
#ifndef HANDOFF_TURNS_H
#define HANDOFF_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define HANDOFF_TURNS_ROUNDS 3

/* All 0 at first. */
struct handoff_turns {
	__u64 begun_ns[HANDOFF_TURNS_ROUNDS + 1]; /* the last rounds, this one first; 0: none yet */
	size_t done;		  /* that had their turn in this round, at looks before */
	size_t room, seen, taken; /* at this look */
	bool is_late;		  /* the round goes on at the next look */
};

/* handoff_turns_begin - a look begins, at which there is room for @room. */
void handoff_turns_begin(struct handoff_turns *turns, size_t room, __u64 now_ns);

/* handoff_turns_since - who is in doubt since then is so for three rounds. 0: since ever. */
__u64 handoff_turns_since(const struct handoff_turns *turns);

/* handoff_turns_take - whether it is the turn of the next one who is in doubt. */
bool handoff_turns_take(struct handoff_turns *turns);

#endif
