/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What preflight lets a new generation of each kind meet. For preflight.c and its probes. */
#ifndef SLOT_PREFLIGHT_PROBE_H
#define SLOT_PREFLIGHT_PROBE_H

#include "loader/lib/chain/generation.h"

struct slot_preflight_probe {
	const char *what; /* for messages: "an ordinary frame of 60 bytes" */
	size_t size;	  /* of a frame */
	/*
	 * Run the root once. @note is for why that cannot be done on this host, which is no
	 * failure. Returns 0 or -errno, says why.
	 */
	int (*run)(const struct slot_preflight_probe *probe,
		   const struct slot_generation *generation, struct slot_reason *note,
		   struct slot_reason *why);
};

#define SLOT_PROBES_MAX 2

/* Of each kind; without `run` behind the last. */
extern const struct slot_preflight_probe slot_probes_frame[SLOT_PROBES_MAX + 1];
extern const struct slot_preflight_probe slot_probes_lookup[SLOT_PROBES_MAX + 1];
extern const struct slot_preflight_probe slot_probes_group[SLOT_PROBES_MAX + 1];
extern const struct slot_preflight_probe slot_probes_connection[SLOT_PROBES_MAX + 1];

static inline bool slot_preflight_has_canary(const struct slot_generation *generation,
					     unsigned int slot)
{
	const struct slot_state *state = &generation->state.slots[slot];

	return slot_state_is_running(state) && state->canary.present;
}

/*
 * slot_preflight_judge - what the runs so far counted, slot by slot: a chain may well pass what
 * one of its slots got wrong. @what they met, for the message. Returns 0, -EPROTO or -errno.
 */
int slot_preflight_judge(const struct slot_generation *generation, const char *what,
			 struct slot_reason *why, struct slot_counters *ret_counted);

/*
 * slot_preflight_run_flows - frames of other flows, until each canary by flow has answered, each
 * judged. @counted: so far.
 */
int slot_preflight_run_flows(const struct slot_generation *generation,
			     struct slot_counters *counted, struct slot_reason *why);

#endif
