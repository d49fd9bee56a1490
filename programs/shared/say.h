/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program that runs for long says on stderr of what goes on for long. */
#ifndef PROGRAM_SAY_H
#define PROGRAM_SAY_H

#include <linux/types.h>

struct program_trouble {
	char text[512]; /* "": it is over */
	__u64 said_ms;
	__u64 met_ms;
};

/* program_say_state - a line; the same one not again as long as it goes on. */
void program_say_state(struct program_trouble *trouble, const char *text, __u64 now_ms);
/* program_say_trouble - so, but the same one again after some minutes. */
void program_say_trouble(struct program_trouble *trouble, const char *text, __u64 now_ms);
/* program_say_over - if it was said. */
void program_say_over(struct program_trouble *trouble);

/*
 * Of what comes and goes with every packet. program_say_kind - a line, unless one was said of
 * this trouble, in whatever words, and it is not over. program_say_calm - it is over, if it was
 * said and has not been met for a minute.
 */
void program_say_kind(struct program_trouble *trouble, const char *text, __u64 now_ms);
void program_say_calm(struct program_trouble *trouble, __u64 now_ms);

#endif
