/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_instance.h"
#include "loader/lib/base/cleanup.h"

/* More than a bucket of the map holds, or the kernel refuses. */
#define FLOWS_BATCH 4096

int sl_flows_each(const struct sl_maps *maps,
		  void (*see)(const struct sl_flow_key *key, const struct sl_flow *flow,
			      void *data),
		  void *data, struct slot_reason *why)
{
	_cleanup_free_ struct sl_flow_key *keys = calloc(FLOWS_BATCH, sizeof(*keys));
	_cleanup_free_ struct sl_flow *flows = calloc(FLOWS_BATCH, sizeof(*flows));
	__u32 at = 0, count;
	int err = 0;

	if (!keys || !flows)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (void *from = NULL; !err; from = &at) {
		count = FLOWS_BATCH;
		err = bpf_map_lookup_batch(maps->flows, from, &at, keys, flows, &count, NULL);
		for (__u32 i = 0; (!err || err == -ENOENT) && i < count; i++)
			see(&keys[i], &flows[i], data);
	}
	if (err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", SL_FLOWS_NAME,
				       strerror(-err));
	return 0;
}

/* Which flows are counted, and how many there were. */
struct tally {
	__u32 vip, instance, generation;
	__u32 since_s; /* CLOCK_MONOTONIC */
	size_t count;
};

static void count_flow(const struct sl_flow_key *key, const struct sl_flow *flow, void *data)
{
	struct tally *tally = data;

	tally->count += key->vip == tally->vip && flow->instance == tally->instance &&
			flow->generation == tally->generation && flow->seen_s >= tally->since_s;
}

int sl_flows_count(const struct sl_maps *maps, const struct sl_vip *vip, __u32 instance,
		   struct slot_reason *why, size_t *ret_count)
{
	struct tally tally = { .vip = vip->index, .instance = instance };
	struct timespec now = {};
	struct sl_instance held;
	int err = sl_instance_get(maps, vip->index, instance, why, &held);

	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &now);
	tally.generation = held.generation;
	if (now.tv_sec > vip->memory_s)
		tally.since_s = (__u32)now.tv_sec - vip->memory_s;
	err = sl_flows_each(maps, count_flow, &tally, why);
	if (!err)
		*ret_count = tally.count;
	return err;
}
