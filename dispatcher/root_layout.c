/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root_layout.h"

#include <string.h>

/* A version stays as long as a host may run it: a root outlives the slotd that built it. */
static const struct root_layout layouts[] = {
	{ .version = 1,
	  .cpu_shift = 12,
	  .columns = 8,
	  .first = { 0, 21, ROOT_BLOCK_ABSENT },
	  .row_step = 1,
	  .column_step = 1 },
	{ .version = 2,
	  .cpu_shift = 12,
	  .columns = 8,
	  .first = { 0, 21, 41 },
	  .row_step = 1,
	  .column_step = 1 },
#ifdef ROOT_ABI_TRIAL
	/* As unlike the others as can be, for tests: see ROOT_ABI_TRIAL. */
	{ .version = ROOT_ABI_TRIAL,
	  .cpu_shift = 13,
	  .columns = 16,
	  .first = { 60, 39, 19 },
	  .row_step = -1,
	  .column_first = 15,
	  .column_step = -1 },
#endif
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

const struct root_layout *slot_root_layout_find(unsigned int version)
{
	size_t i;

	for (i = 0; i < LAYOUTS; i++)
		if (layouts[i].version == version)
			return &layouts[i];
	return NULL;
}

const struct root_layout *slot_root_layout_current(void)
{
	return &layouts[LAYOUTS - 1];
}

size_t slot_root_layout_offset(const struct root_layout *layout, enum root_block block,
			       unsigned int row, unsigned int column)
{
	int at_row = layout->first[block] + (int)row * layout->row_step;
	int at_column = layout->column_first + (int)column * layout->column_step;

	return (size_t)(at_row * layout->columns + at_column) * sizeof(__u64);
}

static void add_block(const struct root_layout *layout, enum root_block block, const char *cpu,
		      __u64 (*sum)[ROOT_COL_COUNT], unsigned int rows)
{
	unsigned int row;
	unsigned int c;

	if (layout->first[block] == ROOT_BLOCK_ABSENT)
		return;
	for (row = 0; row < rows; row++) {
		for (c = 0; c < ROOT_COL_COUNT; c++) {
			__u64 counted;

			memcpy(&counted, cpu + slot_root_layout_offset(layout, block, row, c),
			       sizeof(counted));
			sum[row][c] += counted;
		}
	}
}

void slot_root_layout_add(const struct root_layout *layout, const void *cpu,
			  struct root_counters *sum)
{
	add_block(layout, ROOT_BLOCK_EXIT, cpu, sum->exit, ROOT_ROWS);
	add_block(layout, ROOT_BLOCK_WENT_ON, cpu, sum->went_on, ROOT_SLOTS);
	add_block(layout, ROOT_BLOCK_CANARY, cpu, sum->canary, ROOT_SLOTS);
}
