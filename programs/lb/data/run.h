/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a packet begins: what holds for all of them is looked up once. */
#ifndef LB_DATA_RUN_H
#define LB_DATA_RUN_H

#include "programs/lb/data/maps.h"
#include "programs/lb/data/packet.h"

/* Maps of one element and of two: they are there, the verifier only does not know. */
static __always_inline bool start_run(struct lb_run *run)
{
	__u32 zero = 0, *active = bpf_map_lookup_elem(&lb_active, &zero), number;
	__u32 *generation = bpf_map_lookup_elem(&lb_generation, &zero);
	struct lb_counts *counts = bpf_map_lookup_elem(&lb_counts, &zero);

	run->known = bpf_map_lookup_elem(&lb_known, &zero);
	if (!active || !generation || !counts || !run->known)
		return false;
	number = *active & 1;
	run->generation = *generation;
	/* Never 0, as the kernel's clock does not begin there. */
	run->stamp = (__u64)*generation << 32 | (__u32)(bpf_jiffies64() / LB_KNOWN_TICKS);
	run->control = bpf_map_lookup_elem(&lb_control, &number);
	run->count = counts->count;
	run->clock = &counts->clock;
	run->zero = verifier_zero(packet_at(run, 0), packet_end(run));
	return run->control;
}

#endif
