/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/cli/handoff_agent_words.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "loader/lib/base/number.h"

#define NS_PER_S 1000000000ULL
#define LINGER_S 60  /* as TIME_WAIT */
#define HALF_S 120   /* as conntrack has it */
#define IDLE_S 14400 /* over two hours, after which the kernel asks whether the other is there */
#define TIME_MAX_S 2592000
#define RATE 10000
#define RATE_MAX 1000000
#define PREF 1100
#define ABOVE (1 << 20)
#define FLOWS 1024
#define QUEUE 256

static int parse_time(const char *value, struct slot_reason *why, __u64 *ret_ns)
{
	__u32 seconds;

	if (slot_seconds_parse(value, 1, TIME_MAX_S, &seconds))
		return slot_reason_set(
			why, -EINVAL,
			"'%.80s': expected a time such as 30, 30s, 5m or 1h, up to %uh", value,
			TIME_MAX_S / 3600);
	*ret_ns = seconds * NS_PER_S;
	return 0;
}

static int parse_linger(const char *value, struct slot_reason *why,
			struct handoff_agent_settings *set)
{
	return parse_time(value, why, &set->sweep.linger_ns);
}

static int parse_half(const char *value, struct slot_reason *why,
		      struct handoff_agent_settings *set)
{
	return parse_time(value, why, &set->sweep.half_ns);
}

static int parse_idle(const char *value, struct slot_reason *why,
		      struct handoff_agent_settings *set)
{
	return parse_time(value, why, &set->sweep.idle_ns);
}

static int parse_number(const char *value, __u32 max, struct slot_reason *why, __u32 *ret_number)
{
	if (slot_number_parse(value, 1, max, ret_number))
		return slot_reason_set(why, -EINVAL, "'%.80s': expected a number from 1 to %u",
				       value, max);
	return 0;
}

static int parse_rate(const char *value, struct slot_reason *why,
		      struct handoff_agent_settings *set)
{
	return parse_number(value, RATE_MAX, why, &set->rate);
}

static int parse_device(const char *value, struct slot_reason *why,
			struct handoff_agent_settings *set)
{
	size_t len = strlen(value);

	if (!len || len >= sizeof(set->device.at.name))
		return slot_reason_set(why, -EINVAL, "'%.80s' is no name of a device", value);
	memset(set->device.at.name, 0, sizeof(set->device.at.name));
	memcpy(set->device.at.name, value, len);
	return 0;
}

static int parse_above(const char *value, struct slot_reason *why,
		       struct handoff_agent_settings *set)
{
	__u32 bytes;

	if (slot_number_parse(value, 0, UINT32_MAX, &bytes))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a number of bytes from 0 to %u", value,
				       UINT32_MAX);
	set->device.above = bytes;
	return 0;
}

static int parse_offload(const char *value, struct slot_reason *why,
			 struct handoff_agent_settings *set)
{
	static const char *const words[SLOT_FLOWER_MODE_COUNT] = {
		[SLOT_FLOWER_BOTH] = "both",
		[SLOT_FLOWER_SKIP_HW] = "skip_hw",
		[SLOT_FLOWER_SKIP_SW] = "skip_sw",
	};

	for (int i = 0; i < SLOT_FLOWER_MODE_COUNT; i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		set->device.at.offload = i;
		return 0;
	}
	return slot_reason_set(why, -EINVAL, "'%.80s': expected both, skip_hw or skip_sw", value);
}

/* Rules of IPv6 have the pref behind it. */
static int parse_pref(const char *value, struct slot_reason *why,
		      struct handoff_agent_settings *set)
{
	__u32 number = 0;
	int err = parse_number(value, UINT16_MAX - 1, why, &number);

	set->device.at.pref = (__u16)number;
	return err;
}

static int parse_flows(const char *value, struct slot_reason *why,
		       struct handoff_agent_settings *set)
{
	return parse_number(value, HANDOFF_OFFLOADS_MAX, why, &set->device.at.flows_max);
}

static int parse_queue(const char *value, struct slot_reason *why,
		       struct handoff_agent_settings *set)
{
	return parse_number(value, HANDOFF_OFFLOADS_MAX, why, &set->device.at.queue_max);
}

static const struct key {
	const char *name;
	int (*parse)(const char *value, struct slot_reason *why,
		     struct handoff_agent_settings *set);
} keys[] = {
	{ "linger", parse_linger },   { "half", parse_half },	  { "idle", parse_idle },
	{ "rate", parse_rate },	      { "device", parse_device }, { "above", parse_above },
	{ "offload", parse_offload }, { "pref", parse_pref },	  { "flows", parse_flows },
	{ "queue", parse_queue },
};

static int parse_value(size_t key, const char *value, struct slot_reason *why,
		       struct handoff_agent_settings *set)
{
	struct slot_reason about = {};
	int err = keys[key].parse(value, &about, set);

	return err ? slot_reason_set(why, err, "%s=%s", keys[key].name, about.text) : 0;
}

/* @seen: a bit for each key that came before. */
static int parse_word(const char *word, __u32 *seen, struct slot_reason *why,
		      struct handoff_agent_settings *set)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i].name);

		if (strncmp(word, keys[i].name, len) != 0 || word[len] != '=')
			continue;
		if (*seen & 1U << i)
			return slot_reason_set(why, -EINVAL, "'%.80s': %s is given twice", word,
					       keys[i].name);
		*seen |= 1U << i;
		return parse_value(i, word + len + 1, why, set);
	}
	return slot_reason_set(
		why, -EINVAL,
		"'%.80s': expected KEY=VALUE, and KEY one of linger, half, idle, rate, device, "
		"above, offload, pref, flows, queue",
		word);
}

int handoff_agent_words_parse(int argc, char *const *argv, struct slot_reason *why,
			      struct handoff_agent_settings *ret_set)
{
	struct handoff_agent_settings set = {
		.sweep = { LINGER_S * NS_PER_S, HALF_S * NS_PER_S, IDLE_S * NS_PER_S },
		.rate = RATE,
		.device = { .above = ABOVE,
			    .at = { .pref = PREF,
				    .offload = SLOT_FLOWER_SKIP_SW,
				    .flows_max = FLOWS,
				    .queue_max = QUEUE } },
	};
	__u32 seen = 0;
	int err = 0;

	for (int i = 0; !err && i < argc; i++)
		err = parse_word(argv[i], &seen, why, &set);
	if (!err)
		*ret_set = set;
	return err;
}
