/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff agent. */
#include <errno.h>

#include <linux/capability.h>
#include <systemd/sd-daemon.h>

#include "programs/handoff/cli/handoff_agent_words.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/shared/fail.h"
#include "programs/shared/rights.h"

/* Clients it may ask by handoff repair, but a device nobody asks for it. */
static int check_right(const struct handoff_agent *agent, struct slot_reason *why)
{
	const char *device = agent->set.device.at.name;

	if (!*device || program_has_capability(CAP_NET_ADMIN))
		return 0;
	return slot_reason_set(why, -EPERM, "device=%s: this needs CAP_NET_ADMIN", device);
}

static void say_ready(const struct handoff_agent *agent)
{
	const char *device = agent->set.device.at.name;

	fprintf(stderr, "handoff agent: looks after the rules in '%s'%s%s\n", agent->set.map_dir,
		*device ? ", and has them in device " : "", device);
	sd_notify(0, "READY=1");
}

static int run(struct handoff_agent *agent)
{
	struct slot_reason why;
	int err = check_right(agent, &why);

	if (err)
		return program_fail(&why);
	err = handoff_agent_open(agent, &why);
	if (!err)
		say_ready(agent);
	while (!err && !agent->is_over)
		err = handoff_agent_step(agent, &why);
	sd_notify(0, "STOPPING=1");
	handoff_agent_close(agent);
	return err ? program_fail(&why) : PROGRAM_OK;
}

int handoff_cmd_agent(const struct program_context *ctx, int argc, char **argv)
{
	struct handoff_agent agent = {};
	struct slot_reason why;

	if (handoff_agent_words_parse(argc, argv, &why, &agent.set)) {
		program_fail(&why);
		return PROGRAM_USAGE;
	}
	agent.set.map_dir = ctx->map_dir;
	return run(&agent);
}
