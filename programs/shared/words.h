/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a command: verbs of its own (`slotctl lb vip add`), and name=value. Pure. */
#ifndef PROGRAM_WORDS_H
#define PROGRAM_WORDS_H

#include "programs/cli.h"

struct program_verb {
	const char *name; /* NULL: the end of the table */
	/* @argv: the @argc words behind the verb. */
	int (*run)(const struct program_context *ctx, int argc, char **argv);
};

/* program_verb_run - run the one of @verbs that argv[0] names; PROGRAM_USAGE for none. */
int program_verb_run(const struct program_verb *verbs, const struct program_context *ctx, int argc,
		     char **argv);

/* program_word_value - the rest of @word, and in it, if it is `name=value`; else NULL. */
const char *program_word_value(const char *word, const char *name);

#endif
