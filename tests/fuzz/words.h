/* SPDX-License-Identifier: GPL-2.0-only */
/* What targets that read one word of a command line have in common. */
#ifndef FUZZ_WORDS_H
#define FUZZ_WORDS_H

#include <linux/types.h>

#include "loader/lib/base/reason.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_WORD_MAX 128

/* fuzz_word_get - @data as a word that ends. */
static inline void fuzz_word_get(const uint8_t *data, size_t size, char ret_text[FUZZ_WORD_MAX])
{
	size_t len = size < FUZZ_WORD_MAX ? size : FUZZ_WORD_MAX - 1;

	for (size_t i = 0; i < FUZZ_WORD_MAX; i++)
		ret_text[i] = i < len ? (char)data[i] : '\0';
}

typedef int (*fuzz_number_parse)(const char *text, struct slot_reason *why, __u32 *ret_number);

/* fuzz_number_check - @text is refused, or a number other than 0 that can be read again. */
static inline void fuzz_number_check(const char *text, fuzz_number_parse parse)
{
	struct slot_reason why;
	char again[16];
	__u32 number, same;

	if (parse(text, &why, &number))
		return;
	require(number, "a number is not 0");
	snprintf(again, sizeof(again), "%u", number);
	require(!parse(again, &why, &same) && same == number, "it is the same number");
}

#endif
