/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "loader/slotctl/text.h"

/* The bytes of the first character of @text; 1 and a NUL for a byte that begins none. */
static size_t parse_character(const char *text, mbstate_t *state, wchar_t *ret_wide)
{
	size_t len = mbrtowc(ret_wide, text, strlen(text), state);

	if (len != (size_t)-1 && len != (size_t)-2)
		return len;
	memset(state, 0, sizeof(*state));
	*ret_wide = L'\0';
	return 1;
}

char *slot_text_clean(const char *text, size_t *ret_width)
{
	char *copy = malloc(strlen(text) + 1);
	size_t used = 0, width = 0, len;
	mbstate_t state = { 0 };
	wchar_t wide;

	if (!copy)
		return NULL;
	for (; *text; text += len) {
		int columns;

		len = parse_character(text, &state, &wide);
		columns = wcwidth(wide);
		if (iswprint((wint_t)wide) && columns >= 0) {
			memcpy(copy + used, text, len);
			used += len;
			width += (size_t)columns;
			continue;
		}
		copy[used++] = strchr("\t\n\r", *text) ? ' ' : '?';
		width++;
	}
	copy[used] = '\0';
	if (ret_width)
		*ret_width = width;
	return copy;
}

void slot_text_format_us(__u64 us, char ret_text[SLOT_TIME_SIZE])
{
	if (us < 1000)
		snprintf(ret_text, SLOT_TIME_SIZE, "%llu us", us);
	else if (us < 1000000)
		snprintf(ret_text, SLOT_TIME_SIZE, "%.1f ms", (double)us / 1e3);
	else
		snprintf(ret_text, SLOT_TIME_SIZE, "%.1f s", (double)us / 1e6);
}
