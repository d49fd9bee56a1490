/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/tcp_option.h"

#include <stdint.h>
#include <stdlib.h>

bool program_option_is_free(__u32 kind)
{
	static const __u8 taken[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 19, 28, 29, 30, 34, 69, 172, 174 };

	for (size_t i = 0; i < sizeof(taken); i++)
		if (taken[i] == kind)
			return false;
	return kind <= UINT8_MAX;
}

void program_option_warn(const struct program_slot *slot, const char *name, bool is_zero_free)
{
	const char *text = NULL;
	unsigned long kind;

	if (!slot || slot->setting(slot, name, &text) || !text)
		return;
	kind = strtoul(text, NULL, 0); /* as slotd reads settings, which has taken it */
	if ((!kind && is_zero_free) || program_option_is_free((__u32)kind))
		return;
	fprintf(stderr,
		"setting %s = %s: TCP has another use for options of the kinds " PROGRAM_OPTION_TAKEN
		": ids are not told, or others take them for theirs\n",
		name, text);
}
