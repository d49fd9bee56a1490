/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.conf and what was deployed, enabled or disabled since: the desired state. */
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
#include "tests/support/config_case.h"
#include "tests/support/state_case.h"

/* A chain read from @text, with objects for the slots that name one, and overrides. */
struct case_registry {
	struct slot_config config;
	struct slot_object_id objects[ROOT_SLOTS];
	struct slot_overrides overrides;
};

static struct case_registry make_registry(const char *text)
{
	struct case_registry made = { .config = config_case_good(text) };

	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (made.config.chains[0].slots[slot].object)
			made.objects[slot] =
				state_case_object(made.config.chains[0].slots[slot].name, 'c');
	}
	return made;
}

static void free_registry(struct case_registry *registry)
{
	slot_config_free(&registry->config);
}

#define _cleanup_registry_ _cleanup_(free_registry)
#define _cleanup_state_ _cleanup_(slot_chain_state_free)

static struct slot_chain_state resolve(const struct case_registry *registry)
{
	struct slot_chain_state chain = { 0 };

	assert_int_equal(slot_registry_resolve(&registry->config.chains[0], registry->objects,
					       &registry->overrides, &chain),
			 0);
	return chain;
}

/* What runs in @slot: the first digit of its object, or '-'. */
static char running_digit(const struct slot_chain_state *chain, unsigned int slot)
{
	return slot_state_is_running(&chain->slots[slot]) ? chain->slots[slot].object.sha256[0] :
							    '-';
}

#define TWO_SLOTS                                                                                  \
	IN_CHAIN("slot 2 { name = firewall object = \"fw.o\" }\n"                                  \
		 "slot 8 { name = lb owner = netsec }\n")

/* --- resolving ----------------------------------------------------------------------------- */

static void resolve_takes_everything_from_the_reservation(void **state)
{
	_cleanup_registry_ struct case_registry registry =
		make_registry(IN_CHAIN("counters = false\n"
				       "slot 2 { name = firewall owner = netsec object = \"fw.o\"\n"
				       "program = strict allow = { drop, pass } denied_as = drop\n"
				       "enabled = false settings { rate = 10 } }\n"));
	_cleanup_state_ struct slot_chain_state chain = resolve(&registry);
	const struct slot_state *slot = &chain.slots[2];

	(void)state;
	assert_false(chain.counters);
	assert_true(slot->reserved);
	assert_false(slot->enabled);
	assert_true(slot->has_object);
	assert_string_equal(slot->name, "firewall");
	assert_string_equal(slot->owner, "netsec");
	assert_string_equal(slot->program, "strict");
	assert_int_equal(slot->rules.allow, 1U << ROOT_COL_DROP | 1U << ROOT_COL_PASS);
	assert_int_equal(slot->rules.denied_as, ROOT_DENIED_AS_DROP);
	assert_string_equal(slot_settings_get(&slot->settings, "rate"), "10");
	assert_false(chain.slots[3].reserved);
}

static void a_reservation_without_object_does_not_run(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	_cleanup_state_ struct slot_chain_state chain = resolve(&registry);

	(void)state;
	assert_int_equal(running_digit(&chain, 2), 'c');
	assert_true(chain.slots[8].reserved);
	assert_false(chain.slots[8].has_object);
	assert_int_equal(running_digit(&chain, 8), '-');
}

static void a_deploy_wins_over_slots_conf_until_it_is_taken_back(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	const struct slot_object_id deployed = state_case_object("firewall", 'd');

	(void)state;
	assert_int_equal(slot_override_set_object(&registry.overrides, "firewall", &deployed), 0);
	assert_int_equal(slot_override_set_object(&registry.overrides, "lb", &deployed), 0);
	_cleanup_state_ struct slot_chain_state after = resolve(&registry);
	assert_int_equal(running_digit(&after, 2), 'd');
	assert_string_equal(after.slots[2].object.version, "1.0.d");
	assert_int_equal(running_digit(&after, 8), 'd');

	assert_int_equal(slot_override_set_object(&registry.overrides, "firewall", NULL), 0);
	assert_int_equal(slot_override_set_object(&registry.overrides, "lb", NULL), 0);
	_cleanup_state_ struct slot_chain_state back = resolve(&registry);
	assert_int_equal(running_digit(&back, 2), 'c');
	assert_int_equal(running_digit(&back, 8), '-');
}

static void a_canary_that_slots_conf_names_is_over(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	struct slot_canary canary = { .present = true, .share_ppm = 50000 };

	(void)state;
	canary.object = state_case_object("firewall", 'd');
	assert_int_equal(slot_override_set_canary(&registry.overrides, "firewall", &canary), 0);
	_cleanup_state_ struct slot_chain_state tried = resolve(&registry);
	assert_true(tried.slots[2].canary.present);
	slot_overrides_del_promoted(&registry.overrides, &tried);
	assert_non_null(slot_override_find(&registry.overrides, "firewall"));

	canary.object = state_case_object("firewall", 'c');
	assert_int_equal(slot_override_set_canary(&registry.overrides, "firewall", &canary), 0);
	_cleanup_state_ struct slot_chain_state named = resolve(&registry);
	assert_int_equal(running_digit(&named, 2), 'c');
	assert_false(named.slots[2].canary.present);
	slot_overrides_del_promoted(&registry.overrides, &named);
	assert_null(slot_override_find(&registry.overrides, "firewall"));
}

static void an_override_follows_its_name_to_another_slot(void **state)
{
	_cleanup_registry_ struct case_registry before = make_registry(TWO_SLOTS);
	_cleanup_registry_ struct case_registry moved =
		make_registry(IN_CHAIN("slot 3 { name = firewall object = \"fw.o\" }\n"
				       "slot 2 { name = lb object = \"lb.o\" }\n"));
	const struct slot_object_id deployed = state_case_object("firewall", 'd');

	(void)state;
	assert_int_equal(slot_override_set_object(&before.overrides, "firewall", &deployed), 0);
	moved.overrides = before.overrides;
	_cleanup_state_ struct slot_chain_state chain = resolve(&moved);
	assert_int_equal(running_digit(&chain, 3), 'd');
	assert_int_equal(running_digit(&chain, 2), 'c');
}

static void an_override_of_a_name_that_is_gone_means_nothing(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	const struct slot_object_id deployed = state_case_object("old", 'd');

	(void)state;
	assert_int_equal(slot_override_set_object(&registry.overrides, "old", &deployed), 0);
	_cleanup_state_ struct slot_chain_state chain = resolve(&registry);
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(running_digit(&chain, slot), slot == 2 ? 'c' : '-');
}

static void disable_and_enable_win_over_slots_conf(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(
		IN_CHAIN("slot 2 { name = firewall object = \"fw.o\" }\n"
			 "slot 19 { name = capture object = \"c.o\" enabled = no }\n"));

	(void)state;
	assert_int_equal(slot_override_set_enabled(&registry.overrides, "firewall", 0), 0);
	assert_int_equal(slot_override_set_enabled(&registry.overrides, "capture", 1), 0);
	_cleanup_state_ struct slot_chain_state after = resolve(&registry);
	assert_int_equal(running_digit(&after, 2), '-');
	assert_true(after.slots[2].has_object);
	assert_int_equal(running_digit(&after, 19), 'c');

	assert_int_equal(slot_override_set_enabled(&registry.overrides, "firewall", -1), 0);
	assert_int_equal(slot_override_set_enabled(&registry.overrides, "capture", -1), 0);
	_cleanup_state_ struct slot_chain_state back = resolve(&registry);
	assert_int_equal(running_digit(&back, 2), 'c');
	assert_int_equal(running_digit(&back, 19), '-');
}

/* --- overrides ----------------------------------------------------------------------------- */

static void an_override_holds_object_and_enabled_apart(void **state)
{
	const struct slot_object_id deployed = state_case_object("firewall", 'd');
	struct slot_overrides overrides = { 0 };
	const struct slot_override *found;

	(void)state;
	assert_null(slot_override_find(&overrides, "firewall"));
	assert_null(slot_override_find(&overrides, ""));
	assert_int_equal(slot_override_set_object(&overrides, "firewall", &deployed), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "firewall", 0), 0);
	found = slot_override_find(&overrides, "firewall");
	assert_non_null(found);
	assert_true(found->has_object);
	assert_int_equal(found->enabled, 0);
	assert_int_equal(slot_override_set_object(&overrides, "firewall", NULL), 0);
	assert_ptr_equal(slot_override_find(&overrides, "firewall"), found);
	assert_false(found->has_object);
	assert_int_equal(slot_override_set_enabled(&overrides, "firewall", -1), 0);
	assert_null(slot_override_find(&overrides, "firewall"));
}

static void there_are_as_many_overrides_as_slots(void **state)
{
	struct slot_overrides overrides = { 0 };
	char name[8];

	(void)state;
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		snprintf(name, sizeof(name), "slot%u", i);
		assert_int_equal(slot_override_set_enabled(&overrides, name, 0), 0);
	}
	assert_int_equal(slot_override_set_enabled(&overrides, "more", 0), -ENOSPC);
	assert_int_equal(slot_override_set_enabled(&overrides, "more", -1), 0);
	assert_int_equal(slot_override_set_object(&overrides, "more", NULL), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "slot7", -1), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "more", 0), 0);
}

static void an_override_needs_a_name_that_fits(void **state)
{
	struct slot_overrides overrides = { 0 };

	(void)state;
	assert_int_equal(slot_override_set_enabled(&overrides, "", 0), -EINVAL);
	assert_int_equal(slot_override_set_object(&overrides, "abcdefghijklmnopqrstuvwxyz012345",
						  NULL),
			 -EINVAL);
}

static void stale_overrides_make_room(void **state)
{
	struct slot_overrides overrides = { 0 };
	struct slot_chain_state chain = { 0 };

	(void)state;
	state_case_add(&chain, 2, "firewall", '\0');
	assert_int_equal(slot_override_set_enabled(&overrides, "old", 0), 0);
	assert_int_equal(slot_override_set_enabled(&overrides, "firewall", 0), 0);
	slot_overrides_del_stale(&overrides, &chain);
	assert_null(slot_override_find(&overrides, "old"));
	assert_non_null(slot_override_find(&overrides, "firewall"));
}

/* --- going back ---------------------------------------------------------------------------- */

/* Resolve again with the overrides that lead back to @target; they replace those of @registry. */
static struct slot_chain_state go_back(struct case_registry *registry,
				       const struct slot_chain_state *target)
{
	_cleanup_state_ struct slot_chain_state plain = { 0 };

	registry->overrides = (struct slot_overrides){ 0 };
	plain = resolve(registry);
	assert_int_equal(slot_registry_return(&plain, target, &registry->overrides), 0);
	return resolve(registry);
}

static void after_a_return_the_next_apply_brings_nothing_back(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	const struct slot_object_id deployed = state_case_object("firewall", 'd');
	_cleanup_state_ struct slot_chain_state target = resolve(&registry);

	(void)state;
	/* a deploy was rolled back */
	assert_int_equal(slot_override_set_object(&registry.overrides, "firewall", &deployed), 0);
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_int_equal(running_digit(&back, 2), 'c');
	assert_null(slot_override_find(&registry.overrides, "firewall"));
}

static void a_return_outlives_a_new_object_in_slots_conf(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	_cleanup_state_ struct slot_chain_state target = resolve(&registry);

	(void)state;
	/* the file that slots.conf names was upgraded, applied, and rolled back */
	registry.objects[2] = state_case_object("firewall", 'e');
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_int_equal(running_digit(&back, 2), 'c');
	assert_true(slot_override_find(&registry.overrides, "firewall")->has_object);
	assert_int_equal(slot_override_find(&registry.overrides, "firewall")->enabled, -1);
}

static void a_return_to_an_earlier_deploy_keeps_it(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	const struct slot_object_id first = state_case_object("lb", 'd');

	(void)state;
	assert_int_equal(slot_override_set_object(&registry.overrides, "lb", &first), 0);
	_cleanup_state_ struct slot_chain_state target = resolve(&registry);
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_int_equal(running_digit(&back, 8), 'd');
	assert_int_equal(running_digit(&back, 2), 'c');
}

static void a_return_disables_what_did_not_run_and_enables_what_did(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(
		IN_CHAIN("slot 2 { name = firewall object = \"fw.o\" }\n"
			 "slot 8 { name = lb object = \"lb.o\" }\n"
			 "slot 12 { name = decap object = \"d.o\" }\n"
			 "slot 19 { name = capture object = \"c.o\" enabled = no }\n"));
	_cleanup_state_ struct slot_chain_state target = { 0 };

	(void)state;
	state_case_add(&target, 2, "firewall", 'c')->enabled = false;
	state_case_add(&target, 8, "lb", '\0'); /* reserved, nothing there yet */
	state_case_add(&target, 19, "capture", 'c');
	/* decap was not reserved then */
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_int_equal(running_digit(&back, 2), '-');
	assert_int_equal(running_digit(&back, 8), '-');
	assert_int_equal(running_digit(&back, 12), '-');
	assert_int_equal(running_digit(&back, 19), 'c');
}

static void a_return_finds_a_reservation_that_has_moved(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	_cleanup_state_ struct slot_chain_state target = { 0 };

	(void)state;
	state_case_add(&target, 5, "firewall", 'd');
	state_case_add(&target, 2, "other", 'e');
	state_case_add(&target, 8, "lb", '\0');
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_int_equal(running_digit(&back, 2), 'd');
	assert_int_equal(running_digit(&back, 8), '-');
}

static void a_return_leaves_the_switch_of_an_empty_seat_alone(void **state)
{
	_cleanup_registry_ struct case_registry registry = make_registry(TWO_SLOTS);
	_cleanup_state_ struct slot_chain_state target = resolve(&registry);

	(void)state;
	_cleanup_state_ struct slot_chain_state back = go_back(&registry, &target);
	assert_true(back.slots[8].enabled);
	assert_null(slot_override_find(&registry.overrides, "lb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolve_takes_everything_from_the_reservation),
		cmocka_unit_test(a_reservation_without_object_does_not_run),
		cmocka_unit_test(a_deploy_wins_over_slots_conf_until_it_is_taken_back),
		cmocka_unit_test(a_canary_that_slots_conf_names_is_over),
		cmocka_unit_test(an_override_follows_its_name_to_another_slot),
		cmocka_unit_test(an_override_of_a_name_that_is_gone_means_nothing),
		cmocka_unit_test(disable_and_enable_win_over_slots_conf),
		cmocka_unit_test(an_override_holds_object_and_enabled_apart),
		cmocka_unit_test(there_are_as_many_overrides_as_slots),
		cmocka_unit_test(an_override_needs_a_name_that_fits),
		cmocka_unit_test(stale_overrides_make_room),
		cmocka_unit_test(after_a_return_the_next_apply_brings_nothing_back),
		cmocka_unit_test(a_return_outlives_a_new_object_in_slots_conf),
		cmocka_unit_test(a_return_to_an_earlier_deploy_keeps_it),
		cmocka_unit_test(a_return_disables_what_did_not_run_and_enables_what_did),
		cmocka_unit_test(a_return_finds_a_reservation_that_has_moved),
		cmocka_unit_test(a_return_leaves_the_switch_of_an_empty_seat_alone),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
