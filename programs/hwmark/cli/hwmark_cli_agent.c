/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark agent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <net/if.h>
#include <systemd/sd-daemon.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/agent/hwmark_offload.h"
#include "programs/hwmark/cli/hwmark_cli.h"
#include "programs/hwmark/cli/hwmark_words.h"

#define ASK_MS 100 /* nothing else is done meanwhile */

struct agent {
	const struct program_context *ctx;
	struct hwmark_words words;
	struct hwmark_offload offload;
};

/* Where packets of the slot's chain come in. */
static int choose_device(const struct program_context *ctx, struct slot_device_settings *set,
			 struct slot_reason *why)
{
	int err = -ENODEV;

	_Static_assert(HWMARK_DEVICE_MAX >= IFNAMSIZ, "a name has room");
	if (*set->name)
		return 0;
	if (ctx->slot)
		err = ctx->slot->interface(ctx->slot, set->name);
	return err ? slot_reason_set(
			     why, err, "which device is to mark packets? device=NAME%s",
			     err == -EXDEV ? " (the chain's interface is in another netns)" : "") :
		     0;
}

/* What slotd says of the slot's. */
static int ask_mode(const struct program_context *ctx, enum hwmark_mode *ret_mode)
{
	struct slot_reason why;

	return hwmark_words_mode(hwmark_cli_setting(ctx, "mode", "destination"), &why, ret_mode);
}

/* Where slotd does not answer just now it is taken for what it was. */
static bool is_mode(void *context)
{
	const struct agent *agent = context;
	enum hwmark_mode mode;

	agent->ctx->slot->forget(agent->ctx->slot, ASK_MS);
	return ask_mode(agent->ctx, &mode) || mode == agent->words.mode;
}

static int choose_mode(struct agent *agent, struct slot_reason *why)
{
	enum hwmark_mode mode;
	int err = ask_mode(agent->ctx, &mode);

	if (!err && agent->words.has_mode && mode != agent->words.mode)
		return slot_reason_set(why, -EINVAL,
				       "the slot's setting mode is another than the word says; "
				       "without mode= the agent has the slot's");
	if (agent->words.has_mode)
		return 0;
	if (err)
		return slot_reason_set(
			why, -EINVAL,
			"slotd does not tell the slot's setting mode%s: mode=flow or mode=destination",
			agent->ctx->slot ? ", which the slot's owner may know" :
					   ", as it is not asked (--map-dir)");
	agent->words.mode = mode;
	agent->offload.set.is_mode = is_mode;
	agent->offload.set.context = agent;
	return 0;
}

/* Whether the program runs here, and this user may use its maps: what else fails follows from it. */
static int check_maps(const char *map_dir, struct slot_reason *why)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;

	return hwmark_maps_open(map_dir, true, why, &maps);
}

/* Without it, or with another one, all that is there is for nothing. */
static void check_lb(const struct agent *agent)
{
	const char *name = strrchr(agent->offload.view.lb_dir, '/');
	const struct program_slot *slot = agent->ctx->slot;
	const char *value = NULL, *own = hwmark_words_of_mode(agent->words.mode);

	if (!slot || !name || slot->setting_of(slot, name + 1, "hwmark", &value))
		return;
	if (!value || !strcmp(value, "off"))
		fprintf(stderr,
			"slot '%s' has no setting hwmark, so that it tells of no flow and none is "
			"offloaded: settings { hwmark = %s }\n",
			name + 1, own);
	else if (strcmp(value, own) != 0)
		fprintf(stderr,
			"slot '%s' has hwmark = %s, and this slot mode = %s: no flow is offloaded\n",
			name + 1, value, own);
}

static int run(const struct agent *agent, struct hwmark_offload *offload)
{
	struct slot_reason why;
	int err = hwmark_offload_open(offload, &why);

	if (!err) {
		check_lb(agent);
		sd_notify(0, "READY=1");
	}
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
	_cleanup_free_ struct agent *agent = calloc(1, sizeof(*agent));
	struct slot_reason why = { "out of memory" };
	int err;

	if (!agent)
		return program_fail(&why);
	agent->ctx = ctx;
	err = hwmark_words_parse(argc, argv, &why, &agent->words);
	if (err)
		return program_end(err, &why);
	if (check_maps(ctx->map_dir, &why) || choose_device(ctx, &agent->words.device, &why) ||
	    choose_mode(agent, &why))
		return program_fail(&why);
	agent->offload.device.set = agent->words.device;
	agent->offload.set.map_dir = ctx->map_dir;
	agent->offload.set.age_ms = agent->words.age_ms;
	agent->offload.set.mode = agent->words.mode;
	agent->offload.set.is_meta = !strcmp(hwmark_cli_setting(ctx, "mark_from", "meta"), "meta");
	return run(agent, &agent->offload);
}
