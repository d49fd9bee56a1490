/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a slots.conf, made fit for libconfuse. */
#ifndef SLOT_CONFIG_TEXT_H
#define SLOT_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/config/errors.h"

/*
 * A key that no file can hold unquoted stands behind the end of the text:
 * libconfuse 3.3 closes every open section silently at the end of a file, so
 * where it meets this key tells what was left open.
 */
#define SLOT_CONFIG_END_KEY "\004"

struct slot_config_text {
	char *text;
	unsigned int lines;
	bool is_cut; /* an open comment took the rest away */
};

/*
 * slot_config_text_load - copy @len bytes of @text without comments, closing
 * strings that run over the end of their line.
 *
 * libconfuse 3.3 counts the line of a comment up to three times and reads
 * ${NAME} as an environment variable; both end here. What the text may not
 * hold goes to @errors, and a harmless stand-in into the copy, so that the rest
 * is still judged. @ret_text: free(text). Returns 0 or -ENOMEM.
 */
int slot_config_text_load(const char *text, size_t len, struct slot_config_errors *errors,
			  struct slot_config_text *ret_text);

/* slot_config_text_is_valid - UTF-8 without control characters. */
bool slot_config_text_is_valid(const char *text);

#endif
