/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/preflight.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/counters.h"

#define ETHERTYPE_EXPERIMENT 0x88b5 /* IEEE 802 local experimental ethertype 1 */

/*
 * A canary by flow meets only its share of flows, so preflight sends more of
 * them, until each has answered. A share so small that none of these is in it
 * is left to the traffic.
 */
#define CANARY_FLOWS 4096
#define CANARY_FLOWS_AT_ONCE 64 /* between two looks at the counters */

static int judge_verdicts(const struct slot_packets *packets, const char *who, size_t size,
			  struct slot_reason *why)
{
	if (packets->verdicts[ROOT_COL_DENIED])
		return slot_reason_set(
			why, -EPROTO,
			"preflight: %s answers an ordinary frame of %zu bytes with a "
			"verdict it may not return",
			who, size);
	if (packets->verdicts[ROOT_COL_ABORTED])
		return slot_reason_set(why, -EPROTO,
				       "preflight: %s aborts an ordinary frame of %zu bytes", who,
				       size);
	return 0;
}

/* What the runs counted, slot by slot: a chain may well pass what one of its slots got wrong. */
static int judge_counters(const struct slot_generation *generation, size_t size,
			  struct slot_reason *why, struct slot_counters *ret_counted)
{
	struct slot_lineup lineup = slot_generation_lineup(generation);
	struct slot_counters counted = { 0 };
	char who[SLOT_NAME_MAX + 32];
	unsigned int slot;
	int err;

	slot_counters_choose(&counted, &lineup);
	err = slot_counters_add(generation->counters_fd, &lineup, &counted);
	if (err)
		slot_reason_set(why, err, "preflight: cannot read the counters: %s",
				strerror(-err));
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++) {
		const char *name = generation->state.slots[slot].name;

		snprintf(who, sizeof(who), "slot %u (%s, canary)", slot, name);
		err = judge_verdicts(&counted.canaries[slot], who, size, why);
		snprintf(who, sizeof(who), "slot %u (%s)", slot, name);
		if (!err)
			err = judge_verdicts(&counted.slots[slot], who, size, why);
	}
	*ret_counted = counted;
	return err;
}

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

static int run_and_judge(const struct slot_generation *generation, size_t size,
			 struct slot_reason *why, struct slot_counters *ret_counted)
{
	int err = run_frame(generation, size, 0, why);

	if (!err && generation->counters_fd >= 0)
		err = judge_counters(generation, size, why, ret_counted);
	return err;
}

static bool has_canary(const struct slot_generation *generation, unsigned int slot)
{
	const struct slot_state *state = &generation->state.slots[slot];

	return slot_state_is_running(state) && state->canary.present;
}

/* Whether a canary by flow has not answered yet. */
static bool is_canary_left(const struct slot_generation *generation,
			   const struct slot_counters *counted)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if (has_canary(generation, slot) && !generation->state.slots[slot].canary.cpus &&
		    !counted->canaries[slot].seen)
			return true;
	return false;
}

static int run_flows(const struct slot_generation *generation, struct slot_counters *counted,
		     struct slot_reason *why)
{
	unsigned int flow;
	int err = 0;

	for (flow = 1; flow <= CANARY_FLOWS && !err; flow++) {
		if (flow % CANARY_FLOWS_AT_ONCE == 1 && !is_canary_left(generation, counted))
			return 0;
		err = run_frame(generation, ETH_ZLEN, flow, why);
		if (!err && flow % CANARY_FLOWS_AT_ONCE == 0)
			err = judge_counters(generation, ETH_ZLEN, why, counted);
	}
	return err;
}

/* Go to a CPU of @cpus, where this host has one for us. Returns whether that is so. */
static bool move_to_cpu(__u64 cpus, const cpu_set_t *allowed)
{
	cpu_set_t one;
	int cpu;

	for (cpu = 0; cpu < 64; cpu++) {
		if (!(cpus >> cpu & 1) || !CPU_ISSET(cpu, allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return !sched_setaffinity(0, sizeof(one), &one);
	}
	return false;
}

static int run_on_cpus(const struct slot_generation *generation, struct slot_counters *counted,
		       struct slot_reason *why)
{
	cpu_set_t allowed;
	unsigned int slot;
	int err = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return slot_reason_set(why, -errno, "preflight: cannot tell this thread's CPUs: %s",
				       strerror(errno));
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++)
		if (has_canary(generation, slot) &&
		    move_to_cpu(generation->state.slots[slot].canary.cpus, &allowed))
			err = run_and_judge(generation, ETH_ZLEN, why, counted);
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return err;
}

int slot_preflight_run(const struct slot_generation *generation, struct slot_reason *why)
{
	struct slot_counters counted = { 0 };
	int err = run_and_judge(generation, ETH_ZLEN, why, &counted);

	if (!err)
		err = run_and_judge(generation, ETH_FRAME_LEN, why, &counted);
	if (!err)
		err = run_on_cpus(generation, &counted, why);
	if (!err && generation->counters_fd >= 0)
		err = run_flows(generation, &counted, why);
	if (!err && generation->counters_fd >= 0) {
		err = slot_counters_clear(generation->counters_fd);
		if (err)
			slot_reason_set(why, err, "preflight: cannot clear the counters: %s",
					strerror(-err));
	}
	return err;
}
