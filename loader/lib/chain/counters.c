/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/counters.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dispatcher/root_layout.h"
#include "loader/lib/base/cleanup.h"

static unsigned int round_up_cpus(unsigned int cpus)
{
	unsigned int rounded = 1;

	while (rounded < cpus)
		rounded *= 2;
	return rounded;
}

int slot_counters_new(unsigned int *ret_cpu_max)
{
	int cpus = libbpf_num_possible_cpus();
	unsigned int cpu_max;
	int fd;

	if (cpus < 0)
		return cpus;
	cpu_max = round_up_cpus((unsigned int)cpus);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, ROOT_COUNTERS_NAME, sizeof(__u32),
			    cpu_max << slot_root_layout_current()->cpu_shift, 1, NULL);
	if (fd >= 0)
		*ret_cpu_max = cpu_max;
	return fd;
}

int slot_counters_value_size(int fd, __u32 *ret_size)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return -errno;
	*ret_size = info.value_size;
	return 0;
}

int slot_counters_clear(int fd)
{
	_cleanup_free_ void *zero = NULL;
	__u32 key = 0;
	__u32 size = 0;
	int err = slot_counters_value_size(fd, &size);

	if (err)
		return err;
	zero = calloc(1, size);
	return zero ? bpf_map_update_elem(fd, &key, zero, BPF_ANY) : -ENOMEM;
}

/* Counters are read while packets pass: a difference may be behind by what is on its way. */
static __u64 subtract(__u64 from, __u64 what)
{
	return from > what ? from - what : 0;
}

/* Adds what the slot answered onto @packets; returns what is left for the slots behind it. */
static __u64 add_slot(const struct root_counters *raw, unsigned int slot, __u64 seen,
		      struct slot_packets *packets)
{
	__u64 ended = 0;
	__u64 went_on = 0;
	unsigned int c;

	for (c = 0; c <= ROOT_COL_SKIPPED; c++) {
		packets->verdicts[c] += raw->exit[slot][c] + raw->went_on[slot][c];
		ended += raw->exit[slot][c];
		went_on += raw->went_on[slot][c];
	}
	packets->seen += seen;
	packets->verdicts[ROOT_COL_PASS] += subtract(seen, ended + went_on);
	return subtract(seen, ended + raw->went_on[slot][ROOT_COL_SKIPPED]);
}

static void add_canary(const __u64 *raw, struct slot_packets *packets)
{
	unsigned int c;

	for (c = 0; c <= ROOT_COL_SKIPPED; c++) {
		packets->verdicts[c] += raw[c];
		packets->seen += raw[c];
	}
}

void slot_counters_derive(const struct root_counters *raw, const struct slot_lineup *lineup,
			  struct slot_counters *sums)
{
	__u64 left = 0;
	unsigned int row;
	unsigned int c;

	for (row = 0; row < ROOT_ROWS; row++)
		for (c = 0; c < ROOT_COL_COUNT; c++)
			left += raw->exit[row][c];
	sums->packets += left;
	for (row = 0; row < ROOT_SLOTS; row++) {
		__u32 since = lineup->canary_since[row];

		if (lineup->running & 1U << row)
			left = add_slot(raw, row, left, &sums->slots[row]);
		left += raw->went_on[row][ROOT_COL_LANDED];
		if (since && since == sums->canary_since[row])
			add_canary(raw->canary[row], &sums->canaries[row]);
	}
	sums->passed += left;
}

void slot_counters_choose_slot(struct slot_counters *sums, unsigned int slot, __u32 since)
{
	if (sums->canary_since[slot] == since)
		return;
	sums->canary_since[slot] = since;
	sums->canaries[slot] = (struct slot_packets){ 0 };
}

void slot_counters_choose(struct slot_counters *sums, const struct slot_lineup *lineup)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		slot_counters_choose_slot(sums, slot, lineup->canary_since[slot]);
}

int slot_counters_add(int fd, const struct slot_lineup *lineup, struct slot_counters *sums)
{
	const struct root_layout *layout = lineup->root_abi ?
						   slot_root_layout_find(lineup->root_abi) :
						   slot_root_layout_current();
	_cleanup_free_ char *cpus = NULL;
	struct root_counters sum = { 0 };
	__u32 key = 0;
	__u32 size = 0;
	__u32 i;
	int err = layout ? slot_counters_value_size(fd, &size) : -ENOTSUP;

	if (err)
		return err;
	cpus = malloc(size);
	if (!cpus)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &key, cpus);
	if (err)
		return err;
	for (i = 0; i < size >> layout->cpu_shift; i++)
		slot_root_layout_add(layout, cpus + ((size_t)i << layout->cpu_shift), &sum);
	slot_counters_derive(&sum, lineup, sums);
	return 0;
}
