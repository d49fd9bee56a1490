/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark: one packet in so many goes on, so that the load balancer keeps knowing the flow. */
#include <linux/bpf.h>

#include "tests/support/hwmark_case.h"
#include "tests/support/tap.h"

#define MARK 4711
#define UDP4 1 /* of hwmark_case_kinds */

/* Packets of @flows in turn; which of them went on, by flow. */
static void run_in_turn(struct hwmark_case *hc, unsigned int packets, unsigned int flows,
			unsigned int *ret_passed)
{
	const struct hwmark_case_kind *kind = &hwmark_case_kinds[UDP4];
	struct hwmark_case_packet spec = { .client = "198.18.0.1", .dport = 53 };
	struct hwmark_meta meta = { .mark = MARK };
	static struct packet packet;
	struct hwmark_entry entry;
	struct progrun out;
	int fd;

	hc->config.mode = HWMARK_DESTINATION;
	hwmark_case_load(hc);
	fd = progrun_fd(hc->object, "hwmark");
	entry = hwmark_case_entry(hc, kind, &spec);
	hwmark_case_mark(hc, MARK, &entry);
	for (unsigned int i = 0; i < packets; i++) {
		spec.sport = (__u16)(1 + i % flows);
		hwmark_case_build(kind, &spec, &packet);
		assert_int_equal(progrun_meta(fd, &meta, sizeof(meta), &packet, &out), 0);
		ret_passed[i % flows] += out.verdict == XDP_PASS;
	}
}

static void one_packet_in_so_many_goes_on_to_the_load_balancer(void **state)
{
	struct hwmark_case hc;
	unsigned int passed = 0;

	(void)state;
	hwmark_case_open(&hc);
	hc.config.refresh = 4;
	run_in_turn(&hc, 40, 1, &passed);
	assert_int_equal(passed, 10);
	assert_int_equal(hwmark_case_count(&hc, HWMARK_REFRESH), 10);
	assert_int_equal(hwmark_case_count(&hc, HWMARK_SENT4), 30);
	hwmark_case_close(&hc);
}

/* Else of flows that take turns one alone might be known to the load balancer. */
static void flows_in_turn_all_go_on_now_and_then(void **state)
{
	unsigned int passed[4] = {};
	struct hwmark_case hc;

	(void)state;
	hwmark_case_open(&hc);
	hc.config.refresh = 64;
	run_in_turn(&hc, 6400, 4, passed);
	for (unsigned int i = 0; i < 4; i++)
		assert_in_range(passed[i], 10, 50);
	hwmark_case_close(&hc);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD(&plan, one_packet_in_so_many_goes_on_to_the_load_balancer, NULL, NULL);
	TAP_ADD(&plan, flows_in_turn_all_go_on_now_and_then, NULL, NULL);
	return tap_run(&plan, "hwmark_refresh", 1);
}
