/* SPDX-License-Identifier: GPL-2.0-only */
/* Records that other versions of slotd wrote: tests/unit/records holds them as they were found on disk. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/lib/chain/generation.h"
#include "loader/lib/chain/record.h"
#include "loader/lib/host/pins.h"

#define RECORDS "tests/unit/records"

/* A store whose chains are the versions' folders: the records of version 0.1.0 are "0.1.0"'s. */
static int open_records(void **state)
{
	static struct slot_store store;
	char dir[64] = "/tmp/slotd-records-XXXXXX";
	char from[PATH_MAX] = "";
	char command[PATH_MAX * 3];
	struct slot_reason why;
	unsigned int i;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(slot_store_open(dir, &why, &store), 0);
	/* The checkout is where build/tests/unit/test_records is built. */
	assert_true(readlink("/proc/self/exe", from, sizeof(from) - 1) > 0);
	for (i = 0; i < 4; i++)
		*strrchr(from, '/') = '\0';
	snprintf(command, sizeof(command), "cp -r '%s/" RECORDS "/.' '%s/chains'", from, dir);
	assert_int_equal(system(command), 0);
	*state = &store;
	return 0;
}

static int close_records(void **state)
{
	const struct slot_store *store = *state;

	return slot_pin_remove_all(store->dir);
}

static void what_0_1_0_desired_is_read(void **state)
{
	struct slot_chain_record record;
	struct slot_reason why;

	assert_int_equal(slot_chain_record_read(*state, "0.1.0", &why, &record), 0);
	assert_int_equal(record.current, 5);
	assert_int_equal(record.previous, 4);
	assert_int_equal(record.next, 6);
	assert_false(record.is_detached);
	assert_string_equal(record.overrides.slots[0].name, "guest");
	assert_true(record.overrides.slots[0].has_object);
	assert_false(record.overrides.slots[0].canary.present);
	assert_string_equal(record.overrides.slots[1].name, "off");
	assert_int_equal(record.overrides.slots[1].enabled, 0);
}

static void a_generation_of_0_1_0_is_read(void **state)
{
	struct slot_generation *generation = slot_generation_new(5);
	struct slot_reason why;
	json_t *json = NULL;
	struct slot_lineup lineup;

	assert_int_equal(slot_store_read(*state, "0.1.0", "generation-5.json", &why, &json), 0);
	assert_int_equal(slot_generation_from_json(json, "generation-5.json", &why, generation), 0);
	assert_int_equal(generation->root_abi, 1);
	assert_string_equal(generation->engine->name, "fused");
	assert_string_equal(generation->state.slots[2].object.version, "1.0.0");
	assert_string_equal(generation->state.slots[2].settings.items[0].key, "drop_fragments");
	assert_false(generation->state.slots[2].canary.present);
	assert_false(generation->state.slots[2].has_former);
	lineup = slot_generation_lineup(generation);
	assert_int_equal(lineup.running, 1U << 2 | 1U << 5);
	assert_int_equal(lineup.root_abi, 1);
	json_decref(json);
	slot_generation_free(generation);
}

static void a_record_that_is_written_says_its_format(void **state)
{
	struct slot_chain_record record = { .next = 3 };
	struct slot_reason why;
	json_t *json = NULL;

	assert_int_equal(slot_chain_record_write(&record, *state, "eth0", &why), 0);
	assert_int_equal(slot_store_read(*state, "eth0", SLOT_CHAIN_RECORD_NAME, &why, &json), 0);
	assert_int_equal(json_integer_value(json_object_get(json, "format")), SLOT_RECORD_FORMAT);
	json_decref(json);
}

static void members_of_a_later_version_are_passed_over(void **state)
{
	struct slot_chain_record record;
	struct slot_reason why;

	assert_int_equal(slot_chain_record_read(*state, "later", &why, &record), 0);
	assert_int_equal(record.current, 7);
	assert_string_equal(record.overrides.slots[0].name, "guest");
}

static void a_later_format_is_refused(void **state)
{
	struct slot_chain_record record;
	struct slot_reason why;

	assert_int_equal(slot_chain_record_read(*state, "format-99", &why, &record), -ENOTSUP);
	assert_non_null(strstr(why.text, "was written by a newer slotd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_0_1_0_desired_is_read),
		cmocka_unit_test(a_generation_of_0_1_0_is_read),
		cmocka_unit_test(a_record_that_is_written_says_its_format),
		cmocka_unit_test(members_of_a_later_version_are_passed_over),
		cmocka_unit_test(a_later_format_is_refused),
	};

	return cmocka_run_group_tests(tests, open_records, close_records);
}
