/* SPDX-License-Identifier: GPL-2.0-only */
/* What leads from one state of a chain to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/plan.h"
#include "tests/support/state_case.h"

static void json_decref_cleanup(json_t **json)
{
	json_decref(*json);
}

static void assert_step(const struct slot_plan *plan, size_t index, unsigned int slot,
			enum slot_action action, const char *text)
{
	assert_true(index < plan->count);
	assert_int_equal(plan->steps[index].slot, slot);
	assert_int_equal(plan->steps[index].action, action);
	assert_string_equal(plan->steps[index].text, text);
}

/* The one step that a change of slot 2 leads to. */
static void assert_one(const struct slot_chain_state *running,
		       const struct slot_chain_state *desired, enum slot_action action,
		       const char *text)
{
	struct slot_plan plan;

	slot_plan_make(running, desired, &plan);
	assert_int_equal(plan.count, 1);
	assert_step(&plan, 0, 2, action, text);
	assert_int_equal(plan.has_changes, action != SLOT_ACTION_KEEP);
	assert_false(plan.has_counters_change);
}

static void plan_loads_everything_where_no_chain_runs(void **state)
{
	struct slot_chain_state desired = { .counters = true };
	struct slot_plan plan;

	(void)state;
	state_case_add(&desired, 12, "decap", 'b');
	state_case_add(&desired, 2, "firewall", 'a');
	state_case_add(&desired, 5, "hwmark", '\0');
	slot_plan_make(NULL, &desired, &plan);
	assert_int_equal(plan.count, 2);
	assert_step(&plan, 0, 2, SLOT_ACTION_LOAD, "load firewall 1.0.a (aaaaaaaa)");
	assert_step(&plan, 1, 12, SLOT_ACTION_LOAD, "load decap 1.0.b (bbbbbbbb)");
	assert_true(plan.has_changes);
	assert_false(plan.has_counters_change);
}

static void plan_has_changes_where_no_chain_runs_and_nothing_is_desired(void **state)
{
	const struct slot_chain_state desired = { 0 };
	struct slot_plan plan;

	(void)state;
	slot_plan_make(NULL, &desired, &plan);
	assert_int_equal(plan.count, 0);
	assert_true(plan.has_changes);
}

static void plan_keeps_what_stays_as_it_is(void **state)
{
	struct slot_chain_state running = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	state_case_add(&running, 3, "ddos", '\0');
	assert_one(&running, &running, SLOT_ACTION_KEEP, "keep firewall 1.0.a (aaaaaaaa)");
}

static void plan_loads_what_did_not_run(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", '\0');
	state_case_add(&desired, 2, "firewall", 'a');
	assert_one(&running, &desired, SLOT_ACTION_LOAD, "load firewall 1.0.a (aaaaaaaa)");
	state_case_add(&running, 2, "firewall", 'a')->enabled = false;
	assert_one(&running, &desired, SLOT_ACTION_LOAD, "load firewall 1.0.a (aaaaaaaa)");
}

static void plan_replaces_an_object_by_another(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	state_case_add(&desired, 2, "firewall", 'b');
	assert_one(&running, &desired, SLOT_ACTION_REPLACE,
		   "replace firewall 1.0.a (aaaaaaaa) by firewall 1.0.b (bbbbbbbb)");
}

static void plan_replaces_for_another_function_of_the_object(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	strcpy(state_case_add(&desired, 2, "firewall", 'a')->program, "strict");
	assert_one(&running, &desired, SLOT_ACTION_REPLACE,
		   "replace firewall 1.0.a (aaaaaaaa): runs 'strict' from now on");
	assert_one(&desired, &running, SLOT_ACTION_REPLACE,
		   "replace firewall 1.0.a (aaaaaaaa): runs the object's own choice from now on");
}

static void plan_replaces_for_other_settings(void **state)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state running = { 0 };
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	struct slot_state *before = state_case_add(&running, 2, "firewall", 'a');
	struct slot_state *after = state_case_add(&desired, 2, "firewall", 'a');

	(void)state;
	assert_int_equal(slot_settings_add(&before->settings, "default_deny", "false"), 0);
	assert_int_equal(slot_settings_add(&after->settings, "default_deny", "true"), 0);
	assert_one(&running, &desired, SLOT_ACTION_REPLACE,
		   "replace firewall 1.0.a (aaaaaaaa): other settings");
}

static void plan_replaces_what_has_another_name_since_its_maps_are_named_so(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	strcpy(state_case_add(&desired, 2, "firewall", 'a')->name, "edge-fw");
	assert_one(&running, &desired, SLOT_ACTION_REPLACE,
		   "replace firewall 1.0.a (aaaaaaaa): 'firewall' is now called 'edge-fw'");
}

static void plan_relinks_for_each_of_the_rules(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_state *after;

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	after = state_case_add(&desired, 2, "firewall", 'a');
	after->rules.continue_on |= 1U << ROOT_COL_TX;
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): continue_on pass,tx");
	after->rules = ROOT_RULES_DEFAULT;
	after->rules.allow = 1U << ROOT_COL_DROP | 1U << ROOT_COL_PASS;
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): allow drop,pass");
	after->rules = ROOT_RULES_DEFAULT;
	after->rules.denied_as = ROOT_DENIED_AS_PASS;
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): denied_as pass");
}

static void plan_relinks_for_another_owner(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	strcpy(state_case_add(&desired, 2, "firewall", 'a')->owner, "@netsec");
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): owner @netsec");
}

static void plan_relinks_for_each_of_the_limits(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_state *after;

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	after = state_case_add(&desired, 2, "firewall", 'a');
	after->limits.has_helpers = true;
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): helpers only the basic ones");
	after->limits.helpers = 1U << SLOT_HELPER_REDIRECT;
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): helpers redirect");
	after->limits = (struct slot_limits){ .maps_of = "lb" };
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): maps_of lb");
	assert_one(&desired, &running, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): maps_of none");
	after->limits = (struct slot_limits){ .map_memory = 64 << 20 };
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): map_memory 64M");
	assert_one(&desired, &running, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): map_memory unlimited");
	after->limits = (struct slot_limits){ .signature_key = "/etc/slotd/team.pub" };
	assert_one(&running, &desired, SLOT_ACTION_RELINK,
		   "relink firewall 1.0.a (aaaaaaaa): require_signature /etc/slotd/team.pub");
}

static void plan_unlinks_and_says_why(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	assert_one(&running, &desired, SLOT_ACTION_UNLINK,
		   "unlink firewall 1.0.a (aaaaaaaa): no longer reserved");
	state_case_add(&desired, 2, "firewall", 'a')->enabled = false;
	assert_one(&running, &desired, SLOT_ACTION_UNLINK,
		   "unlink firewall 1.0.a (aaaaaaaa): disabled");
	state_case_add(&desired, 2, "firewall", '\0');
	assert_one(&running, &desired, SLOT_ACTION_UNLINK,
		   "unlink firewall 1.0.a (aaaaaaaa): has no object any more");
}

static void plan_sees_a_change_of_the_counters(void **state)
{
	struct slot_chain_state running = { .counters = true };
	struct slot_chain_state desired = { .counters = false };
	struct slot_plan plan;

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	state_case_add(&desired, 2, "firewall", 'a');
	slot_plan_make(&running, &desired, &plan);
	assert_step(&plan, 0, 2, SLOT_ACTION_KEEP, "keep firewall 1.0.a (aaaaaaaa)");
	assert_true(plan.has_counters_change);
	assert_true(plan.has_changes);
}

static void plan_sees_reservations_of_slots_that_do_not_run(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_plan plan;

	(void)state;
	state_case_add(&desired, 19, "capture", '\0');
	slot_plan_make(&running, &desired, &plan);
	assert_int_equal(plan.count, 0);
	assert_true(plan.has_reservations_change);
	assert_true(plan.has_changes);
	state_case_add(&running, 19, "capture", '\0');
	slot_plan_make(&running, &desired, &plan);
	assert_false(plan.has_changes);
	strcpy(desired.slots[19].owner, "@oncall");
	slot_plan_make(&running, &desired, &plan);
	assert_true(plan.has_reservations_change);
	state_case_add(&desired, 19, "capture", 'a')->enabled = false;
	slot_plan_make(&running, &desired, &plan);
	assert_true(plan.has_reservations_change);
}

static void plan_orders_its_steps_by_slot(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_plan plan;

	(void)state;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (slot % 2)
			state_case_add(&running, slot, "a", 'a');
		else
			state_case_add(&desired, slot, "a", 'a');
	}
	slot_plan_make(&running, &desired, &plan);
	assert_int_equal(plan.count, ROOT_SLOTS);
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		assert_int_equal(plan.steps[slot].slot, slot);
		assert_int_equal(plan.steps[slot].action,
				 slot % 2 ? SLOT_ACTION_UNLINK : SLOT_ACTION_LOAD);
	}
}

static void plan_has_room_for_the_longest_names(void **state)
{
	static const char longest[] = "abcdefghijklmnopqrstuvwxyz01234";
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { 0 };
	struct slot_plan plan;
	char expected[256];

	(void)state;
	strcpy(state_case_add(&running, 2, longest, 'a')->object.version, longest);
	strcpy(state_case_add(&desired, 2, longest, 'b')->object.version, longest);
	slot_plan_make(&running, &desired, &plan);
	snprintf(expected, sizeof(expected), "replace %s %s (aaaaaaaa) by %s %s (bbbbbbbb)",
		 longest, longest, longest, longest);
	assert_string_equal(plan.steps[0].text, expected);
}

static void every_action_has_a_name(void **state)
{
	static const char *const names[] = {
		"load", "replace", "relink", "unlink", "canary", "keep"
	};

	(void)state;
	for (enum slot_action action = 0; action < SLOT_ACTION_COUNT; action++)
		assert_string_equal(slot_action_name(action), names[action]);
	assert_string_equal(slot_action_name(SLOT_ACTION_COUNT), "?");
}

static void plan_becomes_json(void **state)
{
	struct slot_chain_state running = { 0 };
	struct slot_chain_state desired = { .counters = true };
	_cleanup_(json_decref_cleanup) json_t *json = NULL;
	_cleanup_free_ char *text = NULL;
	struct slot_plan plan;

	(void)state;
	state_case_add(&desired, 2, "firewall", 'a');
	slot_plan_make(&running, &desired, &plan);
	json = slot_plan_to_json(&plan);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text, "{\"has_changes\":true,\"has_counters_change\":true,"
				  "\"has_engine_change\":false,\"has_root_change\":false,"
				  "\"has_reservations_change\":false,"
				  "\"steps\":[{\"slot\":2,\"action\":\"load\","
				  "\"text\":\"load firewall 1.0.a (aaaaaaaa)\"}]}");
}

static void plan_replaces_a_program_whose_maps_are_reset_or_migrated(void **state)
{
	struct slot_chain_state running = { .counters = true };
	struct slot_map_orders orders = { 0 };
	struct slot_reason why;
	struct slot_plan plan;

	(void)state;
	state_case_add(&running, 2, "firewall", 'a');
	state_case_add(&running, 4, "decap", 'b');
	slot_plan_make(&running, &running, &plan);
	assert_int_equal(slot_map_orders_add_reset(&orders, "fw_flows", &why), 0);
	assert_int_equal(slot_map_orders_add_migrate(&orders, ".bss", &why), 0);
	slot_plan_add_map_orders(&plan, 2, &orders);
	assert_true(plan.has_changes);
	assert_step(&plan, 0, 2, SLOT_ACTION_REPLACE,
		    "load firewall 1.0.a (aaaaaaaa); map fw_flows starts empty; "
		    "map _bss is migrated");
	assert_step(&plan, 1, 4, SLOT_ACTION_KEEP, "keep decap 1.0.b (bbbbbbbb)");
	slot_map_orders_free(&orders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_loads_everything_where_no_chain_runs),
		cmocka_unit_test(plan_replaces_a_program_whose_maps_are_reset_or_migrated),
		cmocka_unit_test(plan_has_changes_where_no_chain_runs_and_nothing_is_desired),
		cmocka_unit_test(plan_keeps_what_stays_as_it_is),
		cmocka_unit_test(plan_loads_what_did_not_run),
		cmocka_unit_test(plan_replaces_an_object_by_another),
		cmocka_unit_test(plan_replaces_for_another_function_of_the_object),
		cmocka_unit_test(plan_replaces_for_other_settings),
		cmocka_unit_test(plan_replaces_what_has_another_name_since_its_maps_are_named_so),
		cmocka_unit_test(plan_relinks_for_each_of_the_rules),
		cmocka_unit_test(plan_relinks_for_another_owner),
		cmocka_unit_test(plan_relinks_for_each_of_the_limits),
		cmocka_unit_test(plan_unlinks_and_says_why),
		cmocka_unit_test(plan_sees_a_change_of_the_counters),
		cmocka_unit_test(plan_sees_reservations_of_slots_that_do_not_run),
		cmocka_unit_test(plan_orders_its_steps_by_slot),
		cmocka_unit_test(plan_has_room_for_the_longest_names),
		cmocka_unit_test(every_action_has_a_name),
		cmocka_unit_test(plan_becomes_json),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
