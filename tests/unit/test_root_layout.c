/* SPDX-License-Identifier: GPL-2.0-only */
/* Where each version of the root counts, and how that is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/root_layout.h"

static const unsigned int versions[] = { 1, 2 };

static void every_counter_has_a_place_of_its_own(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const struct root_layout *layout = slot_root_layout_find(versions[i]);
		size_t size = (size_t)1 << layout->cpu_shift;
		char *taken = calloc(1, size);
		unsigned int block, row, c;

		for (block = 0; block < ROOT_BLOCK_COUNT; block++) {
			if (layout->first[block] == ROOT_BLOCK_ABSENT)
				continue;
			for (row = 0; row < (block ? ROOT_SLOTS : ROOT_ROWS); row++) {
				for (c = 0; c < ROOT_COL_COUNT; c++) {
					size_t at = slot_root_layout_offset(layout, block, row, c);

					assert_true(at % 8 == 0 && at + 8 <= size);
					assert_int_equal(taken[at]++, 0);
				}
			}
		}
		free(taken);
	}
}

static void what_a_version_did_not_count_is_not_read(void **state)
{
	struct root_counters sum = { 0 };
	__u64 page[512];
	unsigned int row;

	(void)state;
	for (row = 0; row < 512; row++)
		page[row] = row;
	slot_root_layout_add(slot_root_layout_find(1), page, &sum);
	slot_root_layout_add(slot_root_layout_find(1), page, &sum);
	assert_int_equal(sum.exit[ROOT_ROW_END][ROOT_COL_PASS], 2 * (20 * 8 + 2));
	assert_int_equal(sum.went_on[19][ROOT_COL_DENIED], 2 * (40 * 8 + 5));
	assert_int_equal(sum.canary[0][ROOT_COL_PASS], 0);
	slot_root_layout_add(slot_root_layout_find(2), page, &sum);
	assert_int_equal(sum.canary[0][ROOT_COL_PASS], 41 * 8 + 2);
}

static void a_version_that_is_newer_is_not_known(void **state)
{
	(void)state;
	assert_null(slot_root_layout_find(0));
	assert_null(slot_root_layout_find(ROOT_ABI_VERSION + 1));
	assert_int_equal(slot_root_layout_current()->version, ROOT_ABI_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_has_a_place_of_its_own),
		cmocka_unit_test(what_a_version_did_not_count_is_not_read),
		cmocka_unit_test(a_version_that_is_newer_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
