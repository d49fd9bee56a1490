/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors as JSON, whatever bytes they quote. */
#include "loader/slotd/http.h"

#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

/* json_string refuses what is no UTF-8. */
json_t *http_text_new(const char *text)
{
	_cleanup_free_ char *clean = NULL;
	json_t *json = json_string(text);
	char *c;

	if (json)
		return json;
	clean = strdup(text);
	for (c = clean; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return clean ? json_string(clean) : NULL;
}

json_t *http_error_new(const char *text, const struct slot_reasons *details)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; details && i < details->count; i++)
		json_array_append_new(list, http_text_new(details->lines[i]));
	return json_pack("{s:o, s:o}", "error", http_text_new(text), "details", list);
}
