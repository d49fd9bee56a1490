/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dispatcher/root_abi.h"

static const char *const column_names[] = {
	[ROOT_COL_ABORTED] = "aborted",	  [ROOT_COL_DROP] = "drop",
	[ROOT_COL_PASS] = "pass",	  [ROOT_COL_TX] = "tx",
	[ROOT_COL_REDIRECT] = "redirect", [ROOT_COL_DENIED] = "denied",
	[ROOT_COL_SKIPPED] = "skipped",
};

#define ALLOW_SKIP "skip"

const char *slot_verdict_name(unsigned int column)
{
	if (column >= sizeof(column_names) / sizeof(column_names[0]))
		return "?";
	return column_names[column];
}

int slot_verdict_parse(const char *text)
{
	if (!strncasecmp(text, "xdp_", 4))
		text += 4;
	for (int verdict = 0; verdict < ROOT_VERDICTS; verdict++) {
		if (!strcasecmp(text, column_names[verdict]))
			return verdict;
	}
	return -EINVAL;
}

const char *slot_allow_name(unsigned int bit)
{
	if (bit == ROOT_COL_SKIPPED)
		return ALLOW_SKIP;
	return bit < ROOT_VERDICTS ? column_names[bit] : "?";
}

int slot_allow_parse(const char *text)
{
	return strcasecmp(text, ALLOW_SKIP) ? slot_verdict_parse(text) : ROOT_COL_SKIPPED;
}

void slot_verdict_mask_format(__u8 mask, char *ret, size_t size)
{
	size_t used = 0;

	snprintf(ret, size, "none");
	mask &= ROOT_VERDICT_ALL | ROOT_ALLOW_SKIP;
	for (unsigned int bit = 0; bit <= ROOT_COL_SKIPPED && used < size; bit++) {
		if (!(mask & 1U << bit))
			continue;
		used += snprintf(ret + used, size - used, "%s%s", used ? "," : "",
				 slot_allow_name(bit));
	}
}
