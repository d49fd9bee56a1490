/* SPDX-License-Identifier: GPL-2.0-only */
/* The checker's judgement, without a socket: times, hysteresis, and how few may be left. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "programs/lb/health/lb_health.h"
#include "tests/support/lb_texts.h"

#define SECOND 1000ULL
#define REALS_MAX 4096

/* --- reals -------------------------------------------------------------------------------- */

struct bed {
	struct lb_health_file file;
	struct lb_health health;
	struct lb_health_seen seen[REALS_MAX];
	struct lb_health_change changes[REALS_MAX];
	size_t count;
	__u64 now;
};

static struct bed bed;

static void merge(void)
{
	struct lb_health_seen *seen = calloc(bed.count + 1, sizeof(*seen));

	memcpy(seen, bed.seen, bed.count * sizeof(*seen));
	assert_int_equal(lb_health_merge(&bed.health, seen, bed.count, bed.now), 0);
	free(seen);
}

/* @count reals of one VIP, 203.0.113.1 and on, checked as @words say. */
static void set_bed(size_t count, const char *words)
{
	char text[128];

	snprintf(text, sizeof(text), "check default %s", words);
	bed = (struct bed){ .file = lb_health_file_of(text), .count = count, .now = 1000 * SECOND };
	lb_health_new(1, &bed.health);
	for (size_t i = 0; i < count; i++) {
		bed.seen[i] = (struct lb_health_seen){
			.vip = lb_vip_of("tcp/198.51.100.1:80"),
			.host = lb_host_of("203.0.113.1"),
			.mark = 1,
		};
		bed.seen[i].host.bytes[2] = (__u8)(113 + (i >> 8));
		bed.seen[i].host.bytes[3] = (__u8)(i + 1);
		bed.seen[i].check = lb_health_file_find(&bed.file, &bed.seen[i].vip);
	}
	merge();
}

static int end_bed(void **state)
{
	(void)state;
	lb_health_free(&bed.health);
	lb_health_file_free(&bed.file);
	return 0;
}

static void answer(size_t i, bool is_well)
{
	struct lb_health_result result = { .outcome = is_well ? LB_HEALTH_ANSWERED :
								LB_HEALTH_FAILED };
	struct lb_health_target *target = bed.health.targets[i];

	lb_health_start(&bed.health, target, bed.now);
	lb_health_end(&bed.health, target, &result, bed.now);
}

static void answers(size_t i, bool is_well, unsigned int times)
{
	for (; times; times--, bed.now += SECOND)
		answer(i, is_well);
}

/* What is decided is done, as the maps would say. Returns how many changes that were. */
static size_t carry_out(void)
{
	size_t count = lb_health_decide(&bed.health, bed.changes);

	for (size_t i = 0; i < count; i++) {
		lb_health_changed(&bed.changes[i], bed.now);
		for (size_t k = 0; k < bed.count; k++)
			if (!lb_address_compare(&bed.seen[k].host,
						&bed.changes[i].target->seen.host))
				bed.seen[k].is_failed = bed.changes[i].is_out;
	}
	return count;
}

static bool is_out(size_t i)
{
	return bed.health.targets[i]->seen.is_failed;
}

static void fall_failures_in_a_row_take_a_real_out(void **state)
{
	(void)state;
	set_bed(3, "tcp fall=3 rise=2");
	answers(0, false, 2);
	assert_int_equal(carry_out(), 0);
	answers(0, true, 1);
	answers(0, false, 2);
	assert_int_equal(carry_out(), 0);
	answers(0, false, 1);
	assert_int_equal(carry_out(), 1);
	assert_true(bed.changes[0].is_out);
	assert_true(is_out(0));
	assert_int_equal(carry_out(), 0);
}

static void rise_answers_in_a_row_bring_it_in(void **state)
{
	(void)state;
	set_bed(3, "tcp fall=1 rise=3");
	answers(0, false, 1);
	assert_int_equal(carry_out(), 1);
	answers(0, true, 2);
	answers(0, false, 1);
	answers(0, true, 2);
	assert_int_equal(carry_out(), 0);
	answers(0, true, 1);
	assert_int_equal(carry_out(), 1);
	assert_false(bed.changes[0].is_out);
	assert_false(is_out(0));
}

static unsigned int count_until_in(size_t i)
{
	unsigned int count = 0;

	for (; is_out(i); count++) {
		answers(i, true, 1);
		carry_out();
	}
	return count;
}

static void a_real_that_flaps_has_to_answer_longer_each_time(void **state)
{
	static const unsigned int wanted[] = { 2, 4, 8, 16, 32, 64, 64, 64 };

	(void)state;
	set_bed(3, "tcp fall=1 rise=2");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		answers(0, false, 1);
		assert_int_equal(carry_out(), 1);
		assert_int_equal(count_until_in(0), wanted[i]);
	}
	bed.now += LB_HEALTH_CALM_MS;
	answers(0, true, 1);
	answers(0, false, 1);
	assert_int_equal(carry_out(), 1);
	assert_int_equal(count_until_in(0), 2);
}

static void half_of_the_reals_stay_whatever_fails(void **state)
{
	(void)state;
	set_bed(5, "tcp fall=1 rise=1");
	for (size_t i = 0; i < 5; i++)
		answers(i, false, 1);
	assert_int_equal(carry_out(), 3);
	/* those that failed first are out */
	assert_true(is_out(0) && is_out(1) && is_out(2));
	assert_true(bed.health.targets[3]->is_kept && bed.health.targets[4]->is_kept);
	/* one that answers makes room for one that does not */
	answers(1, true, 1);
	assert_int_equal(carry_out(), 2);
	assert_false(is_out(1));
	assert_true(is_out(3));
	assert_true(bed.health.targets[4]->is_kept);
	assert_false(bed.health.targets[3]->is_kept);
}

static void the_last_real_is_never_taken_out(void **state)
{
	(void)state;
	set_bed(1, "tcp fall=1 rise=1 min-up=1%");
	answers(0, false, 10);
	assert_int_equal(carry_out(), 0);
	assert_true(bed.health.targets[0]->is_kept);
	answers(0, true, 1);
	assert_int_equal(carry_out(), 0);
	assert_false(bed.health.targets[0]->is_kept);
}

static void the_floor_may_be_a_number_or_a_share(void **state)
{
	struct lb_health_check check = { .min_up = 50, .is_percent = true };

	(void)state;
	assert_int_equal(lb_health_floor(&check, 1), 1);
	assert_int_equal(lb_health_floor(&check, 3), 1);
	assert_int_equal(lb_health_floor(&check, 4), 2);
	check = (struct lb_health_check){ .min_up = 3 };
	assert_int_equal(lb_health_floor(&check, 100), 3);
	assert_int_equal(lb_health_floor(&check, 2), 2);
	assert_int_equal(lb_health_floor(&check, 0), 0);
}

/* Two of four are out; then an operator takes out the two that served. */
static void what_fails_comes_in_when_an_operator_leaves_too_few(void **state)
{
	(void)state;
	set_bed(4, "tcp fall=1 rise=1");
	answers(0, false, 1);
	answers(1, false, 1);
	assert_int_equal(carry_out(), 2);
	bed.seen[2].is_drained = bed.seen[3].is_down = true;
	merge();
	assert_int_equal(carry_out(), 1);
	assert_true(bed.changes[0].is_forced);
	assert_true(is_out(0));
	assert_false(is_out(1)); /* the one that answered for longer */
	assert_int_equal(carry_out(), 0);
	bed.seen[2].is_drained = bed.seen[3].is_down = false;
	merge();
	answers(1, false, 1);
	assert_int_equal(carry_out(), 1);
	assert_true(is_out(1));
}

static void what_an_operator_set_is_left_as_it_is(void **state)
{
	(void)state;
	set_bed(4, "tcp fall=1 rise=1");
	bed.seen[0].is_down = bed.seen[1].is_drained = true;
	merge();
	answers(0, false, 3);
	answers(1, false, 3);
	assert_int_equal(carry_out(), 1);
	assert_false(is_out(0)); /* it is down already */
	assert_true(is_out(1));	 /* beside being drained, which it remains */
	assert_true(bed.health.targets[1]->seen.is_drained);
	bed.seen[0].is_down = false;
	merge();
	assert_int_equal(carry_out(), 1); /* set up again while it fails */
	assert_true(is_out(0));
}

static void a_new_checker_goes_on_from_what_is_out(void **state)
{
	(void)state;
	set_bed(3, "tcp fall=3 rise=2");
	bed.seen[1].is_failed = true;
	merge();
	assert_int_equal(carry_out(), 0);
	answers(1, true, 2);
	assert_int_equal(carry_out(), 1);
	assert_false(is_out(1));
}

static void a_probe_that_was_not_sent_says_nothing(void **state)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_UNASKED };

	(void)state;
	set_bed(3, "tcp fall=2 rise=2");
	answers(0, false, 1);
	lb_health_start(&bed.health, bed.health.targets[0], bed.now);
	lb_health_end(&bed.health, bed.health.targets[0], &result, bed.now);
	assert_int_equal(bed.health.targets[0]->fails, 1);
	answers(0, false, 1);
	answers(1, false, 2);
	lb_health_forget(&bed.health);
	assert_int_equal(carry_out(), 0);
}

/* --- times -------------------------------------------------------------------------------- */

/* Runs probes for @ms, each of which takes no time. Returns the most that began in 10 ms. */
static unsigned int run_for(__u64 ms, unsigned int *ret_probes)
{
	unsigned int most = 0, probes = 0;
	__u64 end = bed.now + ms;

	while (bed.now < end) {
		struct lb_health_result result = { .outcome = LB_HEALTH_ANSWERED };
		struct lb_health_target *target;
		unsigned int count = 0;

		bed.now += 10;
		while ((target = lb_health_due(&bed.health, bed.now))) {
			lb_health_start(&bed.health, target, bed.now);
			lb_health_end(&bed.health, target, &result, bed.now);
			count++;
		}
		most = count > most ? count : most;
		probes += count;
	}
	*ret_probes = probes;
	return most;
}

static void thousands_of_probes_are_spread(void **state)
{
	unsigned int probes = 0, most;

	(void)state;
	set_bed(REALS_MAX, "tcp interval=2s");
	most = run_for(60 * SECOND, &probes);
	/* 20.5 in 10 ms are their share, and up to a tenth more, as none is late */
	assert_in_range(probes, REALS_MAX * 30, REALS_MAX * 30 * 12 / 10);
	assert_in_range(most, 20, 60);
}

static void no_probe_is_late(void **state)
{
	(void)state;
	set_bed(100, "tcp interval=2s timeout=1s");
	for (unsigned int i = 0; i < 1000; i++) {
		__u64 due = lb_health_next(&bed.health);
		struct lb_health_target *target;

		assert_true(due - bed.now <= 2 * SECOND);
		bed.now = due;
		target = lb_health_due(&bed.health, bed.now);
		answer((size_t)(target->seen.host.bytes[3] - 1), true);
		assert_in_range(target->due_ms - bed.now, 2 * SECOND * 9 / 10, 2 * SECOND);
	}
}

static void a_probe_ends_in_time(void **state)
{
	struct lb_health_target *target;

	(void)state;
	set_bed(1, "tcp interval=2s timeout=1s");
	target = lb_health_due(&bed.health, bed.now);
	assert_non_null(target);
	lb_health_start(&bed.health, target, bed.now);
	assert_null(lb_health_due(&bed.health, bed.now));
	assert_ptr_equal(lb_health_due(&bed.health, bed.now + SECOND), target);
	lb_health_delay(&bed.health, target, bed.now + SECOND);
	assert_null(lb_health_due(&bed.health, bed.now + SECOND));
}

static void a_real_that_goes_while_it_is_asked_is_forgotten_afterwards(void **state)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_FAILED };
	struct lb_health_target *target;

	(void)state;
	set_bed(3, "tcp fall=1");
	answers(2, false, 1);
	target = bed.health.targets[0];
	lb_health_start(&bed.health, target, bed.now);
	memmove(&bed.seen[0], &bed.seen[1], 2 * sizeof(bed.seen[0]));
	bed.count = 2;
	merge();
	assert_int_equal(bed.health.count, 2);
	assert_int_equal(bed.health.queued, 3);
	assert_true(target->is_gone);
	lb_health_end(&bed.health, target, &result, bed.now);
	assert_int_equal(bed.health.queued, 2);
	assert_int_equal(bed.health.targets[1]->fails, 1); /* the others are known still */
}

static void what_cannot_be_asked_is_not_judged(void **state)
{
	(void)state;
	set_bed(1, "tcp fall=1 interval=2s");
	answer(0, false);
	for (int i = 0; i < 3; i++) {
		lb_health_pass(&bed.health, bed.health.targets[0], "no way", bed.now);
		assert_false(bed.health.targets[0]->is_running);
		assert_true(lb_health_next(&bed.health) > bed.now);
	}
	assert_int_equal(bed.health.targets[0]->fails, 0);
	assert_int_equal(carry_out(), 0);
	assert_string_equal(bed.health.targets[0]->last.error, "no way");
}

/* It was taken away before the checker knew: what failed since then failed for that reason. */
static void what_failed_for_want_of_a_source_is_not_judged(void **state)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_FAILED };
	struct lb_health_target *target;

	(void)state;
	set_bed(2, "tcp fall=2");
	bed.seen[0].is_direct = bed.seen[0].has_source = true;
	bed.seen[0].source = lb_host_of("192.0.2.1");
	merge();
	target = bed.health.targets[0];
	answers(0, false, 2);
	lb_health_start(&bed.health, target, bed.now);
	bed.seen[0].has_source = false;
	bed.seen[0].source = (struct lb_host){};
	merge();
	assert_int_equal(carry_out(), 0);
	lb_health_end(&bed.health, target, &result, bed.now);
	assert_int_equal(target->fails, 0);

	answers(0, false, 2);
	assert_int_equal(carry_out(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_floor_may_be_a_number_or_a_share),
		cmocka_unit_test_teardown(fall_failures_in_a_row_take_a_real_out, end_bed),
		cmocka_unit_test_teardown(rise_answers_in_a_row_bring_it_in, end_bed),
		cmocka_unit_test_teardown(a_real_that_flaps_has_to_answer_longer_each_time,
					  end_bed),
		cmocka_unit_test_teardown(half_of_the_reals_stay_whatever_fails, end_bed),
		cmocka_unit_test_teardown(the_last_real_is_never_taken_out, end_bed),
		cmocka_unit_test_teardown(what_fails_comes_in_when_an_operator_leaves_too_few,
					  end_bed),
		cmocka_unit_test_teardown(what_an_operator_set_is_left_as_it_is, end_bed),
		cmocka_unit_test_teardown(a_new_checker_goes_on_from_what_is_out, end_bed),
		cmocka_unit_test_teardown(a_probe_that_was_not_sent_says_nothing, end_bed),
		cmocka_unit_test_teardown(what_cannot_be_asked_is_not_judged, end_bed),
		cmocka_unit_test_teardown(what_failed_for_want_of_a_source_is_not_judged, end_bed),
		cmocka_unit_test_teardown(thousands_of_probes_are_spread, end_bed),
		cmocka_unit_test_teardown(no_probe_is_late, end_bed),
		cmocka_unit_test_teardown(a_probe_ends_in_time, end_bed),
		cmocka_unit_test_teardown(
			a_real_that_goes_while_it_is_asked_is_forgotten_afterwards, end_bed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
