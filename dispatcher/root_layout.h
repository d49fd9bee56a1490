/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where each version of the root keeps its counters. The emitter writes by the
 * layout of its own version; who reads takes that of the version that a
 * generation was recorded with, so that a slotd that is newer than the root it
 * finds reads what that one counted. Pure.
 */
#ifndef ROOT_LAYOUT_H
#define ROOT_LAYOUT_H

#include <stddef.h>

#include "dispatcher/root_abi.h"

/* The parts of struct root_counters. */
enum root_block {
	ROOT_BLOCK_EXIT,
	ROOT_BLOCK_WENT_ON,
	ROOT_BLOCK_CANARY,
	ROOT_BLOCK_COUNT,
};

#define ROOT_BLOCK_ABSENT (-1)

/* Counters stand in rows of columns, 8 bytes each; a step may be negative. */
struct root_layout {
	unsigned int version;	     /* ROOT_ABI_VERSION of the root */
	unsigned int cpu_shift;	     /* 1 << cpu_shift bytes from one CPU's counters to the next */
	int columns;		     /* of a row */
	int first[ROOT_BLOCK_COUNT]; /* row of the block's slot 0, or ROOT_BLOCK_ABSENT */
	int row_step;		     /* from a slot's row to the next slot's */
	int column_first;	     /* of column 0 of enum root_column */
	int column_step;
};

/* slot_root_layout_find - the layout of @version; NULL for one that this build does not know. */
const struct root_layout *slot_root_layout_find(unsigned int version);

/* slot_root_layout_current - that of the roots that this build emits. */
const struct root_layout *slot_root_layout_current(void);

/* slot_root_layout_offset - of one counter in bytes from the start of a CPU's; the block is there. */
size_t slot_root_layout_offset(const struct root_layout *layout, enum root_block block,
			       unsigned int row, unsigned int column);

/* slot_root_layout_add - add the counters of one CPU, which stand at @cpu, onto @sum. */
void slot_root_layout_add(const struct root_layout *layout, const void *cpu,
			  struct root_counters *sum);

#endif
