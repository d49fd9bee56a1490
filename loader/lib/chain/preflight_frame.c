/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test frames, for chains of XDP and TC programs. */
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/preflight_probe.h"

#define ETHERTYPE_EXPERIMENT 0x88b5 /* IEEE 802 local experimental ethertype 1 */

/*
 * A canary by flow meets only its share of flows, so preflight sends more of
 * them, until each has answered. A share so small that none of these is in it
 * is left to the traffic.
 */
#define CANARY_FLOWS 4096
#define CANARY_FLOWS_AT_ONCE 64 /* between two looks at the counters */

/* Run a frame of @size bytes of flow number @flow: its source address, since it is no IP. */
static int run_frame(const struct slot_generation *generation, size_t size, unsigned int flow,
		     struct slot_reason *why)
{
	unsigned char frame[ETH_FRAME_LEN] = { 0 };
	struct ethhdr *eth = (struct ethhdr *)frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (__u32)size,
		    .repeat = 1);
	int err;

	eth->h_proto = htons(ETHERTYPE_EXPERIMENT);
	memcpy(eth->h_source, &flow, sizeof(flow));
	err = bpf_prog_test_run_opts(generation->root_fd, &opts);
	if (err)
		return slot_reason_set(why, err, "preflight: cannot run generation %u: %s",
				       generation->number, strerror(-err));
	/* Of TC programs an abort looks like a drop. */
	if (generation->counters_fd < 0 && generation->engine->type != BPF_PROG_TYPE_SCHED_CLS &&
	    opts.retval == ROOT_COL_ABORTED)
		return slot_reason_set(why, -EPROTO,
				       "preflight: the chain aborts an ordinary frame of %zu bytes",
				       size);
	return 0;
}

static int run_probe(const struct slot_preflight_probe *probe,
		     const struct slot_generation *generation, struct slot_reason *note,
		     struct slot_reason *why)
{
	(void)note;
	return run_frame(generation, probe->size, 0, why);
}

const struct slot_preflight_probe slot_probes_frame[SLOT_PROBES_MAX + 1] = {
	{ "an ordinary frame of 60 bytes", ETH_ZLEN, run_probe },
	{ "an ordinary frame of 1514 bytes", ETH_FRAME_LEN, run_probe },
};

/* Whether a canary by flow has not answered yet. */
static bool is_canary_left(const struct slot_generation *generation,
			   const struct slot_counters *counted)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if (slot_preflight_has_canary(generation, slot) &&
		    !generation->state.slots[slot].canary.cpus && !counted->canaries[slot].seen)
			return true;
	return false;
}

int slot_preflight_run_flows(const struct slot_generation *generation,
			     struct slot_counters *counted, struct slot_reason *why)
{
	unsigned int flow;
	int err = 0;

	for (flow = 1; flow <= CANARY_FLOWS && !err; flow++) {
		if (flow % CANARY_FLOWS_AT_ONCE == 1 && !is_canary_left(generation, counted))
			return 0;
		err = run_frame(generation, ETH_ZLEN, flow, why);
		if (!err && flow % CANARY_FLOWS_AT_ONCE == 0)
			err = slot_preflight_judge(generation, slot_probes_frame[0].what, why,
						   counted);
	}
	return err;
}
