/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_spread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"

/* Positions among which something is dealt out. */
struct positions {
	__u32 count;
	__u8 list[SL_SOCKETS_MAX];
};

/* "0-3,8,10-11", as the kernel writes lists of CPUs. */
static void read_node(FILE *file, __u8 node, struct sl_cpus *cpus)
{
	unsigned int first, last;
	int mark = ',';

	while (mark == ',' && fscanf(file, "%u", &first) == 1) {
		last = first;
		mark = fgetc(file);
		if (mark == '-') {
			if (fscanf(file, "%u", &last) != 1)
				return;
			mark = fgetc(file);
		}
		for (; first <= last && first < SL_STEER_SIZE; first++)
			cpus->node[first] = node;
	}
}

void sl_cpus_get(struct sl_cpus *ret_cpus)
{
	int count = libbpf_num_possible_cpus();
	struct sl_cpus cpus = { .count = 1 };

	if (count > 0)
		cpus.count = count < SL_STEER_SIZE ? (__u32)count : SL_STEER_SIZE;
	for (__u8 node = 0; node < SL_STEER_NODES; node++) {
		_cleanup_fclose_ FILE *file = NULL;
		char path[64];

		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
		file = fopen(path, "re");
		if (file)
			read_node(file, node, &cpus);
	}
	*ret_cpus = cpus;
}

static struct positions weighted(const struct sl_instance *instance)
{
	struct positions all = {};

	for (__u32 p = 0; p < instance->sockets; p++)
		if (instance->weights[p])
			all.list[all.count++] = (__u8)p;
	return all;
}

static void spread_by_hash(struct sl_instance *instance, const struct positions *all)
{
	__u32 total = 0, end = 0, slot = 0;

	for (__u32 i = 0; i < all->count; i++)
		total += instance->weights[all->list[i]];
	for (__u32 i = 0; i < all->count; i++) {
		end += instance->weights[all->list[i]];
		while (slot < SL_STEER_SIZE && slot * total < end * SL_STEER_SIZE)
			instance->steer[slot++] = all->list[i];
	}
}

static void spread_by_cpu(struct sl_instance *instance, const struct positions *all)
{
	for (__u32 cpu = 0; cpu < SL_STEER_SIZE; cpu++)
		instance->steer[cpu] = all->list[cpu % all->count];
}

static void spread_by_numa(struct sl_instance *instance, const struct positions *all,
			   const struct sl_cpus *cpus)
{
	for (__u32 node = 0; node < SL_STEER_NODES; node++) {
		struct positions own = {};

		for (__u32 i = 0; i < all->count; i++)
			if (cpus->node[all->list[i] % cpus->count] == node)
				own.list[own.count++] = all->list[i];
		if (!own.count)
			own = *all;
		for (__u32 i = 0; i < SL_STEER_PER_NODE; i++)
			instance->steer[node * SL_STEER_PER_NODE + i] = own.list[i % own.count];
	}
}

int sl_spread(struct sl_instance *instance, const struct sl_cpus *cpus, struct slot_reason *why)
{
	struct positions all;

	if (!instance->sockets || instance->sockets > SL_SOCKETS_MAX)
		return slot_reason_set(why, -EINVAL, "%u sockets: expected 1 to %d",
				       instance->sockets, SL_SOCKETS_MAX);
	all = weighted(instance);
	if (!all.count)
		return slot_reason_set(
			why, -EINVAL,
			"every weight is 0: at least one socket has to take what is new");
	if (instance->policy == SL_BY_CPU)
		spread_by_cpu(instance, &all);
	else if (instance->policy == SL_BY_NUMA)
		spread_by_numa(instance, &all, cpus);
	else
		spread_by_hash(instance, &all);
	return 0;
}

void sl_spread_workers(struct sl_instance *instance, const __u8 *worker_of)
{
	memset(instance->by_worker, SL_NO_WORKER, sizeof(instance->by_worker));
	instance->workers = 0;
	for (__u32 p = 0; p < instance->sockets && p < SL_SOCKETS_MAX; p++) {
		__u8 *position = &instance->by_worker[worker_of ? worker_of[p] : p];

		if (*position != SL_NO_WORKER)
			continue;
		*position = (__u8)p;
		instance->workers++;
	}
}
