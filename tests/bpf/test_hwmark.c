/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark: what it makes of marked packets is what the load balancer makes of the same ones. */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/count_abi.h"
#include "tests/support/draw.h"
#include "tests/support/hwmark_case.h"
#include "tests/support/tap.h"

#define DRAWS 100
#define MARK 4711

/* What the load balancer's maps count of a VIP, its real, and as sent. */
struct counted {
	__u64 vip_packets, vip_bytes, real_packets, real_bytes, sent4, sent6, sent_long;
};

static void sum_element(const struct lb_case *lb, const char *name, __u32 index, __u64 *ret_packets,
			__u64 *ret_bytes)
{
	int cpus = libbpf_num_possible_cpus();
	struct slot_count counts[cpus];

	assert_int_equal(bpf_map_lookup_elem(lb_case_map(lb, name), &index, counts), 0);
	*ret_packets = 0;
	*ret_bytes = 0;
	for (int i = 0; i < cpus; i++) {
		*ret_packets += counts[i].packets;
		*ret_bytes += counts[i].bytes;
	}
}

/* What both programs count under the same number. */
static __u64 count_both(const struct hwmark_case *hc, enum lb_counter counter)
{
	return lb_case_count(&hc->lb, counter) +
	       hwmark_case_count(hc, (enum hwmark_counter)counter);
}

static struct counted count_all(const struct hwmark_case *hc, const struct hwmark_case_kind *kind)
{
	__u32 number = (__u32)(kind - hwmark_case_kinds);
	struct counted c = {
		.sent4 = count_both(hc, LB_SENT4),
		.sent6 = count_both(hc, LB_SENT6),
		.sent_long = count_both(hc, LB_SENT_LONG),
	};

	sum_element(&hc->lb, LB_VIP_COUNTS_NAME, number, &c.vip_packets, &c.vip_bytes);
	sum_element(&hc->lb, LB_REAL_COUNTS_NAME, number + 1, &c.real_packets, &c.real_bytes);
	return c;
}

/* That @after is as much more than @middle as that is more than @before. */
static void assert_same_step(const struct counted *before, const struct counted *middle,
			     const struct counted *after)
{
	const __u64 *b = (const __u64 *)before, *m = (const __u64 *)middle,
		    *a = (const __u64 *)after;

	for (size_t i = 0; i < sizeof(*before) / sizeof(__u64); i++)
		assert_int_equal(a[i] - m[i], m[i] - b[i]);
}

static void compare(const struct hwmark_case *hc, const struct hwmark_case_kind *kind,
		    const struct hwmark_case_packet *spec)
{
	struct hwmark_entry entry = hwmark_case_entry(hc, kind, spec);
	struct counted before = count_all(hc, kind), middle, after;
	struct progrun plain, marked;
	struct packet p;

	hwmark_case_mark(hc, MARK, &entry);
	hwmark_case_build(kind, spec, &p);
	lb_case_run(&hc->lb, &p, &plain);
	middle = count_all(hc, kind);
	hwmark_case_build(kind, spec, &p);
	hwmark_case_run(hc, MARK, &p, &marked);
	after = count_all(hc, kind);
	assert_int_equal(plain.verdict, XDP_TX);
	assert_int_equal(marked.verdict, XDP_TX);
	assert_int_equal(marked.len, plain.len);
	assert_memory_equal(marked.bytes, plain.bytes, plain.len);
	assert_int_equal(middle.vip_packets, before.vip_packets + 1);
	assert_int_equal(middle.sent4 + middle.sent6, before.sent4 + before.sent6 + 1);
	assert_same_step(&before, &middle, &after);
}

static void marked_packets_leave_as_the_load_balancer_sends_them(void **state)
{
	const struct hwmark_case_kind *kind = *state;
	uint64_t draws = draw_seed(1 + (uint64_t)(kind - hwmark_case_kinds));
	struct hwmark_case *hc = NULL;

	for (int i = 0; i < 2 * DRAWS; i++) {
		enum hwmark_mode mode = i < DRAWS ? HWMARK_FLOW : HWMARK_DESTINATION;
		struct hwmark_case_packet spec = hwmark_case_draw(kind, &draws);

		if (i % DRAWS == 0)
			hc = hwmark_case_get(mode);
		compare(hc, kind, &spec);
	}
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	tap_add_table(&plan,
		      &(struct CMUnitTest)cmocka_unit_test(
			      marked_packets_leave_as_the_load_balancer_sends_them),
		      hwmark_case_kinds, hwmark_case_kind_count, sizeof(*hwmark_case_kinds));
	return tap_run(&plan, "hwmark", 1);
}
