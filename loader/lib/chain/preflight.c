/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/preflight.h"

#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/counters.h"

#define ETHERTYPE_EXPERIMENT 0x88b5 /* IEEE 802 local experimental ethertype 1 */

/* What the run counted, slot by slot: a chain may well pass what one of its slots got wrong. */
static int judge_counters(const struct slot_generation *generation, size_t size,
			  struct slot_reason *why)
{
	struct slot_counters counted = { 0 };
	struct slot_lineup lineup = slot_generation_lineup(generation);
	unsigned int slot;
	int err = slot_counters_add(generation->counters_fd, &lineup, &counted);

	if (err)
		return slot_reason_set(why, err, "preflight: cannot read the counters: %s",
				       strerror(-err));
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const __u64 *verdicts = counted.slots[slot].verdicts;
		const char *name = generation->state.slots[slot].name;

		if (verdicts[ROOT_COL_DENIED])
			return slot_reason_set(why, -EPROTO,
					       "preflight: slot %u (%s) answers an ordinary frame "
					       "of %zu bytes with a verdict it may not return",
					       slot, name, size);
		if (verdicts[ROOT_COL_ABORTED])
			return slot_reason_set(why, -EPROTO,
					       "preflight: slot %u (%s) aborts an ordinary frame "
					       "of %zu bytes",
					       slot, name, size);
	}
	return 0;
}

static int run_frame(const struct slot_generation *generation, size_t size, struct slot_reason *why)
{
	unsigned char frame[ETH_FRAME_LEN] = { 0 };
	struct ethhdr *eth = (struct ethhdr *)frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (__u32)size,
		    .repeat = 1);
	int err;

	eth->h_proto = htons(ETHERTYPE_EXPERIMENT);
	err = bpf_prog_test_run_opts(generation->root_fd, &opts);
	if (err)
		return slot_reason_set(why, err, "preflight: cannot run generation %u: %s",
				       generation->number, strerror(-err));
	if (generation->counters_fd >= 0)
		return judge_counters(generation, size, why);
	return opts.retval == ROOT_COL_ABORTED ?
		       slot_reason_set(why, -EPROTO,
				       "preflight: the chain aborts an ordinary frame of %zu bytes",
				       size) :
		       0;
}

int slot_preflight_run(const struct slot_generation *generation, struct slot_reason *why)
{
	int err = run_frame(generation, ETH_ZLEN, why);

	if (!err)
		err = run_frame(generation, ETH_FRAME_LEN, why);
	if (!err && generation->counters_fd >= 0) {
		err = slot_counters_clear(generation->counters_fd);
		if (err)
			slot_reason_set(why, err, "preflight: cannot clear the counters: %s",
					strerror(-err));
	}
	return err;
}
