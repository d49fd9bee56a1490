/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The errors of one slots.conf while it is read, each with its line. */
#ifndef SLOT_CONFIG_ERRORS_H
#define SLOT_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"

/* Nobody who has this many to mend is helped by more; it also bounds the work. */
#define SLOT_CONFIG_ERRORS_MAX 100

/* Room for a value in a message: longer ones end in "...". */
#define SLOT_CONFIG_SHOWN_MAX 64

struct slot_config_error {
	unsigned int line;
	size_t order; /* in which they were found, for those of one line */
	char *text;
};

struct slot_config_errors {
	const char *file; /* named in front of each; borrowed */
	struct slot_config_error *items;
	size_t count;
	bool is_full;
	bool no_memory;
};

/* slot_config_errors_add - @key on @line: @state in plain words, and what would be accepted. */
void slot_config_errors_add(struct slot_config_errors *errors, unsigned int line, const char *key,
			    const char *state, const char *accepted, ...)
	__attribute__((format(printf, 5, 6)));

/* slot_config_errors_add_value - the same about a value, which is quoted and made printable. */
void slot_config_errors_add_value(struct slot_config_errors *errors, unsigned int line,
				  const char *key, const char *value, const char *accepted, ...)
	__attribute__((format(printf, 5, 6)));

/* slot_config_errors_del_from - forget all but the first @count. */
void slot_config_errors_del_from(struct slot_config_errors *errors, size_t count);
void slot_config_errors_free(struct slot_config_errors *errors);

/* slot_config_errors_format - append them to @list, sorted, each once. Returns 0 or -ENOMEM. */
int slot_config_errors_format(struct slot_config_errors *errors, struct slot_reasons *list);

/* slot_config_escape - @text made printable ("\x1b"), cut to fit. */
void slot_config_escape(const char *text, char ret[SLOT_CONFIG_SHOWN_MAX]);

#endif
