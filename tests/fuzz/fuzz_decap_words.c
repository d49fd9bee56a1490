/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a prefix, an id and a setting of decap: refused, or the same when read again. */
#include <string.h>

#include "programs/decap/decap.h"
#include "programs/shared/id.h"
#include "tests/fuzz/words.h"

static void check_prefix(const char *text)
{
	struct slot_prefix prefix, same;
	char again[PROGRAM_PREFIX_TEXT_MAX];
	struct slot_reason why;

	if (program_prefix_parse(text, &why, &prefix))
		return;
	require(prefix.family == 4 || prefix.family == 6, "it is of a family");
	require(prefix.len >= SLOT_PREFIX_FAMILY_BITS, "the family is exact");
	require(prefix.len - SLOT_PREFIX_FAMILY_BITS <= (prefix.family == 4 ? 32 : 128),
		"it has bits");
	program_prefix_format(&prefix, again);
	require(!program_prefix_parse(again, &why, &same), "it can be read again");
	require(!memcmp(&prefix, &same, sizeof(same)), "it is the same prefix");
}

static void check_setting(const char *text)
{
	const struct decap_control before = { .flags = DECAP_HAS_SERVED, .stamp = 7 };
	struct decap_control control = before;
	struct slot_reason why;

	if (decap_control_parse(text, &why, &control)) {
		require(!memcmp(&control, &before, sizeof(before)),
			"what is refused changes nothing");
		return;
	}
	require((control.flags | DECAP_STRICT) == (before.flags | DECAP_STRICT) &&
			control.stamp == before.stamp,
		"a setting changes no more than itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FUZZ_WORD_MAX];

	fuzz_word_get(data, size, text);
	check_prefix(text);
	fuzz_number_check(text, program_id_parse);
	check_setting(text);
	return 0;
}
