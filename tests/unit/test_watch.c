/* SPDX-License-Identifier: GPL-2.0-only */
/* What a watch makes of counts, and its way through records. */
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
#include "loader/lib/registry/watch.h"
#include "tests/support/state_case.h"

static const struct slot_watch_terms terms_drop = {
	.seconds = 30,
	.has_drop = true,
	.max_drop_ppm = 200000,
};
static const struct slot_watch_terms terms_abort = { .seconds = 30, .has_abort = true };

struct judgement {
	const char *name;
	const struct slot_watch_terms *terms;
	struct slot_watch_counts before;
	struct slot_watch_counts since;
	bool is_bad;
};

static const struct judgement judgements[] = {
	{ "nothing_counted_is_no_reason", &terms_drop, { 0, 0, 0 }, { 0, 0, 0 }, false },
	{ "few_packets_are_no_reason", &terms_drop, { 1000, 0, 0 }, { 99, 99, 0 }, false },
	{ "enough_packets_are", &terms_drop, { 1000, 0, 0 }, { 100, 100, 0 }, true },
	{ "as_many_more_as_allowed_may_be_dropped",
	  &terms_drop,
	  { 1000, 100, 0 },
	  { 1000, 300, 0 },
	  false },
	{ "one_more_may_not", &terms_drop, { 1000, 100, 0 }, { 1000, 301, 0 }, true },
	{ "fewer_drops_are_fine", &terms_drop, { 1000, 900, 0 }, { 1000, 0, 0 }, false },
	{ "a_past_that_is_hardly_known_counts_as_free_of_drops",
	  &terms_drop,
	  { 99, 99, 0 },
	  { 1000, 500, 0 },
	  true },
	{ "who_watches_drops_does_not_mind_aborts",
	  &terms_drop,
	  { 1000, 0, 0 },
	  { 1000, 0, 1000 },
	  false },
	{ "one_abort_is_too_many_where_none_is_allowed",
	  &terms_abort,
	  { 1000, 0, 0 },
	  { 1, 0, 1 },
	  true },
	{ "aborts_at_the_rate_from_before_are_explained",
	  &terms_abort,
	  { 1000, 0, 10 },
	  { 2000, 0, 20 },
	  false },
	{ "one_more_is_not", &terms_abort, { 1000, 0, 10 }, { 2000, 0, 21 }, true },
	{ "aborts_of_a_past_that_is_hardly_known_explain_nothing",
	  &terms_abort,
	  { 99, 0, 99 },
	  { 100, 0, 1 },
	  true },
	{ "who_watches_aborts_does_not_mind_drops",
	  &terms_abort,
	  { 1000, 0, 0 },
	  { 1000, 1000, 0 },
	  false },
};
#define JUDGEMENTS (sizeof(judgements) / sizeof(judgements[0]))

static void judge(void **state)
{
	const struct judgement *row = *state;
	char text[256] = "";

	assert_int_equal(slot_watch_judge(row->terms, &row->before, &row->since, text,
					  sizeof(text)),
			 row->is_bad);
	assert_int_equal(text[0] != '\0', row->is_bad);
}

static void the_reason_names_the_figures(void **state)
{
	const struct slot_watch_counts before = { 1000, 100, 0 };
	const struct slot_watch_counts since = { 2000, 2000, 0 };
	char text[256];

	(void)state;
	assert_true(slot_watch_judge(&terms_drop, &before, &since, text, sizeof(text)));
	assert_string_equal(text, "drops 1.0000 of its packets (2000 of 2000), against 0.1000 "
				  "before, where 0.2000 more are allowed");
}

/* --- those of a chain ---------------------------------------------------------------------- */

static struct slot_watch make_watch(const char *name, char digit, bool is_canary)
{
	struct slot_watch watch = {
		.is_canary = is_canary,
		.terms = { .seconds = 30, .has_drop = true, .max_drop_ppm = 5, .has_abort = true },
		.deadline_s = 77,
		.before = { 1, 2, 3 },
		.start = { 4, 5, 6 },
	};

	snprintf(watch.name, sizeof(watch.name), "%s", name);
	memcpy(watch.sha256, state_case_object(name, digit).sha256, sizeof(watch.sha256));
	return watch;
}

static void watches_come_back_from_json_as_they_were(void **state)
{
	const struct slot_watch one = make_watch("firewall", 'b', false);
	const struct slot_watch two = make_watch("lb", 'c', true);
	struct slot_watches watches = { 0 };
	struct slot_watches back;
	_cleanup_json_ json_t *json = NULL;
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(slot_watches_set(&watches, &one), 0);
	assert_int_equal(slot_watches_set(&watches, &two), 0);
	json = slot_watches_to_json(&watches);
	assert_int_equal(slot_watches_from_json(json, &why, &back), 0);
	assert_memory_equal(&watches, &back, sizeof(watches));
	assert_int_equal(slot_watches_from_json(NULL, &why, &back), 0);
	assert_false(slot_watches_has_any(&back));
}

static void a_watch_takes_the_place_of_another(void **state)
{
	const struct slot_watch one = make_watch("firewall", 'b', false);
	const struct slot_watch two = make_watch("firewall", 'c', false);
	struct slot_watches watches = { 0 };

	(void)state;
	slot_watches_set(&watches, &one);
	slot_watches_set(&watches, &two);
	assert_string_equal(slot_watches_find(&watches, "firewall")->sha256, two.sha256);
	slot_watches_del(&watches, "firewall");
	assert_false(slot_watches_has_any(&watches));
}

static void a_watch_is_over_when_its_version_does_not_run(void **state)
{
	const struct slot_watch watch = make_watch("firewall", 'b', false);
	const struct slot_watch canary = make_watch("lb", 'd', true);
	struct slot_chain_state chain = { 0 };
	struct slot_watches watches = { 0 };

	(void)state;
	state_case_add(&chain, 2, "firewall", 'b');
	state_case_add(&chain, 7, "lb", 'c')->canary = (struct slot_canary){
		.present = true, .object = state_case_object("lb", 'd'), .cpus = 1
	};
	slot_watches_set(&watches, &watch);
	slot_watches_set(&watches, &canary);
	slot_watches_del_over(&watches, &chain);
	assert_non_null(slot_watches_find(&watches, "firewall"));
	assert_non_null(slot_watches_find(&watches, "lb"));
	chain.slots[2].object = state_case_object("firewall", 'a');
	chain.slots[7].object = chain.slots[7].canary.object;
	chain.slots[7].canary.present = false;
	slot_watches_del_over(&watches, &chain);
	assert_false(slot_watches_has_any(&watches));
}

static void a_damaged_watch_is_refused(void **state)
{
	static const char *const texts[] = {
		"{}", "[1]", "[{}]", "[{\"name\": \"\"}]", "[{\"name\": \"a\"}]",
	};
	struct slot_watches watches;
	struct slot_reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_json_ json_t *json = json_loads(texts[i], 0, NULL);

		why.text[0] = '\0';
		assert_int_equal(slot_watches_from_json(json, &why, &watches), -EINVAL);
		assert_true(why.text[0]);
	}
}

int main(void)
{
	static const struct CMUnitTest fixed[] = {
		cmocka_unit_test(the_reason_names_the_figures),
		cmocka_unit_test(watches_come_back_from_json_as_they_were),
		cmocka_unit_test(a_watch_takes_the_place_of_another),
		cmocka_unit_test(a_watch_is_over_when_its_version_does_not_run),
		cmocka_unit_test(a_damaged_watch_is_refused),
	};
	static const size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
	static struct CMUnitTest all[sizeof(fixed) / sizeof(fixed[0]) + JUDGEMENTS];

	memcpy(all, fixed, sizeof(fixed));
	for (size_t i = 0; i < JUDGEMENTS; i++)
		all[fixed_count + i] = (struct CMUnitTest){
			.name = judgements[i].name,
			.test_func = judge,
			.initial_state = (void *)&judgements[i],
		};
	return cmocka_run_group_tests_name("watch", all, NULL, NULL);
}
