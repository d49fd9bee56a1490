/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent: looks at all rules once a second, removes those that nobody needs any more
 * (handoff_sweep.h), and has a device send on connections of whose packets there are many
 * (handoff_device.h), and asks clients whether their connection is there still
 * (handoff_asking.h). Needs permission to write the maps; for a device CAP_NET_ADMIN, and to ask
 * that or slotctl handoff repair.
 *
 * A rule that its owner changes in the moment in which it is found to be over may be lost. That
 * takes a connection that was silent until then for as long as the settings say.
 */
#ifndef HANDOFF_AGENT_H
#define HANDOFF_AGENT_H

#include "programs/handoff/agent/handoff_asking.h"
#include "programs/handoff/agent/handoff_device.h"
#include "programs/handoff/agent/handoff_turns.h"
#include "programs/handoff/maps/handoff_sweep.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/shared/say.h"

struct handoff_agent_settings {
	const char *map_dir;
	struct handoff_sweep sweep;
	__u32 rate; /* rules that are removed in a second, at most */
	struct handoff_device_settings device;
};

struct handoff_agent {
	struct handoff_agent_settings set;
	struct handoff_rules rules;
	struct handoff_offloads offloads;
	struct handoff_device device;
	struct handoff_asking asking;
	struct handoff_turns turns;
	struct handoff_told told;
	__u64 look_ns;	   /* when the next look is due */
	__u64 followed_ns; /* when the device's connections were looked at */
	struct program_trouble trouble;
	int lock_fd, signal_fd;
	bool is_over; /* a signal said so */
};

/*
 * handoff_agent_open - with @agent->set given and all else 0; not to be moved. SIGINT and SIGTERM
 * are blocked, and taken by handoff_agent_step(). handoff_agent_close, also where it fails. Returns
 * 0, -EBUSY where an agent runs, or -errno; says why.
 */
int handoff_agent_open(struct handoff_agent *agent, struct slot_reason *why);
/* handoff_agent_close - what a device was asked for is taken off. */
void handoff_agent_close(struct handoff_agent *agent);

/*
 * handoff_agent_step - do what is due and wait for more, a second at most. Returns 0, -ENOENT
 * where the slot has other maps now, or -errno; says why.
 */
int handoff_agent_step(struct handoff_agent *agent, struct slot_reason *why);

#endif
