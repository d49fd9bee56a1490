/* SPDX-License-Identifier: GPL-2.0-only */
/* The states of a chain, and their way through JSON. */
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
#include "loader/lib/registry/registry.h"
#include "loader/lib/registry/state.h"
#include "tests/support/state_case.h"

#define SHA256 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void json_decref_cleanup(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(json_decref_cleanup)

/* --- running and copying ------------------------------------------------------------------- */

static void a_slot_runs_when_it_is_reserved_enabled_and_has_an_object(void **state)
{
	struct slot_chain_state chain = { 0 };
	struct slot_state *slot = state_case_add(&chain, 2, "firewall", 'a');

	(void)state;
	assert_true(slot_state_is_running(slot));
	slot->enabled = false;
	assert_false(slot_state_is_running(slot));
	slot->enabled = true;
	slot->has_object = false;
	assert_false(slot_state_is_running(slot));
	slot->has_object = true;
	slot->reserved = false;
	assert_false(slot_state_is_running(slot));
}

static void a_copy_shares_nothing_with_the_original(void **state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state chain = { .counters = true };
	_cleanup_(slot_chain_state_free) struct slot_chain_state copy = { 0 };
	struct slot_state *slot = state_case_add(&chain, 2, "firewall", 'a');

	(void)state;
	assert_int_equal(slot_settings_add(&slot->settings, "key", "value"), 0);
	assert_int_equal(slot_chain_state_copy(&chain, &copy), 0);
	slot_chain_state_free(&chain);
	assert_true(copy.counters);
	assert_string_equal(copy.slots[2].name, "firewall");
	assert_string_equal(slot_settings_get(&copy.slots[2].settings, "key"), "value");
}

/* --- there and back ------------------------------------------------------------------------ */

static void a_state_comes_back_from_json_as_it_was(void **state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state chain = { .counters = true };
	_cleanup_(slot_chain_state_free) struct slot_chain_state back = { 0 };
	struct slot_state *slot = state_case_add(&chain, 19, "capture", 'c');
	_cleanup_json_ json_t *json = NULL;
	_cleanup_json_ json_t *again = NULL;
	struct slot_reason why = { "" };

	(void)state;
	state_case_add(&chain, 0, "seat", '\0');
	strcpy(slot->program, "xdp_capture");
	slot->enabled = false;
	slot->rules = (struct root_rules){
		.continue_on = 1U << ROOT_COL_PASS | 1U << ROOT_COL_DROP,
		.allow = 1U << ROOT_COL_PASS | 1U << ROOT_COL_DROP | 1U << ROOT_COL_TX |
			 ROOT_ALLOW_SKIP,
		.denied_as = ROOT_DENIED_AS_DROP,
	};
	assert_int_equal(slot_settings_add(&slot->settings, "rate", "10"), 0);
	json = slot_chain_state_to_json(&chain);
	assert_non_null(json);
	assert_int_equal(slot_chain_state_from_json(json, &why, &back), 0);
	again = slot_chain_state_to_json(&back);
	assert_true(json_equal(json, again));
	assert_true(slot_settings_is_equal(&slot->settings, &back.slots[19].settings));
	assert_memory_equal(&slot->rules, &back.slots[19].rules, sizeof(slot->rules));
	assert_memory_equal(&slot->object, &back.slots[19].object, sizeof(slot->object));
	assert_string_equal(back.slots[19].program, "xdp_capture");
	assert_false(back.slots[19].enabled);
	assert_string_equal(back.slots[0].name, "seat");
	assert_true(back.slots[0].enabled);
	assert_false(back.slots[0].has_object);
	assert_false(back.slots[1].reserved);
}

static void a_state_has_these_words_in_json(void **state)
{
	struct slot_chain_state chain = { .counters = true };
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *text = NULL;

	(void)state;
	state_case_add(&chain, 2, "firewall", 'a');
	json = slot_chain_state_to_json(&chain);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text, "{\"counters\":true,\"slots\":[{\"slot\":2,\"name\":\"firewall\","
				  "\"owner\":\"root\",\"enabled\":true,\"program\":\"\","
				  "\"continue_on_given\":false,\"continue_on\":[\"pass\"],"
				  "\"allow\":[\"aborted\",\"drop\",\"pass\",\"tx\",\"redirect\"],"
				  "\"denied_as\":\"aborted\",\"settings\":{},"
				  "\"object\":{\"sha256\":\"" SHA256 "\",\"name\":\"firewall\","
				  "\"version\":\"1.0.a\"}}]}");
}

static void overrides_come_back_from_json_as_they_were(void **state)
{
	const struct slot_object_id object = state_case_object("firewall", 'b');
	struct slot_overrides overrides = { 0 };
	struct slot_overrides back;
	_cleanup_json_ json_t *json = NULL;
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_override_set_object(&overrides, "firewall", &object), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "capture", 1), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "lb", 0), 0);
	json = slot_overrides_to_json(&overrides);
	assert_int_equal(slot_overrides_from_json(json, &why, &back), 0);
	assert_memory_equal(&slot_override_find(&back, "firewall")->object, &object,
			    sizeof(object));
	assert_false(slot_override_find(&back, "capture")->has_object);
	assert_int_equal(slot_override_find(&back, "firewall")->enabled, -1);
	assert_int_equal(slot_override_find(&back, "capture")->enabled, 1);
	assert_int_equal(slot_override_find(&back, "lb")->enabled, 0);
}

/* --- what is refused ----------------------------------------------------------------------- */

struct bad_json {
	const char *name;
	const char *text;
	const char *error;
};

#define OBJECT "{\"sha256\": \"" SHA256 "\", \"name\": \"fw\", \"version\": \"1\"}"
#define RULES "\"continue_on\": [\"pass\"], \"allow\": [\"pass\"], \"denied_as\": \"drop\""
#define NAMES "\"name\": \"fw\", \"owner\": \"root\", \"program\": \"\", \"enabled\": true"
#define SLOT "\"slot\": 2, " NAMES ", " RULES ", \"settings\": {}"
#define CHAIN(slots) "{\"counters\": true, \"slots\": [" slots "]}"

static const struct bad_json bad_states[] = {
	{ "state_that_is_no_object", "[]", "an object with 'counters' expected" },
	{ "state_without_counters", "{\"slots\": []}", "'counters' is missing" },
	{ "state_with_counters_in_words", "{\"counters\": \"yes\", \"slots\": []}",
	  "'counters': true or false expected" },
	{ "state_without_slots", "{\"counters\": true}", "'slots' is missing" },
	{ "state_with_slots_by_name", "{\"counters\": true, \"slots\": {}}",
	  "'slots': an array expected" },
	{ "slot_that_is_no_object", CHAIN("2"), "slots[0]: an object with 'slot' expected" },
	{ "slot_without_number", CHAIN("{}"), "slots[0]: 'slot' is missing" },
	{ "slot_with_a_number_in_words", CHAIN("{\"slot\": \"2\"}"),
	  "slots[0]: 'slot': a number expected" },
	{ "slot_beyond_the_chain", CHAIN("{\"slot\": 20}"),
	  "slots[0]: 'slot': a number from 0 to 19 expected" },
	{ "slot_below_the_chain", CHAIN("{\"slot\": -1}"),
	  "slots[0]: 'slot': a number from 0 to 19 expected" },
	{ "slot_twice", CHAIN("{" SLOT "}, {" SLOT "}"), "slots[1]: 'slot': 2 is there twice" },
	{ "slot_without_name", CHAIN("{\"slot\": 2}"), "slots[0]: 'name' is missing" },
	{ "slot_with_an_empty_name",
	  CHAIN("{\"slot\": 2, \"name\": \"\", \"owner\": \"root\", \"program\": \"\", "
		"\"enabled\": true, " RULES ", \"settings\": {}}"),
	  "slots[0]: 'name' is empty" },
	{ "slot_with_a_name_too_long",
	  CHAIN("{\"slot\": 2, \"name\": \"abcdefghijklmnopqrstuvwxyz012345\"}"),
	  "slots[0]: 'name': at most 31 bytes without NUL expected" },
	{ "slot_without_owner", CHAIN("{\"slot\": 2, \"name\": \"fw\"}"),
	  "slots[0]: 'owner' is missing" },
	{ "slot_without_rules", CHAIN("{\"slot\": 2, " NAMES "}"),
	  "slots[0]: 'continue_on' is missing" },
	{ "slot_with_an_unknown_verdict",
	  CHAIN("{\"slot\": 2, " NAMES ", \"continue_on\": [\"go\"]}"),
	  "slots[0]: 'continue_on': names of verdicts expected" },
	{ "slot_with_a_verdict_in_numbers", CHAIN("{\"slot\": 2, " NAMES ", \"continue_on\": [2]}"),
	  "slots[0]: 'continue_on': names of verdicts expected" },
	{ "slot_that_goes_on_after_what_is_not_allowed",
	  CHAIN("{\"slot\": 2, " NAMES ", \"continue_on\": [\"tx\"], \"allow\": [\"pass\"], "
		"\"denied_as\": \"drop\"}"),
	  "slots[0]: 'allow': a verdict, and all of continue_on, expected" },
	{ "slot_that_may_return_nothing",
	  CHAIN("{\"slot\": 2, " NAMES ", \"continue_on\": [], \"allow\": [], "
		"\"denied_as\": \"drop\"}"),
	  "slots[0]: 'allow': a verdict, and all of continue_on, expected" },
	{ "slot_with_a_denied_as_that_is_a_way_out",
	  CHAIN("{\"slot\": 2, " NAMES ", \"continue_on\": [], \"allow\": [\"pass\"], "
		"\"denied_as\": \"tx\"}"),
	  "slots[0]: 'denied_as': aborted, drop or pass expected" },
	{ "slot_without_settings", CHAIN("{\"slot\": 2, " NAMES ", " RULES "}"),
	  "slots[0]: 'settings' is missing" },
	{ "slot_with_a_setting_in_numbers",
	  CHAIN("{\"slot\": 2, " NAMES ", " RULES ", \"settings\": {\"rate\": 1}}"),
	  "slots[0]: 'settings': 'rate': a string expected" },
	{ "object_that_is_a_string", CHAIN("{" SLOT ", \"object\": \"fw\"}"),
	  "slots[0]: 'object': an object expected" },
	{ "object_without_hash", CHAIN("{" SLOT ", \"object\": {}}"),
	  "slots[0]: 'sha256' is missing" },
	{ "object_with_a_short_hash",
	  CHAIN("{" SLOT ", \"object\": {\"sha256\": \"ab\", \"name\": \"\", "
		"\"version\": \"\"}}"),
	  "slots[0]: 'sha256': 64 hexadecimal digits expected" },
	{ "object_with_a_hash_that_is_a_path",
	  CHAIN("{" SLOT ", \"object\": {\"sha256\": "
		"\"../../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", "
		"\"name\": \"\", \"version\": \"\"}}"),
	  "slots[0]: 'sha256': 64 hexadecimal digits expected" },
	{ "object_without_version",
	  CHAIN("{" SLOT ", \"object\": {\"sha256\": \"" SHA256 "\", \"name\": \"\"}}"),
	  "slots[0]: 'version' is missing" },
};

static const struct bad_json bad_overrides[] = {
	{ "overrides_that_are_no_array", "{}", "overrides: an array of at most 20 expected" },
	{ "more_overrides_than_slots",
	  "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]",
	  "overrides: an array of at most 20 expected" },
	{ "override_that_is_no_object", "[2]", "overrides[0]: an object with 'name' expected" },
	{ "override_without_name", "[{\"enabled\": true}]", "overrides[0]: 'name' is missing" },
	{ "override_with_an_empty_name", "[{\"name\": \"\"}]", "overrides[0]: 'name' is empty" },
	{ "override_twice", "[{\"name\": \"a\"}, {\"name\": \"a\"}]",
	  "overrides[1]: 'a' is there twice" },
	{ "override_enabled_in_numbers", "[{\"name\": \"a\", \"enabled\": 1}]",
	  "overrides[0]: 'enabled': true or false expected" },
	{ "override_with_a_bad_object",
	  "[{\"name\": \"b\", \"object\": " OBJECT "}, {\"name\": \"a\", \"object\": []}]",
	  "overrides[1]: 'object': an object expected" },
};

static json_t *load_json(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	if (!json)
		fail_msg("%s", error.text);
	return json;
}

static void from_json_refuses_state(void **state)
{
	const struct bad_json *bad = *state;
	_cleanup_json_ json_t *json = load_json(bad->text);
	struct slot_reason why = { "" };
	struct slot_chain_state chain;

	assert_int_equal(slot_chain_state_from_json(json, &why, &chain), -EINVAL);
	assert_string_equal(why.text, bad->error);
	assert_int_equal(slot_chain_state_from_json(json, NULL, &chain), -EINVAL);
}

static void from_json_refuses_overrides(void **state)
{
	const struct bad_json *bad = *state;
	_cleanup_json_ json_t *json = load_json(bad->text);
	struct slot_reason why = { "" };
	struct slot_overrides overrides;

	assert_int_equal(slot_overrides_from_json(json, &why, &overrides), -EINVAL);
	assert_string_equal(why.text, bad->error);
}

static void from_json_passes_over_members_of_later_versions(void **state)
{
	_cleanup_json_ json_t *json =
		load_json("{\"counters\": false, \"colour\": 1, \"slots\": [{" SLOT
			  ", \"colour\": [], \"object\": " OBJECT "}]}");
	_cleanup_(slot_chain_state_free) struct slot_chain_state chain = { 0 };
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_chain_state_from_json(json, &why, &chain), 0);
	assert_false(chain.counters);
	assert_true(slot_state_is_running(&chain.slots[2]));
	assert_string_equal(chain.slots[2].object.version, "1");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_slot_runs_when_it_is_reserved_enabled_and_has_an_object),
	cmocka_unit_test(a_copy_shares_nothing_with_the_original),
	cmocka_unit_test(a_state_comes_back_from_json_as_it_was),
	cmocka_unit_test(a_state_has_these_words_in_json),
	cmocka_unit_test(overrides_come_back_from_json_as_they_were),
	cmocka_unit_test(from_json_passes_over_members_of_later_versions),
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))
#define BAD_STATES (sizeof(bad_states) / sizeof(bad_states[0]))
#define BAD_OVERRIDES (sizeof(bad_overrides) / sizeof(bad_overrides[0]))

static void add_rows(struct CMUnitTest *added, const struct bad_json *rows, size_t count,
		     CMUnitTestFunction run)
{
	static char names[BAD_STATES + BAD_OVERRIDES][96];
	static size_t used;

	for (size_t i = 0; i < count; i++, used++) {
		snprintf(names[used], sizeof(names[used]), "from_json_refuses_%s", rows[i].name);
		added[i] = (struct CMUnitTest){
			.name = names[used],
			.test_func = run,
			.initial_state = (void *)&rows[i],
		};
	}
}

int main(void)
{
	static struct CMUnitTest all[TESTS + BAD_STATES + BAD_OVERRIDES];

	memcpy(all, tests, sizeof(tests));
	add_rows(all + TESTS, bad_states, BAD_STATES, from_json_refuses_state);
	add_rows(all + TESTS + BAD_STATES, bad_overrides, BAD_OVERRIDES,
		 from_json_refuses_overrides);
	return cmocka_run_group_tests_name("state", all, NULL, NULL);
}
