/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor's checks of sockets that programs choose, over hosts that are made up. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/doctor_case.h"

#define PREFIX "203.0.113.0/24"
#define VIP "203.0.113.80"
#define KNOWN 4711
#define UNKNOWN 4712

/* --- led ------------------------------------------------------------------------------------- */

static struct slot_picture_claim *add_led(struct slot_picture *picture, const char *prefix)
{
	struct slot_picture_claim *claim = case_add_claim(picture, SLOT_CLAIM_LED, prefix);

	claim->proto = IPPROTO_TCP;
	claim->port = 80;
	claim->sockets = 1;
	return claim;
}

static void add_local_route(struct slot_picture *picture, const char *prefix)
{
	case_add_address(picture, 0, CASE_LOOPBACK, prefix);
	picture->netns[0].addresses[picture->netns[0].address_count - 1].is_route = true;
}

static void what_leads_to_sockets_is_no_finding(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	add_led(&picture, PREFIX);
	add_local_route(&picture, PREFIX);
	case_assert_clean(slot_check_led, &picture);
	picture = case_new();
	add_led(&picture, VIP);
	add_local_route(&picture, PREFIX);
	case_assert_clean(slot_check_led, &picture);
	/* some of it, such as all that the host has */
	picture = case_new();
	add_led(&picture, "0.0.0.0/0");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.1/24");
	case_assert_clean(slot_check_led, &picture);
}

static void what_leads_to_no_socket_is_told(void **state)
{
	struct slot_picture picture = case_new();
	struct slot_picture_claim *claim = add_led(&picture, PREFIX);

	(void)state;
	add_local_route(&picture, PREFIX);
	claim->sockets = 0;
	claim->last_port = 89;
	case_assert_finding(slot_check_led, &picture, SLOT_WARNING,
			    "leads tcp/" PREFIX ":80-89 to no socket");
	picture = case_new();
	claim = add_led(&picture, "2001:db8::/64");
	claim->sockets = 0;
	claim->proto = IPPROTO_UDP;
	case_assert_finding(slot_check_led, &picture, SLOT_WARNING,
			    "leads udp/[2001:db8::/64]:80 to no socket");
}

static void what_the_netns_does_not_take_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	add_led(&picture, PREFIX);
	case_assert_finding(slot_check_led, &picture, SLOT_WARNING,
			    "leads " PREFIX " to sockets, and netns 'host' does not take it");
	/* a subnet is no route to the host */
	picture = case_new();
	add_led(&picture, VIP);
	case_add_address(&picture, 0, CASE_LINK, "203.0.113.1/24");
	case_assert_finding(slot_check_led, &picture, SLOT_WARNING, "does not take it");
	/* nor is a route to a part of them one to all of a wide one: that one may be meant so */
	picture = case_new();
	add_led(&picture, PREFIX);
	add_local_route(&picture, "203.0.113.128/25");
	case_assert_clean(slot_check_led, &picture);
	picture = case_new();
	add_led(&picture, PREFIX);
	picture.netns[0].is_seen = false;
	case_assert_clean(slot_check_led, &picture);
}

static void an_address_that_is_led_is_no_black_hole(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_address(&picture, 0, CASE_LOOPBACK, VIP "/32");
	add_led(&picture, PREFIX);
	case_assert_clean(slot_check_black_hole, &picture);
	picture = case_new();
	case_add_address(&picture, 0, CASE_LOOPBACK, VIP "/32");
	add_led(&picture, PREFIX)->sockets = 0;
	case_assert_finding(slot_check_black_hole, &picture, SLOT_WARNING, "nothing listens");
}

/* --- shared ---------------------------------------------------------------------------------- */

static struct slot_picture new_shared(__u32 sockets)
{
	struct slot_picture picture = case_new();
	struct slot_picture_claim *claim = case_add_claim(&picture, SLOT_CLAIM_SHARED, VIP);

	claim->proto = IPPROTO_UDP;
	claim->port = 443;
	claim->sockets = sockets;
	case_add_claim(&picture, SLOT_CLAIM_SOCKET, "0.0.0.0")->cookie = KNOWN;
	return picture;
}

static void add_socket(struct slot_picture *picture, size_t netns, const char *address,
		       __u64 cookie)
{
	case_add_listener(picture, netns, address,
			  &(struct slot_picture_listener){
				  .proto = IPPROTO_UDP, .port = 443, .uid = 33, .cookie = cookie });
}

static void a_group_of_known_sockets_is_no_finding(void **state)
{
	struct slot_picture picture = new_shared(1);

	(void)state;
	add_socket(&picture, 0, VIP, KNOWN);
	/* another address is another group */
	add_socket(&picture, 0, "0.0.0.0", UNKNOWN);
	case_assert_clean(slot_check_shared, &picture);
	/* another netns as well, where nothing says that it is about the same */
	picture = new_shared(1);
	add_socket(&picture, 0, VIP, KNOWN);
	add_socket(&picture, case_add_netns(&picture, "other"), VIP, UNKNOWN);
	case_assert_clean(slot_check_shared, &picture);
}

static void a_vip_that_no_instance_serves_is_told(void **state)
{
	struct slot_picture picture = new_shared(0);

	(void)state;
	case_assert_finding(slot_check_shared, &picture, SLOT_WARNING,
			    "no instance serves udp/" VIP ":443");
}

static void sockets_that_nobody_ends_are_told(void **state)
{
	struct slot_picture picture = new_shared(1);
	struct slot_picture_claim *claim = case_add_claim(&picture, SLOT_CLAIM_ORPHANS, VIP);

	(void)state;
	claim->proto = IPPROTO_UDP;
	claim->port = 443;
	claim->instance = 1;
	case_assert_finding(slot_check_shared, &picture, SLOT_WARNING,
			    "instance 1 of udp/" VIP ":443");
}

static void a_socket_beside_those_that_are_known_is_told(void **state)
{
	struct slot_picture picture = new_shared(1);
	size_t other = case_add_netns(&picture, "other");

	(void)state;
	add_socket(&picture, other, VIP, KNOWN);
	add_socket(&picture, other, VIP, UNKNOWN);
	case_assert_finding(slot_check_shared, &picture, SLOT_WARNING,
			    "a process of user 33 is bound to udp/" VIP ":443 beside the sockets");
}

static void sockets_of_one_process_are_told_together(void **state)
{
	struct slot_picture picture = new_shared(1);
	struct slot_findings findings = { 0 };

	(void)state;
	add_socket(&picture, 0, VIP, KNOWN);
	for (__u32 i = 0; i < 6; i++) {
		add_socket(&picture, 0, VIP, UNKNOWN);
		picture.netns[0].listeners[i + 1].inode = 100 + i;
	}
	slot_check_shared(&picture, &findings);
	slot_picture_free(&picture);
	assert_int_equal(findings.count, 6);
	for (size_t i = 0; i < 6; i++) {
		findings.items[i].check = "shared";
		strcpy(findings.items[i].place.process, i > 3  ? "" :
							i == 1 ? "pid 9 (other)" :
								 "pid 7 (web)");
	}
	slot_findings_merge(&findings);
	/* two are of processes that are not known, which may be as many */
	assert_int_equal(findings.count, 4);
	assert_int_equal(findings.items[0].place.sockets, 3);
	assert_string_equal(findings.items[1].place.process, "pid 9 (other)");
	assert_int_equal(findings.items[1].place.sockets, 0);
	slot_findings_free(&findings);
}

/* --- lookup ---------------------------------------------------------------------------------- */

static void add_lookup(struct slot_picture *picture, const char *name, bool is_slotd)
{
	struct slot_picture_lookup lookup = { .program = 7, .is_slotd = is_slotd };

	snprintf(lookup.name, sizeof(lookup.name), "%s", name);
	assert_int_equal(slot_picture_add(&picture->netns[0].lookups,
					  &picture->netns[0].lookup_count, &lookup),
			 0);
}

static void a_program_beside_a_chain_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	add_lookup(&picture, "root", true);
	add_lookup(&picture, "theirs", false);
	case_assert_finding(slot_check_lookup, &picture, SLOT_WARNING,
			    "program 'theirs' (id 7) runs at sk_lookup of netns 'host'");
	picture = case_new();
	add_lookup(&picture, "root", true);
	case_assert_clean(slot_check_lookup, &picture);
	/* where slotd has no chain it is nobody's business */
	picture = case_new();
	add_lookup(&picture, "theirs", false);
	case_assert_clean(slot_check_lookup, &picture);
}

/* --- cgroup ---------------------------------------------------------------------------------- */

static struct slot_picture new_cgroup(const char *single, bool is_override)
{
	struct slot_picture picture = case_new();

	strcpy(picture.chains[0].cgroup, "/sys/fs/cgroup/a/b");
	strcpy(picture.chains[0].single, single);
	picture.chains[0].is_override = is_override;
	return picture;
}

static void a_program_that_keeps_a_chain_out_is_told(void **state)
{
	struct slot_picture picture = new_cgroup("", false);

	(void)state;
	case_assert_clean(slot_check_cgroup, &picture);
	picture = new_cgroup("/sys/fs/cgroup/a", false);
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_cgroup, &picture, SLOT_WARNING,
			    "cgroup '/sys/fs/cgroup/a' has a program of sock_ops that keeps out");
	picture = new_cgroup("/sys/fs/cgroup/a/b", true);
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_cgroup, &picture, SLOT_WARNING, "keeps out");
}

static void a_program_that_gives_way_to_a_chain_is_told(void **state)
{
	struct slot_picture picture = new_cgroup("/sys/fs/cgroup/a", true);

	(void)state;
	case_assert_finding(slot_check_cgroup, &picture, SLOT_WARNING, "gives way to");
	picture = new_cgroup("/sys/fs/cgroup/a", true);
	picture.chains[0].is_attached = false;
	case_assert_clean(slot_check_cgroup, &picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leads_to_sockets_is_no_finding),
		cmocka_unit_test(what_leads_to_no_socket_is_told),
		cmocka_unit_test(what_the_netns_does_not_take_is_told),
		cmocka_unit_test(an_address_that_is_led_is_no_black_hole),
		cmocka_unit_test(a_group_of_known_sockets_is_no_finding),
		cmocka_unit_test(a_vip_that_no_instance_serves_is_told),
		cmocka_unit_test(sockets_that_nobody_ends_are_told),
		cmocka_unit_test(sockets_of_one_process_are_told_together),
		cmocka_unit_test(a_socket_beside_those_that_are_known_is_told),
		cmocka_unit_test(a_program_beside_a_chain_is_told),
		cmocka_unit_test(a_program_that_keeps_a_chain_out_is_told),
		cmocka_unit_test(a_program_that_gives_way_to_a_chain_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
