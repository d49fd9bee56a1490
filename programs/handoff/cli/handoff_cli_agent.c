/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff agent. */
#include <systemd/sd-daemon.h>

#include "programs/handoff/cli/handoff_agent_words.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/shared/fail.h"

static int run(struct handoff_agent *agent)
{
	struct slot_reason why;
	int err = handoff_agent_open(agent, &why);

	if (!err)
		sd_notify(0, "READY=1");
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
