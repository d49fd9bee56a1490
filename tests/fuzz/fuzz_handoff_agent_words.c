/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as words of `slotctl handoff agent`: refused, or settings that an agent can have. */
#include <stdint.h>
#include <string.h>

#include "programs/handoff/cli/handoff_agent_words.h"
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

static void check(const struct handoff_agent_settings *set)
{
	const struct handoff_device_settings *device = &set->device;

	require(set->sweep.linger_ns && set->sweep.half_ns && set->sweep.idle_ns, "times");
	require(set->rate, "something is removed");
	require(memchr(device->at.name, '\0', sizeof(device->at.name)), "a name ends");
	require(device->at.pref && device->at.pref < UINT16_MAX, "there is a pref for IPv6");
	require(device->at.offload < SLOT_FLOWER_MODE_COUNT, "rules have a mode");
	require(device->at.flows_max && device->at.queue_max, "there is room");
	require(device->at.flows_max <= HANDOFF_OFFLOADS_MAX, "in the map as well");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX] = "", *argv[WORDS_MAX];
	struct handoff_agent_settings set;
	struct slot_reason why;
	int argc;

	memcpy(text, data, size < TEXT_MAX ? size : TEXT_MAX - 1);
	argc = split(text, argv);
	if (!handoff_agent_words_parse(argc, argv, &why, &set))
		check(&set);
	return 0;
}
