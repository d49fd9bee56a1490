/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_device.h"

#include <errno.h>

int hwmark_device_check_netns(const struct hwmark_agent *agent, struct slot_reason *why)
{
	int err;

	if (!agent->owner || !agent->netns)
		return 0;
	err = slot_device_check_netns(agent->netns, why);
	return err != -EXDEV ?
		       err :
		       slot_reason_set(
			       why, err,
			       "the slot's rules are at %s in another netns: run this there, or "
			       "'slotctl hwmark flush' there first; where that netns is gone, "
			       "'slotctl apply --reset-map SLOT:" HWMARK_AGENT_NAME "'",
			       agent->device);
}
