/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as words of `slotctl hwmark agent`: refused, or settings that an agent can have. */
#include <stdint.h>
#include <string.h>

#include "programs/hwmark/cli/hwmark_words.h"
#include "tests/fuzz/words.h"

#define WORDS_MAX 16
#define TEXT_MAX 512

/* By line feeds. */
static int split(char *text, char **words)
{
	char *rest = NULL, *word = strtok_r(text, "\n", &rest);
	int count = 0;

	for (; word && count < WORDS_MAX; word = strtok_r(NULL, "\n", &rest))
		words[count++] = word;
	return count;
}

static void check(const struct hwmark_words *words)
{
	const struct slot_device_settings *device = &words->device;

	require(memchr(device->name, '\0', sizeof(device->name)), "a name ends");
	require(device->pref && device->pref < UINT16_MAX, "there is a pref for IPv6");
	require(device->offload < SLOT_FLOWER_MODE_COUNT, "rules have a mode");
	require(device->flows_max && device->batch, "there is room for flows and rules");
	require(device->flows_max <= 1U << 20, "and memory for it");
	require(words->age_ms >= 1000 && words->age_ms % 1000 == 0, "an age is seconds");
	require(words->mode == HWMARK_FLOW || words->mode == HWMARK_DESTINATION, "a mode");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX] = "", *argv[WORDS_MAX];
	struct hwmark_words words;
	struct slot_reason why;
	int argc;

	memcpy(text, data, size < TEXT_MAX ? size : TEXT_MAX - 1);
	argc = split(text, argv);
	if (!hwmark_words_parse(argc, argv, &why, &words))
		check(&words);
	return 0;
}
