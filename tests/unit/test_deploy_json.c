/* SPDX-License-Identifier: GPL-2.0-only */
/* The JSON of a deploy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/deploy.h"

static int parse(const char *text, struct slot_reason *why, struct slot_deploy *ret_deploy)
{
	return slot_deploy_parse(text, strlen(text), why, ret_deploy);
}

static void parse_takes_all_that_can_be_asked(void **state)
{
	_cleanup_(slot_deploy_free) struct slot_deploy deploy = { 0 };
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(
		parse("{\"generation\": 41, \"slots\": ["
		      "{\"slot\": 2, \"name\": \"fw.bpf.o\", \"canary\": {\"percent\": 5}},"
		      "{\"slot\": 7, \"name\": \"lb.o\", \"canary\": {\"cpus\": \"0-3,7\"}},"
		      "{\"slot\": 19, \"name\": \"c.o\", \"reset_maps\": [\"a\", \"b\"], "
		      "\"migrate_maps\": [\"c\"]}], "
		      "\"watch\": {\"seconds\": 30, \"max_drop_ratio\": 0.2, "
		      "\"max_abort\": 0}}",
		      &why, &deploy),
		0);
	assert_true(deploy.has_generation);
	assert_int_equal(deploy.generation, 41);
	assert_int_equal(deploy.order_count, 3);
	assert_int_equal(slot_deploy_slots(&deploy), 1U << 2 | 1U << 7 | 1U << 19);
	assert_string_equal(deploy.orders[0].name, "fw.bpf.o");
	assert_int_equal(deploy.orders[0].canary.share_ppm, 50000);
	assert_true(deploy.orders[1].canary.cpus == 0x8f);
	assert_false(deploy.orders[2].canary.present);
	assert_int_equal(deploy.orders[2].maps.reset_count, 2);
	assert_string_equal(deploy.orders[2].maps.reset[1], "b");
	assert_int_equal(deploy.orders[2].maps.migrate_count, 1);
	assert_int_equal(deploy.watch.seconds, 30);
	assert_int_equal(deploy.watch.max_drop_ppm, 200000);
	assert_true(deploy.watch.has_abort);
	assert_int_equal(deploy.watch.max_abort, 0);
}

static void parse_takes_the_least_that_can_be_asked(void **state)
{
	_cleanup_(slot_deploy_free) struct slot_deploy deploy = { 0 };
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(parse("{\"slots\": [{\"slot\": 0, \"name\": \"a.o\"}]}", &why, &deploy),
			 0);
	assert_false(deploy.has_generation);
	assert_false(deploy.has_watch);
	assert_false(deploy.orders[0].canary.present);
}

static void slots_are_named_as_in_a_query(void **state)
{
	__u32 slots = 0;

	(void)state;
	assert_int_equal(slot_slots_parse("2,7", &slots), 0);
	assert_int_equal(slots, 1U << 2 | 1U << 7);
	assert_int_equal(slot_slots_parse("0,19", &slots), 0);
	assert_int_equal(slot_slots_parse("20", &slots), -EINVAL);
	assert_int_equal(slot_slots_parse("", &slots), -EINVAL);
	assert_int_equal(slot_slots_parse("2,", &slots), -EINVAL);
}

static void free_maps(struct slot_map_orders *maps)
{
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
		slot_map_orders_free(&maps[slot]);
}

static void maps_to_reset_are_named_as_in_a_query(void **state)
{
	struct slot_map_orders maps[ROOT_SLOTS] = { 0 };
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_map_resets_parse("2:seen,19:a.bss,2:flows", &why, maps), 0);
	assert_int_equal(maps[2].reset_count, 2);
	assert_string_equal(maps[2].reset[1], "flows");
	assert_string_equal(maps[19].reset[0], "a_bss");
	assert_true(slot_map_orders_is_empty(&maps[3]));
	free_maps(maps);
}

static void maps_to_reset_without_a_slot_are_refused(void **state)
{
	static const char *const texts[] = { "",	 "seen",    ":seen",  "20:seen", "-1:seen",
					     "2:",	 "2:a/b",   "2:a,",   "2:a,2:a", "2 :a",
					     "2:a,seen", "+2:seen", "2x:seen" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct slot_map_orders maps[ROOT_SLOTS] = { 0 };
		struct slot_reason why = { "" };

		assert_int_equal(slot_map_resets_parse(texts[i], &why, maps), -EINVAL);
		assert_true(why.text[0]);
		free_maps(maps);
	}
}

/* --- what is refused ----------------------------------------------------------------------- */

struct bad_deploy {
	const char *name;
	const char *text;
	const char *error;
};

#define SLOT "\"slot\": 2, \"name\": \"fw.o\""
#define WITH(more) "{\"slots\": [{" SLOT ", " more "}]}"
#define WATCH(watch) "{\"slots\": [{" SLOT "}], \"watch\": " watch "}"

static const struct bad_deploy bad[] = {
	{ "an_array", "[]", "change: an object with 'slots' expected" },
	{ "no_slots", "{}", "change: 'slots' is missing" },
	{ "slots_that_are_none", "{\"slots\": []}", "change: 'slots': 1 to 20 slots expected" },
	{ "a_slot_beyond_the_chain", "{\"slots\": [{\"slot\": 20, \"name\": \"a\"}]}",
	  "change: slots[0]: 'slot': a number from 0 to 19 expected" },
	{ "a_slot_twice", "{\"slots\": [{" SLOT "}, {" SLOT "}]}",
	  "change: slots[1]: slot 2 is there twice" },
	{ "a_name_that_is_a_path", "{\"slots\": [{\"slot\": 2, \"name\": \"../a\"}]}",
	  "change: slots[0]: 'name': the object's file name expected" },
	{ "an_empty_name", "{\"slots\": [{\"slot\": 2, \"name\": \"\"}]}",
	  "change: slots[0]: 'name': the object's file name expected" },
	{ "a_misspelt_member", WITH("\"canry\": {\"percent\": 5}"),
	  "change: slots[0]: 'canry' means nothing here" },
	{ "a_canary_of_nothing", WITH("\"canary\": {}"),
	  "change: slots[0]: 'canary': either percent or cpus expected" },
	{ "a_canary_of_both", WITH("\"canary\": {\"percent\": 5, \"cpus\": \"1\"}"),
	  "change: slots[0]: 'canary': either percent or cpus expected" },
	{ "a_canary_of_none", WITH("\"canary\": {\"percent\": 0}"),
	  "change: slots[0]: 'percent': a number above 0 and below 100 expected" },
	{ "a_canary_of_all", WITH("\"canary\": {\"percent\": 100}"),
	  "change: slots[0]: 'percent': a number above 0 and below 100 expected" },
	{ "a_canary_in_words", WITH("\"canary\": {\"percent\": \"5\"}"),
	  "change: slots[0]: 'percent': a number above 0 and below 100 expected" },
	{ "a_canary_of_cpus_beyond", WITH("\"canary\": {\"cpus\": \"64\"}"),
	  "change: slots[0]: 'cpus': a list like 0-3,7 of CPUs 0 to 63 expected" },
	{ "maps_that_are_no_names", WITH("\"reset_maps\": [1]"),
	  "change: slots[0]: 'reset_maps': names of maps expected" },
	{ "a_map_that_is_a_path", WITH("\"migrate_maps\": [\"../m\"]"),
	  "change: slots[0]: 'migrate_maps': '../m' cannot be a map's name: 1 to 63 of letters, "
	  "digits, _ and . expected" },
	{ "a_map_twice", WITH("\"reset_maps\": [\"m\"], \"migrate_maps\": [\"m\"]"),
	  "change: slots[0]: 'migrate_maps': map 'm' is named twice: reset it or migrate it, once" },
	{ "no_maps_at_all", WITH("\"reset_maps\": []"),
	  "change: slots[0]: 'reset_maps': 1 to 64 names of maps expected" },
	{ "a_canary_that_resets_maps",
	  WITH("\"canary\": {\"percent\": 5}, \"reset_maps\": [\"m\"]"),
	  "change: slots[0]: a canary shares its maps with the version beside it, so that they "
	  "cannot be reset or migrated: do that with a deploy that is no canary" },
	{ "a_watch_without_end", WATCH("{\"max_abort\": 0}"),
	  "change: watch: 'seconds' is missing" },
	{ "a_watch_of_no_time", WATCH("{\"seconds\": 0, \"max_abort\": 0}"),
	  "change: watch: 'seconds': at least 1 expected" },
	{ "a_watch_over_a_day", WATCH("{\"seconds\": 86401, \"max_abort\": 0}"),
	  "change: watch: 'seconds': a number from 0 to 86400 expected" },
	{ "a_watch_without_terms", WATCH("{\"seconds\": 5}"),
	  "change: watch: max_drop_ratio or max_abort expected" },
	{ "a_ratio_beyond_all", WATCH("{\"seconds\": 5, \"max_drop_ratio\": 1.01}"),
	  "change: watch: 'max_drop_ratio': a number from 0 to 1 expected" },
	{ "aborts_below_none", WATCH("{\"seconds\": 5, \"max_abort\": -1}"),
	  "change: watch: 'max_abort': a number of packets expected" },
	{ "a_generation_in_words", "{\"slots\": [{" SLOT "}], \"generation\": \"41\"}",
	  "change: 'generation': a number expected" },
};
#define BAD (sizeof(bad) / sizeof(bad[0]))

static void parse_refuses(void **state)
{
	const struct bad_deploy *row = *state;
	struct slot_reason why = { "" };
	struct slot_deploy deploy;

	assert_int_equal(parse(row->text, &why, &deploy), -EINVAL);
	assert_string_equal(why.text, row->error);
}

static void parse_refuses_what_is_no_json(void **state)
{
	struct slot_reason why = { "" };
	struct slot_deploy deploy;

	(void)state;
	assert_int_equal(parse("", &why, &deploy), -EINVAL);
	assert_int_equal(parse("{\"slots\": 1, \"slots\": 2}", &why, &deploy), -EINVAL);
	assert_non_null(strstr(why.text, "change: no JSON: "));
}

int main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(parse_takes_all_that_can_be_asked),
		cmocka_unit_test(parse_takes_the_least_that_can_be_asked),
		cmocka_unit_test(slots_are_named_as_in_a_query),
		cmocka_unit_test(maps_to_reset_are_named_as_in_a_query),
		cmocka_unit_test(maps_to_reset_without_a_slot_are_refused),
		cmocka_unit_test(parse_refuses_what_is_no_json),
	};
	static const size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
	static struct CMUnitTest all[sizeof(fixed) / sizeof(fixed[0]) + BAD];
	static char names[BAD][96];

	memcpy(all, fixed, sizeof(fixed));
	for (size_t i = 0; i < BAD; i++) {
		snprintf(names[i], sizeof(names[i]), "parse_refuses_%s", bad[i].name);
		all[fixed_count + i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = parse_refuses,
			.initial_state = (void *)&bad[i],
		};
	}
	return cmocka_run_group_tests_name("deploy_json", all, NULL, NULL);
}
