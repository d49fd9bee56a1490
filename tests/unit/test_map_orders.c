/* SPDX-License-Identifier: GPL-2.0-only */
/* Which maps of a slot a change resets or migrates. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/registry/map_orders.h"

#define CHARS_16 "a234567890123456"

static void no_orders_ask_for_nothing(void **state)
{
	struct slot_map_orders orders = { 0 };

	(void)state;
	assert_true(slot_map_orders_is_empty(NULL));
	assert_true(slot_map_orders_is_empty(&orders));
	assert_false(slot_map_orders_is_fresh(NULL, "flows"));
	assert_false(slot_map_orders_is_fresh(&orders, "flows"));
}

static void orders_name_maps_as_their_pins_are_named(void **state)
{
	struct slot_map_orders orders = { 0 };
	struct slot_reason why;

	(void)state;
	assert_int_equal(slot_map_orders_add_reset(&orders, ".bss", &why), 0);
	assert_int_equal(slot_map_orders_add_migrate(&orders, "flows", &why), 0);
	assert_false(slot_map_orders_is_empty(&orders));
	assert_true(slot_map_orders_is_fresh(&orders, "_bss"));
	assert_true(slot_map_orders_is_fresh(&orders, "flows"));
	assert_false(slot_map_orders_is_fresh(&orders, "rules"));
	slot_map_orders_free(&orders);
	assert_true(slot_map_orders_is_empty(&orders));
}

static void a_map_is_ordered_once(void **state)
{
	struct slot_map_orders orders = { 0 };
	struct slot_reason why;

	(void)state;
	assert_int_equal(slot_map_orders_add_reset(&orders, "flows", &why), 0);
	assert_int_equal(slot_map_orders_add_reset(&orders, "flows", &why), -EINVAL);
	assert_int_equal(slot_map_orders_add_migrate(&orders, "flows", &why), -EINVAL);
	assert_string_equal(why.text, "map 'flows' is named twice: reset it or migrate it, once");
	assert_int_equal(orders.reset_count, 1);
	assert_int_equal(orders.migrate_count, 0);
	slot_map_orders_free(&orders);
}

static void what_cannot_be_a_name_is_refused(void **state)
{
	static const char too_long[] = CHARS_16 CHARS_16 CHARS_16 CHARS_16;
	static const char *const names[] = { "", "a/b", "..\n", "a b", too_long };
	struct slot_map_orders orders = { 0 };
	struct slot_reason why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(slot_map_orders_add_reset(&orders, names[i], &why), -EINVAL);
		assert_non_null(strstr(why.text, "cannot be a map's name"));
	}
	assert_true(slot_map_orders_is_empty(&orders));
	slot_map_orders_free(&orders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_orders_ask_for_nothing),
		cmocka_unit_test(orders_name_maps_as_their_pins_are_named),
		cmocka_unit_test(a_map_is_ordered_once),
		cmocka_unit_test(what_cannot_be_a_name_is_refused),
	};

	return cmocka_run_group_tests_name("map_orders", tests, NULL, NULL);
}
