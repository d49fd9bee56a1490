/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What roots of different kinds differ in. Pure. */
#ifndef ROOT_KIND_H
#define ROOT_KIND_H

#include "dispatcher/root.h"

/* Answers of programs that mean the same. */
struct root_answers {
	__s32 answers[3];
	unsigned int count; /* 0: behind the last */
	__s32 verdict;
};

#define ROOT_ANSWERS_MAX 3

struct root_kind_facts {
	/* The context's struct: the kernel knows it by this name, so it needs no members. */
	const char *context;
	size_t context_size;
	__s16 set_offset; /* of a field of 32 bits in it that is never 0 and never negative */
	/*
	 * A run may interrupt another on the same CPU: sockets have their programs run by
	 * processes too, and packets come in between. Such a root counts atomically.
	 */
	bool is_nesting;
	/* What programs answer, where that is no verdict; other answers are denied. */
	struct root_answers known[ROOT_ANSWERS_MAX];
	__s32 leaves[ROOT_VERDICTS]; /* with what the root returns for a verdict */
};

/* slot_root_kind_get - the facts of @kind; they live as long as the process. */
const struct root_kind_facts *slot_root_kind_get(enum root_kind kind);

#endif
