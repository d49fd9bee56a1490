/* SPDX-License-Identifier: GPL-2.0-only */
/* Canaries and former objects as data: lists of CPUs, JSON, overrides, the plan. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/json.h"
#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/plan.h"
#include "loader/lib/registry/registry.h"
#include "tests/support/state_case.h"

static struct slot_canary make_canary(char digit, unsigned int share_ppm, __u64 cpus)
{
	return (struct slot_canary){
		.present = true,
		.object = state_case_object("firewall", digit),
		.share_ppm = share_ppm,
		.cpus = cpus,
	};
}

/* --- lists of CPUs ------------------------------------------------------------------------- */

static void a_list_of_cpus_goes_there_and_back(void **state)
{
	static const struct {
		const char *text;
		__u64 cpus;
		const char *back;
	} rows[] = {
		{ "0", 1, "0" },	 { "0-3,7", 0x8f, "0-3,7" }, { "7,0-3", 0x8f, "0-3,7" },
		{ "1,2,3", 0xe, "1-3" }, { "63", 1ULL << 63, "63" }, { "0-63", ~0ULL, "0-63" },
		{ "5-5", 0x20, "5" },
	};
	char text[SLOT_CANARY_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		__u64 cpus = 0;

		assert_int_equal(slot_cpus_parse(rows[i].text, &cpus), 0);
		assert_true(cpus == rows[i].cpus);
		slot_cpus_format(cpus, text);
		assert_string_equal(text, rows[i].back);
	}
}

static void a_list_of_cpus_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"",  ",",   "0,",   "64", "0-64", "3-1",	  "-1",
		"a", "0 1", "0--1", "1-", "0,,1", "999999999999", "0x1"
	};
	__u64 cpus = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(slot_cpus_parse(texts[i], &cpus), -EINVAL);
	assert_true(cpus == 77);
}

static void a_canary_says_which_packets_it_gets(void **state)
{
	static const struct {
		unsigned int share_ppm;
		__u64 cpus;
		const char *text;
	} rows[] = {
		{ 50000, 0, "5% of flows" },
		{ 1, 0, "0.0001% of flows" },
		{ 125000, 0, "12.5% of flows" },
		{ 0, 0x8f, "CPUs 0-3,7" },
		{ 0, 2, "CPU 1" },
	};
	char text[SLOT_CANARY_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slot_canary canary = make_canary('b', rows[i].share_ppm, rows[i].cpus);

		slot_canary_format(&canary, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void the_longest_list_of_cpus_fits(void **state)
{
	char text[SLOT_CANARY_TEXT_MAX];
	__u64 cpus = 0;

	(void)state;
	slot_cpus_format(0x5555555555555555ULL, text);
	assert_true(strlen(text) < 200);
	assert_int_equal(slot_cpus_parse(text, &cpus), 0);
	assert_true(cpus == 0x5555555555555555ULL);
}

/* --- records ------------------------------------------------------------------------------- */

static void a_slot_with_canary_and_former_comes_back_from_json(void **state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state back = { 0 };
	struct slot_chain_state chain = { 0 };
	struct slot_state *slot = state_case_add(&chain, 2, "firewall", 'a');
	_cleanup_json_ json_t *json = NULL;
	struct slot_reason why = { "" };

	(void)state;
	slot->canary = make_canary('b', 50000, 0);
	slot->has_former = true;
	slot->former = state_case_object("firewall", 'c');
	state_case_add(&chain, 3, "lb", 'd')->canary = make_canary('e', 0, 0x8000000000000001ULL);
	json = slot_chain_state_to_json(&chain);
	assert_int_equal(slot_chain_state_from_json(json, &why, &back), 0);
	assert_true(slot_canary_is_equal(&back.slots[2].canary, &slot->canary));
	assert_true(slot_canary_is_equal(&back.slots[3].canary, &chain.slots[3].canary));
	assert_true(back.slots[2].has_former);
	assert_true(slot_object_id_is_equal(&back.slots[2].former, &slot->former));
	assert_false(back.slots[3].has_former);
}

static void an_override_with_a_canary_comes_back_from_json(void **state)
{
	const struct slot_canary canary = make_canary('b', 50000, 0);
	const struct slot_canary none = { 0 };
	struct slot_overrides overrides = { 0 };
	struct slot_overrides back;
	_cleanup_json_ json_t *json = NULL;
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_override_set_canary(&overrides, "firewall", &canary), 0);
	json = slot_overrides_to_json(&overrides);
	assert_int_equal(slot_overrides_from_json(json, &why, &back), 0);
	assert_true(slot_overrides_is_equal(&overrides, &back));
	assert_true(slot_canary_is_equal(&slot_override_find(&back, "firewall")->canary, &canary));
	assert_int_equal(slot_override_set_canary(&back, "firewall", &none), 0);
	assert_null(slot_override_find(&back, "firewall"));
	assert_false(slot_overrides_is_equal(&overrides, &back));
}

#define SHA256 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OBJECT "\"object\": {\"sha256\": \"" SHA256 "\", \"name\": \"fw\", \"version\": \"1\"}"

static void a_canary_that_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "{\"canary\": 5}", "'canary': an object expected" },
		{ "{\"canary\": {}}", "'object' is missing" },
		{ "{\"canary\": {" OBJECT "}}", "'share_ppm' is missing" },
		{ "{\"canary\": {" OBJECT ", \"share_ppm\": 0}}",
		  "'share_ppm': a share above 0 expected" },
		{ "{\"canary\": {" OBJECT ", \"share_ppm\": 1000000}}",
		  "'share_ppm': a number from 0 to 999999 expected" },
		{ "{\"canary\": {" OBJECT ", \"cpus\": \"64\"}}",
		  "'cpus': a list like 0-3,7 of CPUs 0 to 63 expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *json = json_loads(rows[i].text, 0, NULL);
		struct slot_canary canary;
		struct slot_reason why = { "" };

		assert_non_null(json);
		assert_int_equal(slot_canary_from_json(json, &why, &canary), -EINVAL);
		assert_string_equal(why.text, rows[i].error);
	}
}

/* --- what a reservation ran before --------------------------------------------------------- */

static void a_slot_knows_what_it_ran_before(void **state)
{
	const struct slot_object_id first = state_case_object("firewall", 'a');
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_chain_state next = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	/* It follows its name to another slot. */
	state_case_add(&desired, 4, "firewall", 'b');
	slot_chain_state_set_former(&desired, &running);
	assert_true(desired.slots[4].has_former);
	assert_true(slot_object_id_is_equal(&desired.slots[4].former, &first));
	/* The same object again keeps the memory of the other. */
	state_case_add(&next, 4, "firewall", 'b');
	slot_chain_state_set_former(&next, &desired);
	assert_true(slot_object_id_is_equal(&next.slots[4].former, &first));
}

static void a_slot_that_is_new_has_no_former(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", '\0');
	state_case_add(&desired, 2, "firewall", 'b');
	state_case_add(&desired, 3, "lb", 'c');
	slot_chain_state_set_former(&desired, &running);
	assert_false(desired.slots[2].has_former);
	assert_false(desired.slots[3].has_former);
}

/* --- resolving and going back -------------------------------------------------------------- */

static void a_return_brings_the_canary_back(void **state)
{
	struct slot_chain_state from_config = { 0 };
	struct slot_chain_state target = { 0 };
	struct slot_overrides overrides;

	(void)state;
	state_case_add(&from_config, 2, "firewall", 'a');
	state_case_add(&target, 2, "firewall", 'a')->canary = make_canary('b', 50000, 0);
	assert_int_equal(slot_registry_return(&from_config, &target, &overrides), 0);
	assert_true(slot_canary_is_equal(&slot_override_find(&overrides, "firewall")->canary,
					 &target.slots[2].canary));
}

/* --- the plan ------------------------------------------------------------------------------ */

static void assert_step(const struct slot_chain_state *running,
			const struct slot_chain_state *desired, enum slot_action action,
			const char *text)
{
	struct slot_plan plan;

	slot_plan_make(running, desired, &plan);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.steps[0].action, action);
	assert_string_equal(plan.steps[0].text, text);
	assert_int_equal(plan.has_changes, action != SLOT_ACTION_KEEP);
}

static void plan_tells_what_becomes_of_a_canary(void **state)
{
	struct slot_chain_state plain = { 0 };
	struct slot_chain_state with = { 0 };
	struct slot_chain_state promoted = { 0 };
	struct slot_chain_state wider = { 0 };

	(void)state;
	state_case_add(&plain, 2, "firewall", 'a');
	state_case_add(&with, 2, "firewall", 'a')->canary = make_canary('b', 50000, 0);
	state_case_add(&wider, 2, "firewall", 'a')->canary = make_canary('b', 500000, 0);
	state_case_add(&promoted, 2, "firewall", 'b');
	assert_step(
		&plain, &with, SLOT_ACTION_CANARY,
		"keep firewall 1.0.a (aaaaaaaa); canary firewall 1.0.b (bbbbbbbb) gets 5% of flows");
	assert_step(&with, &with, SLOT_ACTION_KEEP, "keep firewall 1.0.a (aaaaaaaa)");
	assert_step(
		&with, &wider, SLOT_ACTION_CANARY,
		"keep firewall 1.0.a (aaaaaaaa); canary firewall 1.0.b (bbbbbbbb) gets 50% of flows");
	assert_step(&with, &plain, SLOT_ACTION_CANARY,
		    "keep firewall 1.0.a (aaaaaaaa); canary firewall 1.0.b (bbbbbbbb) ends");
	assert_step(&with, &promoted, SLOT_ACTION_REPLACE,
		    "replace firewall 1.0.a (aaaaaaaa) by firewall 1.0.b (bbbbbbbb); "
		    "the canary is promoted");
}

static void plan_loads_a_slot_with_its_canary_and_unlinks_both(void **state)
{
	struct slot_chain_state off = { 0 };
	struct slot_chain_state on = { 0 };

	(void)state;
	state_case_add(&on, 2, "firewall", 'a')->canary = make_canary('b', 0, 1);
	off = on;
	off.slots[2].enabled = false;
	assert_step(&off, &on, SLOT_ACTION_LOAD,
		    "load firewall 1.0.a (aaaaaaaa); canary firewall 1.0.b (bbbbbbbb) gets CPU 0");
	assert_step(&on, &off, SLOT_ACTION_UNLINK, "unlink firewall 1.0.a (aaaaaaaa): disabled");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_cpus_goes_there_and_back),
		cmocka_unit_test(a_list_of_cpus_that_is_none_is_refused),
		cmocka_unit_test(a_canary_says_which_packets_it_gets),
		cmocka_unit_test(the_longest_list_of_cpus_fits),
		cmocka_unit_test(a_slot_with_canary_and_former_comes_back_from_json),
		cmocka_unit_test(an_override_with_a_canary_comes_back_from_json),
		cmocka_unit_test(a_canary_that_is_malformed_is_refused),
		cmocka_unit_test(a_slot_knows_what_it_ran_before),
		cmocka_unit_test(a_slot_that_is_new_has_no_former),
		cmocka_unit_test(a_return_brings_the_canary_back),
		cmocka_unit_test(plan_tells_what_becomes_of_a_canary),
		cmocka_unit_test(plan_loads_a_slot_with_its_canary_and_unlinks_both),
	};

	return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
