/* SPDX-License-Identifier: GPL-2.0-only */
/* lb: told of is who goes where the ring leads now; and who shares a place in the counting does not starve. */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/marks_bed.h"
#include "tests/support/tap.h"

#define OTHER 4 /* a second real */
#define PORT 1000
#define TCP_NUMBER 5 /* of the bed's VIPs */
#define UDP_NUMBER 6

static struct marks_bed bed;

static int open_bed(void **state)
{
	(void)state;
	marks_bed_open(&bed, &marks_bed_config);
	lb_case_real(&bed.lb, OTHER, "2001:db8:2::2", 0);
	return 0;
}

static int close_bed(void **state)
{
	(void)state;
	marks_bed_close(&bed);
	return 0;
}

static void lead_to(__u32 number, __u32 real)
{
	lb_case_ring_of(&bed.lb, number, real);
	lb_case_raise(&bed.lb);
}

/* Each packet on a tick of its own would take too long: what was counted is too old to count. */
static void make_older(struct lb_candidate *flow)
{
	flow->began -= 50;
}

static void send_enough(__u16 port)
{
	marks_bed_candidates(&bed, make_older);
	marks_bed_tcp(&bed, port, MARKS_ACK, MARKS_THRESHOLD);
}

static void forget_flows(void)
{
	int fd = lb_case_map(&bed.lb, LB_FLOWS_NAME);
	struct lb_bucket empty = {};

	for (__u32 i = 0; i < LB_BUCKETS; i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &empty, BPF_ANY), 0);
}

/* --- the ring --------------------------------------------------------------------------------- */

static void a_flow_that_the_table_keeps_elsewhere_is_not_told_of(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, PORT, MARKS_SYN, 1);
	lead_to(TCP_NUMBER, OTHER);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 0);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_KEPT), 1);
	/* One that begins now goes by the ring. */
	send_enough(PORT + 1);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, OTHER);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_KEPT), 1);
}

static void the_same_of_a_vip_of_all_ports(void **state)
{
	(void)state;
	marks_bed_udp6(&bed, PORT, 4433, 1);
	lead_to(UDP_NUMBER, OTHER);
	marks_bed_udp6(&bed, PORT, 4433, MARKS_THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 0);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_KEPT), 1);
	marks_bed_udp6(&bed, PORT + 1, 4433, MARKS_THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, OTHER);
	assert_int_equal(bed.events[0].dport, htons(4433));
}

static void it_is_told_of_when_the_ring_leads_there_again(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, PORT, MARKS_SYN, 1);
	lead_to(TCP_NUMBER, OTHER);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 0);
	lead_to(TCP_NUMBER, MARKS_REAL);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, MARKS_REAL);
}

static void an_event_has_the_generation_of_its_ring(void **state)
{
	__u32 zero = 0, generation;

	(void)state;
	send_enough(PORT);
	lead_to(TCP_NUMBER, MARKS_REAL);
	send_enough(PORT);
	assert_int_equal(bpf_map_lookup_elem(lb_case_map(&bed.lb, LB_GENERATION_NAME), &zero,
					     &generation),
			 0);
	assert_int_equal(marks_bed_take(&bed), 2);
	assert_int_equal(bed.events[1].generation, generation);
	assert_in_range(bed.events[0].generation, 1, generation - 1);
}

static void a_flow_that_was_evicted_is_told_of_at_the_rings_real(void **state)
{
	(void)state;
	marks_bed_tcp(&bed, PORT, MARKS_SYN, 1);
	lead_to(TCP_NUMBER, OTHER);
	forget_flows();
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, OTHER);
}

/* Above new_flows_max: nothing but the ring says where it goes, today as tomorrow. */
static void a_flow_that_was_never_recorded_is_told_of_at_the_rings_real(void **state)
{
	(void)state;
	bed.lb.control.new_flows_max = 0;
	lb_case_control(&bed.lb);
	send_enough(PORT);
	assert_int_equal(marks_bed_count(&bed, LB_FLOODED), MARKS_THRESHOLD);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, MARKS_REAL);
	lead_to(TCP_NUMBER, OTHER);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 1);
	assert_int_equal(bed.events[0].real, OTHER);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_KEPT), 0);
}

/* The ring alone decides until it changes, and then the flow table for those it knows. */
static void with_transitions_it_is_the_same(void **state)
{
	(void)state;
	bed.vip.vip.table = LB_TABLE_TRANSITIONS;
	lb_case_vip(&bed.lb, &bed.vip);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 1);
	bed.vip.vip.previous_until = ~0ULL;
	lb_case_vip(&bed.lb, &bed.vip);
	lb_case_previous(&bed.lb, TCP_NUMBER, MARKS_REAL);
	lead_to(TCP_NUMBER, OTHER | LB_ENTRY_TABLE | LB_ENTRY_PREVIOUS | LB_ENTRY_ERA_ONE);
	send_enough(PORT);
	assert_int_equal(marks_bed_count(&bed, LB_TO_PREVIOUS), 1);
	assert_int_equal(marks_bed_take(&bed), 0);
	assert_int_equal(marks_bed_count(&bed, LB_MARK_KEPT), 1);
}

/* Where an id led the connection no table keeps: a packet without one does not know it. */
static void with_transitions_and_ids_no_tcp_is_told_of(void **state)
{
	struct lb_config config = marks_bed_config;

	(void)state;
	config.tcp_server_id = true;
	marks_bed_open(&bed, &config);
	bed.vip.vip.table = LB_TABLE_TRANSITIONS;
	lb_case_vip(&bed.lb, &bed.vip);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 0);
	bed.vip.vip.table = 0;
	lb_case_vip(&bed.lb, &bed.vip);
	send_enough(PORT);
	assert_int_equal(marks_bed_take(&bed), 1);
	marks_bed_close(&bed);
}

/* --- places ----------------------------------------------------------------------------------- */

static __u16 port_of[LB_CANDIDATES];

/* The place that one packet of @port takes among those that are free, or LB_CANDIDATES. */
static __u32 find_place(__u16 port)
{
	int fd = lb_case_map(&bed.lb, LB_CANDIDATES_NAME), cpus = libbpf_num_possible_cpus();
	struct lb_candidate flows[cpus];
	__u32 i;
	int cpu = 0;

	marks_bed_tcp(&bed, port, MARKS_ACK, 1);
	for (i = 0; i < LB_CANDIDATES; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, flows), 0);
		for (cpu = 0; cpu < cpus && !flows[cpu].tag; cpu++)
			;
		if (cpu < cpus)
			break;
	}
	return i;
}

static void clear(struct lb_candidate *flow)
{
	*flow = (struct lb_candidate){};
}

/* Two ports whose flows have one place. */
static void find_pair(__u16 *ret_a, __u16 *ret_b)
{
	__u32 place;

	memset(port_of, 0, sizeof(port_of));
	for (__u16 port = 1; port < 2000; port++) {
		place = find_place(port);
		marks_bed_candidates(&bed, clear);
		assert_in_range(place, 0, LB_CANDIDATES - 1);
		*ret_a = port_of[place];
		*ret_b = port;
		if (*ret_a)
			return;
		port_of[place] = port;
	}
	fail_msg("no two of 2,000 flows have the same place");
}

static void flows_of_one_pace_in_one_place_are_both_told_of(void **state)
{
	__u16 a, b;

	(void)state;
	find_pair(&a, &b);
	for (unsigned int i = 0; i < 2 * MARKS_THRESHOLD; i++) {
		marks_bed_tcp(&bed, a, MARKS_ACK, 1);
		marks_bed_tcp(&bed, b, MARKS_ACK, 1);
	}
	assert_int_equal(marks_bed_take(&bed), 2);
	assert_int_equal(bed.events[0].sport, htons(a));
	assert_int_equal(bed.events[1].sport, htons(b));
}

/* Half a second: too little for what packets were counted. */
static void make_slow(struct lb_candidate *flow)
{
	flow->began -= 4;
	if (flow->packets)
		flow->packets = 3;
}

static void make_fast_enough(struct lb_candidate *flow)
{
	flow->began -= 4;
	if (flow->packets)
		flow->packets = 6;
}

/* How many packets the second flow needs after the first was as @change makes it. */
static unsigned int send_second(void (*change)(struct lb_candidate *flow))
{
	unsigned int packets = 0;
	__u16 a, b;

	find_pair(&a, &b);
	marks_bed_tcp(&bed, a, MARKS_ACK, 1);
	marks_bed_candidates(&bed, change);
	while (!marks_bed_take(&bed) && packets < 2 * MARKS_THRESHOLD) {
		marks_bed_tcp(&bed, b, MARKS_ACK, 1);
		packets++;
	}
	return packets;
}

static void a_flow_that_is_too_slow_leaves_its_place(void **state)
{
	(void)state;
	assert_int_equal(send_second(make_slow), MARKS_THRESHOLD);
}

static void a_flow_that_is_fast_enough_keeps_it(void **state)
{
	(void)state;
	assert_int_equal(send_second(make_fast_enough), 2 * MARKS_THRESHOLD);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD(&plan, a_flow_that_the_table_keeps_elsewhere_is_not_told_of, open_bed, close_bed);
	TAP_ADD(&plan, the_same_of_a_vip_of_all_ports, open_bed, close_bed);
	TAP_ADD(&plan, it_is_told_of_when_the_ring_leads_there_again, open_bed, close_bed);
	TAP_ADD(&plan, an_event_has_the_generation_of_its_ring, open_bed, close_bed);
	TAP_ADD(&plan, a_flow_that_was_evicted_is_told_of_at_the_rings_real, open_bed, close_bed);
	TAP_ADD(&plan, a_flow_that_was_never_recorded_is_told_of_at_the_rings_real, open_bed,
		close_bed);
	TAP_ADD(&plan, with_transitions_it_is_the_same, open_bed, close_bed);
	TAP_ADD(&plan, with_transitions_and_ids_no_tcp_is_told_of, NULL, NULL);
	TAP_ADD(&plan, flows_of_one_pace_in_one_place_are_both_told_of, open_bed, close_bed);
	TAP_ADD(&plan, a_flow_that_is_too_slow_leaves_its_place, open_bed, close_bed);
	TAP_ADD(&plan, a_flow_that_is_fast_enough_keeps_it, open_bed, close_bed);
	return tap_run(&plan, "lb_marks_ring", 1);
}
