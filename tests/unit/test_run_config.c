/* SPDX-License-Identifier: GPL-2.0-only */
/* What an object written for libxdp says of its place in a chain, and what becomes of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/plan.h"
#include "loader/lib/registry/registry.h"
#include "loader/lib/registry/run_config.h"

#define DROP (1U << ROOT_COL_DROP)
#define PASS (1U << ROOT_COL_PASS)
#define TX (1U << ROOT_COL_TX)
#define ALL ROOT_VERDICT_ALL

struct value {
	const char *name;
	unsigned int value;
};

struct function {
	const char *variable;
	struct value values[4]; /* up to the first without a name */
};

static int add_function(struct btf *btf, int int_id, const struct function *function)
{
	int ids[4];
	int count = 0;
	int type;

	for (; count < 4 && function->values[count].name; count++)
		ids[count] = btf__add_ptr(btf, btf__add_array(btf, int_id, int_id,
							      function->values[count].value));
	type = btf__add_struct(btf, NULL, count ? (unsigned int)count * 8 : 8);
	for (int i = 0; i < count; i++)
		assert_int_equal(btf__add_field(btf, function->values[i].name, ids[i],
						(unsigned int)i * 64, 0),
				 0);
	return btf__add_var(btf, function->variable, BTF_VAR_GLOBAL_ALLOCATED, type);
}

/* As the compiler writes it for XDP_RUN_CONFIG(function) of each of @functions. */
static struct btf *make_types(const struct function *functions, size_t count)
{
	struct btf *btf = btf__new_empty();
	int ids[4];
	int int_id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);

	for (size_t i = 0; i < count; i++)
		ids[i] = add_function(btf, int_id, &functions[i]);
	btf__add_datasec(btf, ".xdp_run_config", 0);
	for (size_t i = 0; i < count; i++)
		btf__add_datasec_var_info(btf, ids[i], (__u32)(i * 16), 16);
	return btf;
}

static int read_run(const struct function *functions, size_t count, const char *wanted,
		    struct slot_reason *why, struct slot_run_config *ret_run)
{
	struct btf *btf = make_types(functions, count);
	__u32 size;
	const void *bytes = btf__raw_data(btf, &size);
	_cleanup_free_ void *copy = malloc(size);
	int err;

	memcpy(copy, bytes, size);
	err = slot_run_config_read(copy, size, wanted, why, ret_run);
	btf__free(btf);
	return err;
}

static void read_takes_priority_and_verdicts(void **state)
{
	const struct function f = { "_count",
				    { { "priority", 7 }, { "XDP_DROP", 1 }, { "XDP_TX", 1 } } };
	struct slot_run_config run;
	struct slot_reason why;

	(void)state;
	assert_int_equal(read_run(&f, 1, "count", &why, &run), 0);
	assert_true(run.present);
	assert_int_equal(run.priority, 7);
	assert_int_equal(run.continue_on, PASS | DROP | TX);
}

static void read_takes_a_verdict_of_0_away(void **state)
{
	const struct function f = { "_count", { { "XDP_PASS", 0 }, { "XDP_DROP", 1 } } };
	struct slot_run_config run;
	struct slot_reason why;

	(void)state;
	assert_int_equal(read_run(&f, 1, "count", &why, &run), 0);
	assert_int_equal(run.priority, 50);
	assert_int_equal(run.continue_on, DROP);
}

static void read_chooses_by_function(void **state)
{
	const struct function f[] = {
		{ "_first", { { "priority", 1 } } },
		{ "_second", { { "priority", 2 } } },
	};
	struct slot_run_config run;
	struct slot_reason why;

	(void)state;
	assert_int_equal(read_run(f, 2, "second", &why, &run), 0);
	assert_int_equal(run.priority, 2);
	assert_int_equal(read_run(f, 2, "third", &why, &run), 0);
	assert_false(run.present);
	assert_int_equal(read_run(f, 2, "", &why, &run), 0);
	assert_false(run.present);
	assert_int_equal(read_run(f, 1, "", &why, &run), 0);
	assert_int_equal(run.priority, 1);
}

static void read_of_no_types_finds_none(void **state)
{
	struct slot_run_config run = { .present = true };

	(void)state;
	assert_int_equal(slot_run_config_read("", 0, "count", NULL, &run), 0);
	assert_false(run.present);
}

static void read_refuses_what_libxdp_would_not_take(void **state)
{
	const struct function f = { "_count", { { "XDP_DORP", 1 } } };
	struct slot_run_config run;
	struct slot_reason why;

	(void)state;
	assert_int_equal(read_run(&f, 1, "count", &why, &run), -EINVAL);
	assert_string_equal(why.text,
			    "XDP_RUN_CONFIG(count): 'XDP_DORP': __uint of priority or of a "
			    "verdict such as XDP_PASS expected");
	assert_int_equal(slot_run_config_read("no types", 8, "count", &why, &run), -EINVAL);
	assert_non_null(strstr(why.text, "cannot be read"));
}

static struct slot_state make_slot(bool has_continue_on, __u8 allow)
{
	return (struct slot_state){
		.reserved = true,
		.enabled = true,
		.has_continue_on = has_continue_on,
		.name = "count",
		.rules = { .continue_on = PASS, .allow = allow },
	};
}

static const struct slot_object_id with_run = { .sha256 = "aa",
						.name = "count",
						.run = { true, 10, DROP | TX } };

static void set_object_brings_its_run_config_along(void **state)
{
	struct slot_state slot = make_slot(false, ALL);
	const struct slot_object_id without = { .sha256 = "bb", .name = "count" };

	(void)state;
	slot_state_set_object(&slot, &with_run);
	assert_int_equal(slot.rules.continue_on, DROP | TX);
	slot_state_set_object(&slot, &without);
	assert_int_equal(slot.rules.continue_on, PASS);
}

static void set_object_leaves_what_slots_conf_gives(void **state)
{
	struct slot_state slot = make_slot(true, ALL);

	(void)state;
	slot_state_set_object(&slot, &with_run);
	assert_int_equal(slot.rules.continue_on, PASS);
}

static void set_object_grants_nothing_that_is_not_allowed(void **state)
{
	struct slot_state slot = make_slot(false, PASS | TX);

	(void)state;
	slot_state_set_object(&slot, &with_run);
	assert_int_equal(slot.rules.continue_on, TX);
}

static void plan_says_that_an_object_changes_the_terms(void **state)
{
	struct slot_chain_state before = { .slots[3] = make_slot(false, ALL) };
	struct slot_chain_state after = before;
	const struct slot_object_id plain = { .sha256 = "bb", .name = "count", .version = "1" };
	struct slot_plan plan;

	(void)state;
	slot_state_set_object(&before.slots[3], &plain);
	slot_state_set_object(&after.slots[3], &with_run);
	slot_plan_make(&before, &after, &plan);
	assert_int_equal(plan.steps[0].action, SLOT_ACTION_REPLACE);
	assert_non_null(strstr(plan.steps[0].text, ", continue_on drop,tx"));
}

static void plan_says_that_slots_conf_decides_now(void **state)
{
	struct slot_chain_state before = { .slots[3] = make_slot(false, ALL) };
	struct slot_chain_state after = { .slots[3] = make_slot(true, ALL) };
	const struct slot_object_id plain = { .sha256 = "bb", .name = "count", .version = "1" };
	struct slot_plan plan;

	(void)state;
	slot_state_set_object(&before.slots[3], &plain);
	slot_state_set_object(&after.slots[3], &plain);
	slot_plan_make(&before, &after, &plan);
	assert_int_equal(plan.steps[0].action, SLOT_ACTION_RELINK);
	assert_non_null(strstr(plan.steps[0].text, "continue_on as slots.conf says"));
}

static void state_survives_json_with_the_run_config(void **state)
{
	struct slot_chain_state before = { .slots[3] = make_slot(false, ALL) };
	struct slot_chain_state after;
	struct slot_object_id object = with_run;
	struct slot_reason why;
	json_t *json;

	(void)state;
	memset(object.sha256, 'a', SLOT_SHA256_SIZE - 1);
	slot_state_set_object(&before.slots[3], &object);
	json = slot_chain_state_to_json(&before);
	assert_int_equal(slot_chain_state_from_json(json, &why, &after), 0);
	assert_false(after.slots[3].has_continue_on);
	assert_true(after.slots[3].object.run.present);
	assert_int_equal(after.slots[3].object.run.priority, 10);
	assert_int_equal(after.slots[3].object.run.continue_on, DROP | TX);
	json_decref(json);
	slot_chain_state_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_takes_priority_and_verdicts),
		cmocka_unit_test(read_takes_a_verdict_of_0_away),
		cmocka_unit_test(read_chooses_by_function),
		cmocka_unit_test(read_of_no_types_finds_none),
		cmocka_unit_test(read_refuses_what_libxdp_would_not_take),
		cmocka_unit_test(set_object_brings_its_run_config_along),
		cmocka_unit_test(set_object_leaves_what_slots_conf_gives),
		cmocka_unit_test(set_object_grants_nothing_that_is_not_allowed),
		cmocka_unit_test(plan_says_that_an_object_changes_the_terms),
		cmocka_unit_test(plan_says_that_slots_conf_decides_now),
		cmocka_unit_test(state_survives_json_with_the_run_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
