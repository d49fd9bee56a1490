/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of marks, made of what the load balancer tells and held against its VIPs and reals. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "programs/hwmark/agent/hwmark_view.h"
#include "programs/hwmark/maps/hwmark_entry.h"
#include "programs/lb/model/lb_edit.h"
#include "tests/support/lb_texts.h"

#define VIP "tcp/192.0.2.1:80"
#define REAL "203.0.113.1"

static struct lb_model model;
static struct lb_mark_event event;
static struct hwmark_entry entry;
static struct slot_reason why;

static void add_vip(const char *text, __u32 flags)
{
	struct lb_vip_settings set = { .flags = flags };
	struct lb_vip_name name = lb_vip_of(text);

	assert_int_equal(lb_vip_add(&model, &name, &set, &why), 0);
}

static void add_real(const char *vip, const char *real)
{
	struct lb_real_spec spec = { .host = lb_host_of(real), .weight = 1 };
	struct lb_vip_name name = lb_vip_of(vip);

	assert_int_equal(lb_real_add(&model, &name, &spec, &why), 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(lb_model_new(&model), 0);
	add_vip(VIP, 0);
	add_real(VIP, REAL);
	event = (struct lb_mark_event){
		.sport = htons(1000), .dport = htons(80), .proto = IPPROTO_TCP, .real = 1
	};
	event.epoch = model.reals[1].epoch;
	event.generation = 12;
	assert_int_equal(inet_pton(AF_INET, "198.51.100.7", event.src), 1);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", event.dst), 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lb_model_free(&model);
	return 0;
}

static int make(enum hwmark_mode mode)
{
	return hwmark_entry_make(&model, &event, mode, &why, &entry);
}

static void assert_stale(const char *reason)
{
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), -ESTALE);
	assert_string_equal(why.text, reason);
}

static void a_flow_has_its_client_in_its_entry(void **state)
{
	(void)state;
	assert_int_equal(make(HWMARK_FLOW), 0);
	assert_int_equal(entry.generation, 12);
	assert_int_equal(entry.real, 1);
	assert_memory_equal(entry.src, event.src, sizeof(entry.src));
	assert_memory_equal(entry.dst, event.dst, sizeof(entry.dst));
	assert_int_equal(entry.sport, htons(1000));
	assert_int_equal(entry.dport, htons(80));
}

static void a_destination_has_no_client_and_the_port_of_its_vip(void **state)
{
	static const __u32 zeros[4];

	(void)state;
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_memory_equal(entry.src, zeros, sizeof(zeros));
	assert_int_equal(entry.sport, 0);
	assert_int_equal(entry.dport, htons(80));
	add_vip("tcp/192.0.2.2", 0);
	add_real("tcp/192.0.2.2", REAL);
	event.vip = 1;
	event.dst[3] = 2;
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(entry.dport, 0);
}

static void an_address_of_a_prefix_is_the_vips(void **state)
{
	(void)state;
	add_vip("udp/[2001:db8:1::/48]:53", 0);
	add_real("udp/[2001:db8:1::/48]:53", "2001:db8:2::1");
	event = (struct lb_mark_event){
		.dport = htons(53), .proto = IPPROTO_UDP, .is_ip6 = 1, .vip = 1, .real = 2
	};
	event.epoch = model.reals[2].epoch;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::9", event.dst), 1);
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:3::9", event.dst), 1);
	assert_int_equal(make(HWMARK_DESTINATION), -ESTALE);
}

static void an_entry_holds_until_its_vip_or_real_goes(void **state)
{
	struct lb_vip_name name = lb_vip_of(VIP);
	struct lb_host host = lb_host_of(REAL);

	(void)state;
	assert_int_equal(make(HWMARK_FLOW), 0);
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
	assert_int_equal(lb_real_del(&model, &name, &host, &why), 0);
	assert_stale("tcp/192.0.2.1:80: real 1: its VIP has no such real");
	assert_int_equal(lb_vip_del(&model, &name, &why), 0);
	assert_stale("tcp/192.0.2.1:80: real 1: its VIP is gone");
	model.vips[0].is_used = true;
	model.vips[0].name = lb_vip_of("tcp/192.0.2.9:80");
	assert_stale("tcp/192.0.2.1:80: real 1: its VIP's number is another one's");
}

static void an_entry_does_not_hold_for_another_real_at_its_index(void **state)
{
	(void)state;
	assert_int_equal(make(HWMARK_FLOW), 0);
	model.reals[1].epoch++;
	assert_stale("tcp/192.0.2.1:80: real 1: another real has its index");
	model.reals[1].flags = 0;
	assert_stale("tcp/192.0.2.1:80: real 1: the real is gone");
}

static void an_entry_does_not_hold_for_a_vip_that_is_sent_otherwise(void **state)
{
	(void)state;
	assert_int_equal(make(HWMARK_FLOW), 0);
	model.vips[0].set.encap = LB_GUE;
	assert_stale("tcp/192.0.2.1:80: real 1: its VIP is sent in another way");
	model.vips[0].set.encap = LB_IPIP;
	model.vips[0].set.flags = LB_QUIC;
	assert_stale("tcp/192.0.2.1:80: real 1: its VIP's flags leave more to each packet");
}

static void numbers_beyond_all_are_refused(void **state)
{
	(void)state;
	event.vip = LB_VIPS_MAX;
	assert_int_equal(make(HWMARK_FLOW), -ESTALE);
	event.vip = 0;
	event.real = LB_REAL_INDEXES;
	assert_int_equal(make(HWMARK_FLOW), -ESTALE);
	event.real = 0;
	assert_int_equal(make(HWMARK_FLOW), -ESTALE);
}

static void a_more_specific_vip_that_comes_takes_its_packets(void **state)
{
	(void)state;
	add_vip("tcp/198.51.100.0/24", 0);
	add_real("tcp/198.51.100.0/24", REAL);
	event.vip = 1;
	assert_int_equal(inet_pton(AF_INET, "198.51.100.9", event.dst), 1);
	assert_int_equal(make(HWMARK_FLOW), 0);
	add_vip("tcp/198.51.100.8/30", 0);
	assert_stale("tcp/198.51.100.9:80: real 1: another VIP has its packets");
	model.vips[2].name = lb_vip_of("tcp/198.51.100.0/24:80");
	assert_stale("tcp/198.51.100.9:80: real 1: another VIP has its packets");
	/* Neither covers it. */
	model.vips[2].name = lb_vip_of("tcp/198.51.100.9:81");
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
	model.vips[2].name = lb_vip_of("udp/198.51.100.9:80");
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
	model.vips[2].name = lb_vip_of("tcp/198.51.0.0/16");
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
}

/* A mark is compared by its entry alone: with another VIP's port it must not be of all ports. */
static void a_vip_of_all_ports_has_marks_of_one_while_another_has_one_of_them(void **state)
{
	(void)state;
	add_vip("tcp/198.51.100.0/24", 0);
	add_real("tcp/198.51.100.0/24", REAL);
	event.vip = 1;
	assert_int_equal(inet_pton(AF_INET, "198.51.100.9", event.dst), 1);
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(entry.dport, 0);
	add_vip("tcp/198.51.100.9:443", 0);
	assert_stale("tcp/198.51.100.9: real 1: another VIP has its packets");
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(entry.dport, htons(80));
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
	model.vips[2].name = lb_vip_of("tcp/198.51.100.8/30:443");
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(entry.dport, htons(80));
	model.vips[2].name = lb_vip_of("tcp/198.51.100.9:80");
	assert_int_equal(make(HWMARK_DESTINATION), -ESTALE);
	/* Neither has a port of it. */
	model.vips[2].name = lb_vip_of("udp/198.51.100.9:443");
	assert_int_equal(make(HWMARK_DESTINATION), 0);
	assert_int_equal(entry.dport, 0);
	model.vips[2].name = lb_vip_of("tcp/198.51.100.10:443");
	assert_int_equal(hwmark_entry_check(&model, &entry, &why), 0);
}

static void an_event_of_a_vip_that_had_the_number_before_is_refused(void **state)
{
	(void)state;
	model.vips[0].life = 3;
	event.life = 2;
	assert_int_equal(make(HWMARK_FLOW), -ESTALE);
	assert_string_equal(why.text,
			    "tcp/192.0.2.1:80: real 1: its VIP's number is another one's");
	event.life = 3;
	assert_int_equal(make(HWMARK_FLOW), 0);
}

/* --- by what the agent knows of earlier generations -------------------------------------------- */

static struct hwmark_view view;

/* The model as it is now counts in @generation. */
static void take(__u32 generation)
{
	struct lb_model copy;

	assert_int_equal(lb_model_copy(&model, &copy), 0);
	hwmark_view_take(&view, &copy, generation);
}

static int set_up_view(void **state)
{
	set_up(state);
	take(12);
	assert_int_equal(make(HWMARK_FLOW), 0);
	return 0;
}

static int tear_down_view(void **state)
{
	hwmark_view_free(&view);
	return tear_down(state);
}

static void assert_leads(bool is_so)
{
	assert_int_equal(hwmark_view_judge(&view, &entry, &why), is_so ? 0 : -ESTALE);
}

static void mark_real(__u32 flag, bool is_set)
{
	struct lb_real_spec spec = { .host = lb_host_of(REAL), .flags = flag };
	struct lb_vip_name name = lb_vip_of(VIP);

	assert_int_equal(lb_real_mark(&model, &name, &spec, is_set, &why), 0);
}

static void an_entry_leads_where_its_vip_leads_as_long_as_the_ring_is_the_same(void **state)
{
	(void)state;
	assert_leads(true);
	add_vip("tcp/192.0.2.2:80", 0);
	add_real("tcp/192.0.2.2:80", "203.0.113.2");
	take(13);
	assert_leads(true);
	add_real(VIP, "203.0.113.3");
	take(14);
	assert_leads(false);
	assert_string_equal(why.text, "VIP 0 has another ring");
	/* What is told of now is of the ring as it is. */
	event.generation = 14;
	assert_int_equal(make(HWMARK_FLOW), 0);
	assert_leads(true);
}

static void a_ring_that_changed_and_is_as_it_was_is_another_one(void **state)
{
	(void)state;
	model.vips[0].turn = 2;
	take(16);
	assert_leads(false);
	take(17);
	entry.generation = 15;
	assert_leads(false);
	entry.generation = 16;
	assert_leads(true);
}

static void a_vip_that_went_and_came_is_another_one(void **state)
{
	struct lb_vip_name name = lb_vip_of(VIP);

	(void)state;
	model.vips[0].life++;
	take(13);
	assert_leads(false);
	entry.generation = 13;
	assert_leads(true);
	model.vips[0].set.flags = LB_BOTH_PORTS;
	take(14);
	assert_leads(false);
	entry.generation = 14;
	model.vips[0].is_used = false;
	take(15);
	model.vips[0].is_used = true;
	model.vips[0].name = name;
	take(16);
	assert_leads(false);
}

static void weights_and_flags_are_the_rings(void **state)
{
	(void)state;
	/* A command that knows of no turns. */
	model.vips[0].reals[0].weight = 7;
	take(13);
	assert_leads(false);
	entry.generation = 13;
	mark_real(LB_MEMBER_DRAINED, true);
	take(14);
	assert_leads(false);
}

static void of_what_was_before_the_first_look_nothing_is_known(void **state)
{
	(void)state;
	entry.generation = 11;
	assert_leads(false);
}

static void generations_go_round(void **state)
{
	(void)state;
	hwmark_view_free(&view);
	take(0xffffffff);
	entry.generation = 0xffffffff;
	take(1);
	assert_leads(true);
	model.vips[0].turn++;
	take(2);
	assert_leads(false);
	entry.generation = 1;
	assert_leads(false);
	entry.generation = 2;
	assert_leads(true);
}

static void no_flow_is_offloaded_to_a_real_that_is_down(void **state)
{
	(void)state;
	mark_real(LB_MEMBER_FAILED, true);
	take(13);
	entry.generation = 13;
	assert_leads(false);
	assert_string_equal(why.text, "real 1 is down");
	mark_real(LB_MEMBER_FAILED, false);
	take(14);
	entry.generation = 14;
	assert_leads(true);
}

static void flows_of_a_vip_with_transitions_begin_anew_with_each_change(void **state)
{
	(void)state;
	model.vips[0].set.table = LB_TABLE_TRANSITIONS;
	take(13);
	entry.generation = 13;
	assert_leads(true);
	take(14);
	assert_leads(false);
	assert_string_equal(why.text, "VIP 0 has transitions");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define VIEW_CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up_view, tear_down_view)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_flow_has_its_client_in_its_entry),
		CASE(a_destination_has_no_client_and_the_port_of_its_vip),
		CASE(an_address_of_a_prefix_is_the_vips),
		CASE(an_entry_holds_until_its_vip_or_real_goes),
		CASE(an_entry_does_not_hold_for_another_real_at_its_index),
		CASE(an_entry_does_not_hold_for_a_vip_that_is_sent_otherwise),
		CASE(numbers_beyond_all_are_refused),
		CASE(a_more_specific_vip_that_comes_takes_its_packets),
		CASE(a_vip_of_all_ports_has_marks_of_one_while_another_has_one_of_them),
		CASE(an_event_of_a_vip_that_had_the_number_before_is_refused),
		VIEW_CASE(an_entry_leads_where_its_vip_leads_as_long_as_the_ring_is_the_same),
		VIEW_CASE(a_ring_that_changed_and_is_as_it_was_is_another_one),
		VIEW_CASE(a_vip_that_went_and_came_is_another_one),
		VIEW_CASE(weights_and_flags_are_the_rings),
		VIEW_CASE(of_what_was_before_the_first_look_nothing_is_known),
		VIEW_CASE(generations_go_round),
		VIEW_CASE(no_flow_is_offloaded_to_a_real_that_is_down),
		VIEW_CASE(flows_of_a_vip_with_transitions_begin_anew_with_each_change),
	};

	return cmocka_run_group_tests_name("hwmark_entry", tests, NULL, NULL);
}
