/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark agent. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <net/if.h>
#include <systemd/sd-daemon.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/agent/hwmark_offload.h"
#include "programs/hwmark/cli/hwmark_cli.h"

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

struct words {
	const struct program_context *ctx;
	struct hwmark_offload *offload;
	__u8 mode; /* enum hwmark_mode */
	bool has_mode;
};

static int parse_number(const char *key, const char *value, __u32 max, struct slot_reason *why,
			__u32 *ret_number)
{
	return lb_number_parse(value, key, (const __u32[]){ 1, max }, why, ret_number);
}

static int parse_device(const char *value, struct slot_reason *why,
			struct hwmark_device_settings *set)
{
	if (!*value || strlen(value) >= sizeof(set->name))
		return slot_reason_set(why, -EINVAL, "'%s' is no name of a device", value);
	strcpy(set->name, value);
	return 0;
}

static int parse_place(struct hwmark_device_settings *set, const char *key, const char *value,
		       struct slot_reason *why)
{
	__u8 choice = 0;
	__u32 number = 0;
	int err;

	if (!strcmp(key, "device"))
		return parse_device(value, why, set);
	if (!strcmp(key, "hook")) {
		err = lb_choice_parse(&hooks, value, why, &choice);
		set->is_egress = choice;
		return err;
	}
	if (!strcmp(key, "offload")) {
		err = lb_choice_parse(&offloads, value, why, &choice);
		set->offload = choice;
		return err;
	}
	if (strcmp(key, "pref") != 0)
		return -ENOENT;
	err = parse_number(key, value, UINT16_MAX - 1, why, &number);
	set->pref = (__u16)number;
	return err;
}

static int parse_word(struct words *words, const char *key, const char *value,
		      struct slot_reason *why)
{
	struct hwmark_device_settings *set = &words->offload->device.set;
	__u32 number = 0;
	int err = parse_place(set, key, value, why);

	if (err != -ENOENT)
		return err;
	if (!strcmp(key, "mode")) {
		words->has_mode = true;
		return lb_choice_parse(&modes, value, why, &words->mode);
	}
	if (!strcmp(key, "flows")) {
		err = parse_number(key, value, FLOWS_MAX, why, &number);
		set->flows_max = number;
		return err;
	}
	if (!strcmp(key, "batch")) {
		err = parse_number(key, value, BATCH_MAX, why, &number);
		set->batch = number;
		return err;
	}
	if (strcmp(key, "age") != 0)
		return slot_reason_set(
			why, -EINVAL,
			"'%s' is none of device, hook, offload, flows, batch, age, pref, mode",
			key);
	err = parse_number(key, value, AGE_MAX_S, why, &number);
	words->offload->set.age_ms = number * 1000;
	return err;
}

static int parse_words(struct words *words, int argc, char **argv, struct slot_reason *why)
{
	int err = 0;

	for (int i = 0; !err && i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return slot_reason_set(why, -EINVAL, "'%s': expected KEY=VALUE", argv[i]);
		*value = '\0';
		err = parse_word(words, argv[i], value + 1, why);
	}
	return err;
}

/* The chain's interface: maps are in CHAIN/maps/SLOT. */
static int choose_device(const struct program_context *ctx, struct hwmark_device_settings *set,
			 struct slot_reason *why)
{
	char copy[PATH_MAX];
	const char *chain;

	if (*set->name)
		return 0;
	if (strlen(ctx->map_dir) >= sizeof(copy))
		return slot_reason_set(why, -ENAMETOOLONG, "'%s' is too long", ctx->map_dir);
	strcpy(copy, ctx->map_dir);
	chain = basename(dirname(dirname(copy)));
	if (strlen(chain) >= sizeof(set->name) || !if_nametoindex(chain))
		return slot_reason_set(why, -EINVAL,
				       "which device is to mark packets? device=NAME");
	strcpy(set->name, chain);
	return 0;
}

/* Where slotd does not answer just now it is taken for what it was. */
static bool is_mode(void *context)
{
	const struct words *words = context;
	const struct program_slot *slot = words->ctx->slot;
	struct slot_reason why;
	const char *value;
	__u8 mode;

	slot->forget(slot);
	value = hwmark_cli_setting(words->ctx, "mode", mode_words[HWMARK_DESTINATION]);
	return lb_choice_parse(&modes, value, &why, &mode) || mode == words->mode;
}

static int choose_mode(const struct program_context *ctx, struct words *words,
		       struct slot_reason *why)
{
	const char *mode = hwmark_cli_setting(ctx, "mode", mode_words[HWMARK_DESTINATION]);

	if (!words->has_mode && lb_choice_parse(&modes, mode, why, &words->mode))
		return slot_reason_set(
			why, -EINVAL,
			"the slot's setting mode is not known: mode=flow or mode=destination");
	words->offload->set.mode = words->mode;
	words->offload->set.context = words;
	if (!words->has_mode)
		words->offload->set.is_mode = is_mode;
	return 0;
}

static int run(struct hwmark_offload *offload)
{
	struct slot_reason why;
	int err = hwmark_offload_open(offload, &why);

	if (!err)
		sd_notify(0, "READY=1");
	while (!err && !offload->is_over)
		err = hwmark_offload_step(offload, &why);
	sd_notify(0, "STOPPING=1");
	hwmark_offload_close(offload);
	if (err)
		return program_fail(&why);
	fputs("the agent ends; rules that are there stay (slotctl hwmark flush)\n", stderr);
	return PROGRAM_OK;
}

int hwmark_cmd_agent(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct hwmark_offload *offload = calloc(1, sizeof(*offload));
	struct words words = { .ctx = ctx, .offload = offload };
	struct slot_reason why = { "out of memory" };

	if (!offload)
		return program_fail(&why);
	offload->set.map_dir = ctx->map_dir;
	offload->set.age_ms = AGE_S * 1000;
	offload->device.set = (struct hwmark_device_settings){
		.pref = HWMARK_PREF,
		.batch = BATCH,
		.flows_max = FLOWS,
	};
	if (parse_words(&words, argc, argv, &why) ||
	    choose_device(ctx, &offload->device.set, &why) || choose_mode(ctx, &words, &why))
		return program_fail(&why);
	return run(offload);
}
