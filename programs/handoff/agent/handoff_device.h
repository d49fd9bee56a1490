/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that sends on what comes in of connections, before the program sees it: rules of
 * flower, put there by a queue for connections that had more bytes than a limit, and taken off as
 * soon as a connection makes another step. The rule in the table stays all the while: whatever the
 * device leaves, the program sends on.
 *
 * Order: handoff_offloads has the connection before its rule is looked at for the last time and
 * the device is asked; and until the device's rule is gone, by the kernel's own word.
 *
 * All on the agent's thread. Without a name there is no device, and everything does nothing.
 */
#ifndef HANDOFF_DEVICE_H
#define HANDOFF_DEVICE_H

#include "loader/lib/offload/device.h"
#include "programs/handoff/agent/handoff_flows.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/shared/say.h"

struct handoff_device_settings {
	struct slot_device_settings at; /* its name "": none */
	__u64 above;			/* bytes: connections that had more */
};

struct handoff_device {
	struct handoff_device_settings set;
	const struct handoff_rules *rules;
	const struct handoff_offloads *offloads;
	struct handoff_told *told;
	struct slot_device at; /* its queue NULL: none */
	struct slot_flows flows;
	size_t next; /* place in @flows that was followed last */
	__u64 looks;
	__u64 paused_ns; /* until then it is asked for nothing */
	struct program_trouble trouble;
};

/*
 * handoff_device_open - with @device->set, rules, offloads and told given, and at.event_fd -1; the
 * device need not be there. What an agent left, at this device or another, is taken off.
 * handoff_device_close, also where it fails. Not to be moved. Returns 0, -EXDEV where that is in
 * another netns, or -errno; says why.
 */
int handoff_device_open(struct handoff_device *device, const char *map_dir,
			struct slot_reason *why);
/* handoff_device_close - takes all rules off first; waits for that for some seconds at most. */
void handoff_device_close(struct handoff_device *device);

/* handoff_device_want - have it send on @key's packets, if there were enough by @rule. */
void handoff_device_want(struct handoff_device *device, const struct handoff_key *key,
			 const struct handoff_rule *rule, __u64 now_ns);
/* handoff_device_last - when it last sent on a packet of @key; 0: it does not. */
__u64 handoff_device_last(const struct handoff_device *device, const struct handoff_key *key);

/*
 * handoff_device_follow - take off what no longer holds, and forget what is off: of all flows, or
 * of 1024 at a time in turn.
 */
void handoff_device_follow(struct handoff_device *device, __u64 now_ns);
/* handoff_device_look - at its rules' counts, and whether it and they are there; tell. */
void handoff_device_look(struct handoff_device *device, __u64 now_ns);

#endif
