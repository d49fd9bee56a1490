/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of flower through a queue, and what becomes of them, and of a qdisc, beside others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "loader/lib/host/clsact.h"
#include "loader/lib/offload/flower_request.h"
#include "tests/support/flower_bed.h"
#include "tests/support/tap.h"

#define MANY 1000
#define BATCH 64
#define DRAIN_MS 60000

static const struct flower_flow flow4 = { AF_INET, IPPROTO_TCP, 40000, 443, 0 };

static struct {
	struct slot_flower_place place;
	struct slot_queue *queue;
	struct slot_flower_request requests[MANY];
	size_t reports[SLOT_QUEUE_STATE_COUNT]; /* the queue's thread's; read after a drain */
	struct slot_answer answer;		/* of the latest one that has an error */
} bed;

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	(void)context;
	slot_flower_install(&bed.place, requests, count, ret_answers);
}

static void take_off(void *context, struct slot_queue_request *const *requests, size_t count,
		     struct slot_answer *ret_answers)
{
	(void)context;
	slot_flower_remove(&bed.place, requests, count, ret_answers);
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	(void)context;
	(void)request;
	bed.reports[state]++;
	if (answer->err)
		bed.answer = *answer;
}

static int start_queue(void **state)
{
	static const struct slot_queue_ops ops = { install, take_off, report };
	const struct slot_queue_settings settings = { MANY, BATCH, &ops, NULL };
	unsigned int i;

	flower_bed_start(state);
	memset(&bed, 0, sizeof(bed));
	bed.place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	for (i = 0; i < MANY; i++) {
		const struct flower_flow flow = { i % 2 ? AF_INET : AF_INET6, IPPROTO_TCP,
						  (__u16)(1000 + i), 443, 0 };

		bed.requests[i].rule = flower_bed_rule(&flow, i + 1);
	}
	return slot_queue_new(&settings, &bed.queue);
}

static int end_queue(void **state)
{
	slot_queue_free(bed.queue);
	return flower_bed_end(state);
}

static void drain(void)
{
	assert_int_equal(slot_queue_drain(bed.queue, DRAIN_MS), 0);
}

static void add_requests(size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(slot_queue_add(bed.queue, &bed.requests[i].request), 0);
}

static void cancel_requests(size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(slot_queue_cancel(bed.queue, &bed.requests[i].request), 0);
}

static void print_latency(void)
{
	struct slot_queue_stats stats;
	size_t i;

	slot_queue_stats(bed.queue, &stats);
	for (i = 0; i < SLOT_QUEUE_BUCKETS; i++)
		if (stats.latency[i])
			print_message("# below %lu us: %llu\n", 1UL << i,
				      (unsigned long long)stats.latency[i]);
}

static void a_thousand_go_through_the_queue(void **state)
{
	(void)state;
	add_requests(MANY);
	drain();
	assert_int_equal(bed.reports[SLOT_QUEUE_ACTIVE], MANY);
	assert_int_equal(flower_bed_list(&bed.place).own, MANY);
	print_latency();
	cancel_requests(MANY);
	drain();
	assert_int_equal(bed.reports[SLOT_QUEUE_REMOVED], MANY);
	assert_int_equal(flower_bed_list(&bed.place).own, 0);
}

static void what_is_cancelled_at_once_leaves_no_rule(void **state)
{
	(void)state;
	add_requests(MANY);
	cancel_requests(MANY);
	drain();
	assert_int_equal(bed.reports[SLOT_QUEUE_CANCELLED] + bed.reports[SLOT_QUEUE_REMOVED], MANY);
	assert_int_equal(flower_bed_list(&bed.place).own, 0);
}

static void a_refusal_comes_with_the_kernels_words(void **state)
{
	(void)state;
	flower_bed_add(&bed.place, &bed.requests[1].rule);
	add_requests(3);
	drain();
	assert_int_equal(bed.reports[SLOT_QUEUE_FAILED], 1);
	assert_int_equal(bed.reports[SLOT_QUEUE_ACTIVE], 2);
	assert_string_equal(bed.answer.text, "Filter already exists");
}

static void check_gone(void)
{
	cancel_requests(4);
	drain();
	assert_int_equal(bed.reports[SLOT_QUEUE_REMOVED], 4);
	assert_int_equal(bed.answer.err, 0);
}

static void rules_that_somebody_took_off_are_removed(void **state)
{
	(void)state;
	add_requests(4);
	drain();
	flower_bed_must("tc filter del dev v0 egress");
	check_gone();
}

/* 2 is the handle of the second request, the first one of IPv4. */
static void what_somebody_put_in_the_place_of_a_rule_stays(void **state)
{
	(void)state;
	add_requests(4);
	drain();
	flower_bed_must("tc filter del dev v0 egress pref 100 protocol ip handle 2 flower");
	flower_bed_must("tc filter add dev v0 egress pref 100 protocol ip handle 2 flower "
			"ip_proto tcp dst_ip 198.51.100.9 action skbedit mark 9");
	check_gone();
	assert_int_equal(flower_bed_list(&bed.place).own, 0);
	assert_non_null(strstr(flower_bed_told("v0 egress"), "198.51.100.9"));
}

static void rules_whose_pref_another_classifier_has_are_removed(void **state)
{
	(void)state;
	add_requests(4);
	drain();
	flower_bed_must("tc filter del dev v0 egress pref 100");
	flower_bed_must("tc filter add dev v0 egress pref 100 protocol ip handle 2 matchall "
			"action pass");
	check_gone();
	assert_non_null(strstr(flower_bed_told("v0 egress"), "matchall"));
}

static void rules_whose_qdisc_is_gone_are_removed(void **state)
{
	(void)state;
	add_requests(4);
	drain();
	flower_bed_must("tc qdisc del dev v0 clsact");
	check_gone();
}

static void rules_whose_device_is_gone_are_removed(void **state)
{
	(void)state;
	add_requests(4);
	drain();
	flower_bed_must("ip link del v0");
	check_gone();
	flower_bed_start(state);
}

static void what_others_put_beside_stays(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&flow4, 7);
	struct flower_tally tally;
	size_t count;

	(void)state;
	flower_bed_must("tc filter add dev v0 egress pref 100 protocol ip handle 1 flower "
			"ip_proto tcp dst_ip 198.51.100.9 action skbedit mark 9");
	flower_bed_must("tc filter add dev v0 egress pref 100 protocol ip handle 2 flower "
			"ip_proto tcp dst_ip 198.51.100.8 action skbedit mark 9 "
			"cookie 746573742d6f776e");
	flower_bed_must("tc filter add dev v0 egress pref 100 chain 5 protocol ip handle 3 flower "
			"ip_proto tcp dst_ip 198.51.100.7 action skbedit mark 9");
	flower_bed_must("tc filter add dev v0 egress pref 10 protocol all matchall action pass");
	flower_bed_add(&place, &rule);
	tally = flower_bed_list(&place);
	assert_int_equal(tally.own, 1);
	assert_int_equal(tally.others, 2);
	assert_int_equal(slot_flower_flush(&place, FLOWER_OWNER, &count), 0);
	assert_int_equal(count, 1);
	tally = flower_bed_list(&place);
	assert_int_equal(tally.own, 0);
	assert_int_equal(tally.others, 2);
	assert_non_null(strstr(flower_bed_told("v0 egress"), "198.51.100.7"));
	assert_non_null(strstr(flower_bed_told("v0 egress"), "matchall"));
}

static enum slot_qdisc qdisc_of(const struct slot_flower_place *place)
{
	enum slot_qdisc qdisc;

	assert_int_equal(slot_qdisc_find(place->ifindex, &qdisc), 0);
	return qdisc;
}

static void a_qdisc_is_added_where_there_is_none(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);

	(void)state;
	flower_bed_must("tc qdisc del dev v0 clsact");
	assert_int_equal(qdisc_of(&place), SLOT_QDISC_NONE);
	assert_int_equal(slot_flower_open(&place), 0);
	assert_int_equal(qdisc_of(&place), SLOT_QDISC_CLSACT);
	assert_int_equal(slot_flower_open(&place), 0);
}

static void a_qdisc_ingress_serves_for_ingress_alone(void **state)
{
	struct slot_flower_place place = flower_bed_place("v0", SLOT_HOOK_TC_EGRESS);
	struct slot_flower_rule rule = flower_bed_rule(&flow4, 7);

	(void)state;
	flower_bed_must("tc qdisc del dev v0 clsact && tc qdisc add dev v0 ingress");
	assert_int_equal(slot_flower_open(&place), -EBUSY);
	place.hook = SLOT_HOOK_TC_INGRESS;
	assert_int_equal(slot_flower_open(&place), 0);
	flower_bed_add(&place, &rule);
	assert_int_equal(flower_bed_list(&place).own, 1);
}

#define ADD(fn) TAP_ADD(&plan, fn, flower_bed_start, flower_bed_end)
#define ADD_QUEUED(fn) TAP_ADD(&plan, fn, start_queue, end_queue)

int main(void)
{
	struct tap_plan plan = { 0 };
	const char *why;

	if (!flower_bed_enter(&why)) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	ADD_QUEUED(a_thousand_go_through_the_queue);
	ADD_QUEUED(what_is_cancelled_at_once_leaves_no_rule);
	ADD_QUEUED(a_refusal_comes_with_the_kernels_words);
	ADD_QUEUED(rules_that_somebody_took_off_are_removed);
	ADD_QUEUED(what_somebody_put_in_the_place_of_a_rule_stays);
	ADD_QUEUED(rules_whose_pref_another_classifier_has_are_removed);
	ADD_QUEUED(rules_whose_qdisc_is_gone_are_removed);
	ADD_QUEUED(rules_whose_device_is_gone_are_removed);
	ADD(what_others_put_beside_stays);
	ADD(a_qdisc_is_added_where_there_is_none);
	ADD(a_qdisc_ingress_serves_for_ingress_alone);
	return tap_run(&plan, "flower_queue", 1);
}
