/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/cli/hwmark_words.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "programs/lb/model/lb_words.h"
#include "programs/shared/words.h"

#define FLOWS 16384
#define FLOWS_MAX 1048576
#define BATCH 64
#define BATCH_MAX 4096
#define AGE_S 30
#define AGE_MAX_S 86400

static const char *const hook_words[] = { "ingress", "egress" };
static const struct lb_choice_of hooks = { "hook", hook_words, 2 };

static const char *const offload_words[SLOT_FLOWER_MODE_COUNT] = {
	[SLOT_FLOWER_BOTH] = "both",
	[SLOT_FLOWER_SKIP_HW] = "skip_hw",
	[SLOT_FLOWER_SKIP_SW] = "skip_sw",
};
static const struct lb_choice_of offloads = { "offload", offload_words, SLOT_FLOWER_MODE_COUNT };

static const char *const mode_words[] = {
	[HWMARK_FLOW] = "flow",
	[HWMARK_DESTINATION] = "destination",
};
static const struct lb_choice_of modes = { "mode", mode_words, 2 };

int hwmark_words_mode(const char *text, struct slot_reason *why, enum hwmark_mode *ret_mode)
{
	__u8 choice = 0;
	int err = lb_choice_parse(&modes, text, why, &choice);

	if (!err)
		*ret_mode = choice;
	return err;
}

const char *hwmark_words_of_mode(enum hwmark_mode mode)
{
	return mode_words[mode];
}

static int parse_number(const char *key, const char *value, __u32 max, struct slot_reason *why,
			__u32 *ret_number)
{
	return lb_number_parse(value, key, (const __u32[]){ 1, max }, why, ret_number);
}

static int parse_device(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	size_t len = strlen(value);

	if (!len || len >= sizeof(words->device.name))
		return slot_reason_set(why, -EINVAL, "'%s' is no name of a device", value);
	memset(words->device.name, 0, sizeof(words->device.name));
	memcpy(words->device.name, value, len);
	return 0;
}

static int parse_hook(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u8 choice = 0;
	int err = lb_choice_parse(&hooks, value, why, &choice);

	words->device.is_egress = choice;
	return err;
}

static int parse_offload(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u8 choice = 0;
	int err = lb_choice_parse(&offloads, value, why, &choice);

	words->device.offload = choice;
	return err;
}

/* Rules of IPv6 have the pref behind it. */
static int parse_pref(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u32 number = 0;
	int err = parse_number("pref", value, UINT16_MAX - 1, why, &number);

	words->device.pref = (__u16)number;
	return err;
}

static int parse_flows(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u32 number = 0;
	int err = parse_number("flows", value, FLOWS_MAX, why, &number);

	words->device.flows_max = number;
	return err;
}

static int parse_batch(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u32 number = 0;
	int err = parse_number("batch", value, BATCH_MAX, why, &number);

	words->device.batch = number;
	return err;
}

static int parse_age(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	__u32 number = 0;
	int err = parse_number("age", value, AGE_MAX_S, why, &number);

	words->age_ms = number * 1000;
	return err;
}

static int parse_mode(const char *value, struct slot_reason *why, struct hwmark_words *words)
{
	words->has_mode = true;
	return hwmark_words_mode(value, why, &words->mode);
}

static const struct key {
	const char *name;
	int (*parse)(const char *value, struct slot_reason *why, struct hwmark_words *words);
} keys[] = {
	{ "device", parse_device }, { "hook", parse_hook },   { "offload", parse_offload },
	{ "flows", parse_flows },   { "batch", parse_batch }, { "age", parse_age },
	{ "pref", parse_pref },	    { "mode", parse_mode },
};

static int parse_word(const char *word, struct slot_reason *why, __u32 *given,
		      struct hwmark_words *words)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = program_word_value(word, keys[i].name);

		if (!value)
			continue;
		if (*given & 1U << i)
			return slot_reason_set(why, -EINVAL, "'%.80s': %s= is given twice", word,
					       keys[i].name);
		*given |= 1U << i;
		return keys[i].parse(value, why, words);
	}
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected KEY=VALUE, and KEY one of device, hook, offload, "
			       "flows, batch, age, pref, mode",
			       word);
}

int hwmark_words_parse(int argc, char *const *argv, struct slot_reason *why,
		       struct hwmark_words *ret_words)
{
	struct hwmark_words words = {
		.device = { .pref = HWMARK_PREF, .batch = BATCH, .flows_max = FLOWS },
		.age_ms = AGE_S * 1000,
		.mode = HWMARK_DESTINATION,
	};
	__u32 given = 0;
	int err = 0;

	for (int i = 0; !err && i < argc; i++)
		err = parse_word(argv[i], why, &given, &words);
	if (!err)
		*ret_words = words;
	return err;
}
