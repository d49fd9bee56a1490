/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

void slot_config_escape(const char *text, char ret[SLOT_CONFIG_SHOWN_MAX])
{
	/* the longest escape, the dots and the NUL still fit behind `last` */
	const size_t last = SLOT_CONFIG_SHOWN_MAX - 8;
	size_t used = 0;

	for (; *text && used <= last; text++) {
		unsigned char c = *text;

		if (c >= 0x20 && c < 0x7f)
			ret[used++] = (char)c;
		else
			used += sprintf(ret + used, "\\x%02x", c);
	}
	strcpy(ret + used, *text ? "..." : "");
}

static void add_text(struct slot_config_errors *errors, unsigned int line, char *text)
{
	struct slot_config_error *items;

	items = reallocarray(errors->items, errors->count + 1, sizeof(*items));
	if (!items) {
		errors->no_memory = true;
		free(text);
		return;
	}
	errors->items = items;
	items[errors->count] = (struct slot_config_error){ line, errors->count, text };
	errors->count++;
}

static void add_formatted(struct slot_config_errors *errors, unsigned int line, const char *key,
			  const char *state, const char *accepted, va_list args)
	__attribute__((format(printf, 5, 0)));

static void add_formatted(struct slot_config_errors *errors, unsigned int line, const char *key,
			  const char *state, const char *accepted, va_list args)
{
	_cleanup_free_ char *words = NULL;
	char shown_key[SLOT_CONFIG_SHOWN_MAX];
	char *text;

	if (errors->count >= SLOT_CONFIG_ERRORS_MAX) {
		errors->is_full = true;
		return;
	}
	slot_config_escape(key, shown_key);
	if (vasprintf(&words, accepted, args) < 0) {
		words = NULL;
		errors->no_memory = true;
		return;
	}
	if (asprintf(&text, "%s:%u: %s: %s: expected %s", errors->file, line, shown_key, state,
		     words) < 0) {
		errors->no_memory = true;
		return;
	}
	add_text(errors, line, text);
}

void slot_config_errors_add(struct slot_config_errors *errors, unsigned int line, const char *key,
			    const char *state, const char *accepted, ...)
{
	va_list args;

	va_start(args, accepted);
	add_formatted(errors, line, key, state, accepted, args);
	va_end(args);
}

void slot_config_errors_add_value(struct slot_config_errors *errors, unsigned int line,
				  const char *key, const char *value, const char *accepted, ...)
{
	char shown[SLOT_CONFIG_SHOWN_MAX];
	char state[SLOT_CONFIG_SHOWN_MAX + 2];
	va_list args;

	slot_config_escape(value, shown);
	snprintf(state, sizeof(state), "\"%s\"", shown);
	va_start(args, accepted);
	add_formatted(errors, line, key, state, accepted, args);
	va_end(args);
}

void slot_config_errors_del_from(struct slot_config_errors *errors, size_t count)
{
	while (errors->count > count)
		free(errors->items[--errors->count].text);
	errors->is_full = errors->is_full && errors->count >= SLOT_CONFIG_ERRORS_MAX;
}

void slot_config_errors_free(struct slot_config_errors *errors)
{
	slot_config_errors_del_from(errors, 0);
	free(errors->items);
	errors->items = NULL;
}

static int compare_errors(const void *pa, const void *pb)
{
	const struct slot_config_error *a = pa;
	const struct slot_config_error *b = pb;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The same line twice, since a file that is read in several passes meets some errors again. */
static bool is_repeated(const struct slot_config_errors *errors, size_t index)
{
	const struct slot_config_error *items = errors->items;

	for (size_t i = index; i-- > 0 && items[i].line == items[index].line;) {
		if (!strcmp(items[i].text, items[index].text))
			return true;
	}
	return false;
}

int slot_config_errors_format(struct slot_config_errors *errors, struct slot_reasons *list)
{
	if (errors->no_memory)
		return -ENOMEM;
	if (errors->count)
		qsort(errors->items, errors->count, sizeof(*errors->items), compare_errors);
	for (size_t i = 0; i < errors->count; i++) {
		if (!is_repeated(errors, i) && slot_reasons_add(list, "%s", errors->items[i].text))
			return -ENOMEM;
	}
	if (errors->is_full)
		return slot_reasons_add(list, "%s:%u: text: more than %d errors: %s", errors->file,
					errors->items[errors->count - 1].line,
					SLOT_CONFIG_ERRORS_MAX, "these mended first");
	return 0;
}
