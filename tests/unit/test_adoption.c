/* SPDX-License-Identifier: GPL-2.0-only */
/* Where adopted programs go, how long they stay, and what slots.conf can do about them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/json.h"
#include "loader/lib/registry/adoption.h"

#define DROP (1U << ROOT_COL_DROP)
#define PASS (1U << ROOT_COL_PASS)

static const struct slot_adoptee two[] = {
	{ "xdp_Filter", { 1, 2, 3, 4, 5, 6, 7, 0xff }, { true, 10, PASS } },
	{ "xdp_filter", { 9 }, { true, 50, PASS | DROP } },
};
static const struct slot_object_id no_objects[ROOT_SLOTS];

static struct slot_chain_config make_config(void)
{
	struct slot_chain_config config = { .interface = "eth0", .counters = true };

	config.slots[0] = (struct slot_reservation){
		.present = true,
		.name = "firewall",
		.owner = "root",
		.enabled = true,
		.rules = ROOT_RULES_DEFAULT,
	};
	return config;
}

static struct slot_overrides adopt_two(const struct slot_chain_config *config)
{
	struct slot_overrides overrides = { 0 };
	struct slot_reason why = { "" };
	unsigned int slots[2];

	if (slot_adoption_add(config, two, 2, &overrides, &why, slots))
		fail_msg("%s", why.text);
	return overrides;
}

static void add_takes_free_slots_in_order(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = { 0 };
	unsigned int slots[2] = { 0 };
	struct slot_reason why;

	(void)state;
	config.slots[2].present = true;
	assert_int_equal(slot_adoption_add(&config, two, 2, &overrides, &why, slots), 0);
	assert_int_equal(slots[0], 1);
	assert_int_equal(slots[1], 3);
	assert_string_equal(overrides.slots[0].name, "xdp_filter");
	assert_string_equal(overrides.slots[1].name, "xdp_filter-2");
}

static void add_names_a_program_by_its_tag(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	const struct slot_object_id *object = &overrides.slots[0].object;

	(void)state;
	assert_true(object->is_adopted);
	assert_string_equal(object->name, "xdp_Filter");
	assert_string_equal(object->version, "01020304050607ff");
	assert_string_equal(object->sha256, "000000000000000000000000000000000000000000000000"
					    "01020304050607ff");
}

static void add_refuses_more_than_there_is_room_for(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = { 0 };
	unsigned int slots[2];
	struct slot_reason why;

	(void)state;
	for (unsigned int slot = 0; slot < ROOT_SLOTS - 1; slot++)
		config.slots[slot].present = true;
	assert_int_equal(slot_adoption_add(&config, two, 2, &overrides, &why, slots), -ENOSPC);
	assert_non_null(strstr(why.text, "2 programs run on 'eth0', and slots.conf leaves 1"));
	assert_string_equal(overrides.slots[0].name, "");
}

static void add_finds_room_among_stale_overrides(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = { 0 };
	unsigned int slots[2];
	struct slot_reason why;

	(void)state;
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		char name[SLOT_NAME_MAX];

		snprintf(name, sizeof(name), i ? "gone%u" : "firewall", i);
		assert_int_equal(slot_override_set_enabled(&overrides, name, 0), 0);
	}
	assert_int_equal(slot_adoption_add(&config, two, 2, &overrides, &why, slots), 0);
	assert_non_null(slot_override_find(&overrides, "firewall"));
	assert_non_null(slot_override_find(&overrides, "xdp_filter-2"));
}

static void resolve_reserves_their_slots(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	struct slot_chain_state chain;

	(void)state;
	assert_int_equal(slot_registry_resolve(&config, no_objects, &overrides, &chain), 0);
	assert_true(chain.slots[1].reserved && chain.slots[1].is_adopted);
	assert_string_equal(chain.slots[1].owner, "root");
	assert_int_equal(chain.slots[2].rules.continue_on, PASS | DROP);
	assert_true(slot_state_is_running(&chain.slots[2]));
	slot_chain_state_free(&chain);
}

static void a_reservation_of_the_name_takes_it_over(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	struct slot_chain_state chain;
	struct slot_reason why;

	(void)state;
	config.slots[7] = config.slots[0];
	strcpy(config.slots[7].name, "xdp_filter");
	strcpy(config.slots[7].owner, "netsec");
	assert_int_equal(slot_adoption_check(&config, &overrides, &why), 0);
	assert_int_equal(slot_registry_resolve(&config, no_objects, &overrides, &chain), 0);
	assert_false(chain.slots[1].reserved);
	assert_false(chain.slots[7].is_adopted);
	assert_string_equal(chain.slots[7].object.name, "xdp_Filter");
	assert_string_equal(chain.slots[7].owner, "netsec");
	slot_chain_state_free(&chain);
}

static void check_refuses_a_slot_given_to_another(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	struct slot_reason why;

	(void)state;
	config.slots[1] = config.slots[0];
	strcpy(config.slots[1].name, "other");
	assert_int_equal(slot_adoption_check(&config, &overrides, &why), -EEXIST);
	assert_non_null(strstr(why.text, "slot 1: it runs 'xdp_filter', adopted from libxdp"));
}

/* It shows no code, and its maps are pinned nowhere. */
static void a_loaded_program_is_held_to_no_limits(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	struct slot_chain_state chain;
	struct slot_reason why;

	(void)state;
	assert_int_equal(slot_registry_resolve(&config, no_objects, &overrides, &chain), 0);
	assert_int_equal(slot_adoption_check_limits(&chain, &why), 0);
	chain.slots[2].limits.has_helpers = true;
	assert_int_equal(slot_adoption_check_limits(&chain, &why), -EACCES);
	assert_non_null(strstr(why.text, "slot 2 (xdp_filter-2): 'xdp_filter' was adopted"));
	chain.slots[2].enabled = false;
	assert_int_equal(slot_adoption_check_limits(&chain, &why), 0);
	chain.slots[1].limits.map_memory = 1 << 20;
	assert_int_equal(slot_adoption_check_limits(&chain, &why), -EACCES);
	chain.slots[1].object.is_adopted = false;
	assert_int_equal(slot_adoption_check_limits(&chain, &why), 0);
	slot_chain_state_free(&chain);
}

static void taking_the_object_back_frees_the_slot(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);

	(void)state;
	slot_override_set_enabled(&overrides, "xdp_filter", 0);
	slot_override_set_object(&overrides, "xdp_filter", NULL);
	assert_null(slot_override_find(&overrides, "xdp_filter"));
}

static void a_return_keeps_what_was_adopted(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	struct slot_overrides none = { 0 };
	struct slot_overrides back;
	struct slot_chain_state target;
	struct slot_chain_state plain;

	(void)state;
	slot_override_set_enabled(&overrides, "xdp_filter-2", 0);
	assert_int_equal(slot_registry_resolve(&config, no_objects, &overrides, &target), 0);
	assert_int_equal(slot_registry_resolve(&config, no_objects, &none, &plain), 0);
	assert_int_equal(slot_registry_return(&plain, &target, &back), 0);
	assert_true(slot_overrides_is_equal(&back, &overrides));
	slot_chain_state_free(&target);
	slot_chain_state_free(&plain);
}

static void forget_keeps_what_was_deployed_meanwhile(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	const struct slot_object_id object = { .sha256 = "ab", .name = "count" };
	char names[64];

	(void)state;
	slot_override_set_object(&overrides, "xdp_filter-2", &object);
	slot_adoption_forget(&overrides, names, sizeof(names));
	assert_string_equal(names, "xdp_filter (slot 1)");
	assert_null(slot_override_find(&overrides, "xdp_filter"));
	assert_non_null(slot_override_find(&overrides, "xdp_filter-2"));
}

static void overrides_survive_json(void **state)
{
	struct slot_chain_config config = make_config();
	struct slot_overrides overrides = adopt_two(&config);
	_cleanup_json_ json_t *json = slot_overrides_to_json(&overrides);
	struct slot_overrides back;
	struct slot_reason why;

	(void)state;
	assert_int_equal(slot_overrides_from_json(json, &why, &back), 0);
	assert_true(slot_overrides_is_equal(&overrides, &back));
	assert_true(back.slots[0].object.is_adopted);
	assert_int_equal(back.slots[1].object.run.continue_on, PASS | DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_takes_free_slots_in_order),
		cmocka_unit_test(add_names_a_program_by_its_tag),
		cmocka_unit_test(add_refuses_more_than_there_is_room_for),
		cmocka_unit_test(add_finds_room_among_stale_overrides),
		cmocka_unit_test(resolve_reserves_their_slots),
		cmocka_unit_test(a_reservation_of_the_name_takes_it_over),
		cmocka_unit_test(check_refuses_a_slot_given_to_another),
		cmocka_unit_test(a_loaded_program_is_held_to_no_limits),
		cmocka_unit_test(taking_the_object_back_frees_the_slot),
		cmocka_unit_test(a_return_keeps_what_was_adopted),
		cmocka_unit_test(forget_keeps_what_was_deployed_meanwhile),
		cmocka_unit_test(overrides_survive_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
