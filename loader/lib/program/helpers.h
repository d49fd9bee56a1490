/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the code of a loaded object asks of the kernel. */
#ifndef SLOT_PROGRAM_HELPERS_H
#define SLOT_PROGRAM_HELPERS_H

#include "loader/lib/config/limits.h"
#include "loader/lib/program/program.h"

#define SLOT_HELPERS_MAX 256

struct slot_helper {
	const char *name; /* static: "bpf_redirect_map" */
	enum slot_helper_class kind;
};

struct slot_helper_list {
	struct slot_helper items[SLOT_HELPERS_MAX]; /* each once */
	unsigned int count;
};

/*
 * slot_program_helpers_list - the helpers, kernel functions and kernel variables
 * that the loaded @program names: its entry with all subprograms, and whatever
 * else of its object was loaded because a tail call may lead there. What stands
 * in code that the verifier finds unreachable counts, too. Empty for a program
 * that was taken over from a pin.
 */
void slot_program_helpers_list(const struct slot_program *program,
			       struct slot_helper_list *ret_list);

#endif
