/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

int slot_reason_set(struct slot_reason *why, int err, const char *fmt, ...)
{
	char text[sizeof(why->text)]; /* the arguments may point into @why */
	va_list args;

	if (!why)
		return err;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(why->text, text, sizeof(text));
	return err;
}

int slot_reason_prefix(struct slot_reason *why, int err, const char *fmt, ...)
{
	char text[sizeof(why->text)];
	va_list args;
	size_t len;

	if (!why)
		return err;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "%s", why->text);
	memcpy(why->text, text, sizeof(text));
	return err;
}

int slot_reason_append(struct slot_reason *why, int err, const char *fmt, ...)
{
	va_list args;
	size_t len;

	if (!why)
		return err;
	len = strlen(why->text);
	va_start(args, fmt);
	vsnprintf(why->text + len, sizeof(why->text) - len, fmt, args);
	va_end(args);
	return err;
}

int slot_reasons_add(struct slot_reasons *list, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	char **lines;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&line, fmt, args);
	va_end(args);
	if (len < 0) {
		line = NULL;
		return -ENOMEM;
	}
	lines = reallocarray(list->lines, list->count + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	list->lines = lines;
	list->lines[list->count++] = TAKE_PTR(line);
	return 0;
}

void slot_reasons_free(struct slot_reasons *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->lines[i]);
	free(list->lines);
	*list = (struct slot_reasons){ 0 };
}
