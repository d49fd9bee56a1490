/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/preflight.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/chain/counters.h"
#include "loader/lib/chain/preflight_probe.h"

static const struct slot_preflight_probe *const probes[ROOT_KIND_COUNT] = {
	[ROOT_KIND_XDP] = slot_probes_frame,	       [ROOT_KIND_TC] = slot_probes_frame,
	[ROOT_KIND_SOCK_OPS] = slot_probes_connection, [ROOT_KIND_SK_LOOKUP] = slot_probes_lookup,
	[ROOT_KIND_SK_REUSEPORT] = slot_probes_group,
};

static int judge_verdicts(const struct slot_packets *packets, const char *who, const char *what,
			  struct slot_reason *why)
{
	if (packets->verdicts[ROOT_COL_DENIED])
		return slot_reason_set(why, -EPROTO,
				       "preflight: %s answers %s with a verdict it may not return",
				       who, what);
	if (packets->verdicts[ROOT_COL_ABORTED])
		return slot_reason_set(why, -EPROTO, "preflight: %s aborts %s", who, what);
	return 0;
}

int slot_preflight_judge(const struct slot_generation *generation, const char *what,
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
		err = judge_verdicts(&counted.canaries[slot], who, what, why);
		snprintf(who, sizeof(who), "slot %u (%s)", slot, name);
		if (!err)
			err = judge_verdicts(&counted.slots[slot], who, what, why);
	}
	*ret_counted = counted;
	return err;
}

/* Every probe of the generation's kind, each judged. */
static int run_probes(const struct slot_generation *generation, struct slot_counters *counted,
		      struct slot_reason *note, struct slot_reason *why)
{
	const struct slot_preflight_probe *probe = probes[generation->engine->kind];
	int err = 0;

	for (; probe->run && !err; probe++) {
		err = probe->run(probe, generation, note, why);
		if (!err && generation->counters_fd >= 0)
			err = slot_preflight_judge(generation, probe->what, why, counted);
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
		       struct slot_reason *note, struct slot_reason *why)
{
	cpu_set_t allowed;
	unsigned int slot;
	int err = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return slot_reason_set(why, -errno, "preflight: cannot tell this thread's CPUs: %s",
				       strerror(errno));
	for (slot = 0; slot < ROOT_SLOTS && !err; slot++)
		if (slot_preflight_has_canary(generation, slot) &&
		    move_to_cpu(generation->state.slots[slot].canary.cpus, &allowed))
			err = run_probes(generation, counted, note, why);
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return err;
}

int slot_preflight_run(const struct slot_generation *generation, struct slot_reason *note,
		       struct slot_reason *why)
{
	struct slot_counters counted = { 0 };
	int err = run_probes(generation, &counted, note, why);

	if (!err)
		err = run_on_cpus(generation, &counted, note, why);
	if (!err && generation->counters_fd >= 0)
		err = slot_preflight_run_flows(generation, &counted, why);
	if (!err && generation->counters_fd >= 0) {
		err = slot_counters_clear(generation->counters_fd);
		if (err)
			slot_reason_set(why, err, "preflight: cannot clear the counters: %s",
					strerror(-err));
	}
	return err;
}
