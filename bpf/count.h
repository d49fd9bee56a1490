/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting packets in a per-CPU array of struct slot_count. */
#ifndef SLOT_BPF_COUNT_H
#define SLOT_BPF_COUNT_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count_abi.h"

/* count_packet - one packet of @bytes more in element @id of @map. */
static __always_inline void count_packet(void *map, __u32 id, __u64 bytes)
{
	struct slot_count *count = bpf_map_lookup_elem(map, &id);

	if (!count)
		return;
	count->packets++;
	count->bytes += bytes;
}

/*
 * count_event - one more in element @id of @map. For hooks that run in processes, too, which a
 * softirq on the same CPU may interrupt to count as well.
 */
static __always_inline void count_event(void *map, __u32 id)
{
	struct slot_count *count = bpf_map_lookup_elem(map, &id);

	if (count)
		__sync_fetch_and_add(&count->packets, 1);
}

#endif
