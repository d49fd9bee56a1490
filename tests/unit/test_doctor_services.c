/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor's checks of services, over hosts that are made up. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/doctor_case.h"

/* --- black-hole ----------------------------------------------------------------------------- */

/* The VIP's real is in a netns of the same host. */
static struct slot_picture new_real(const char *listens,
				    const struct slot_picture_listener *listener)
{
	struct slot_picture picture = case_new();
	size_t blue = case_add_netns(&picture, "blue");

	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_address(&picture, blue, CASE_LOOPBACK, "203.0.113.80/32");
	if (listens)
		case_add_listener(&picture, blue, listens, listener);
	return picture;
}

static void a_local_vip_without_its_listener_is_a_black_hole(void **state)
{
	static const struct {
		const char *address;
		struct slot_picture_listener listener;
		bool is_served;
	} cases[] = {
		{ "203.0.113.80", { .port = 80 }, true },
		{ "0.0.0.0", { .port = 80 }, true },
		{ "::", { .port = 80 }, true },
		{ "::", { .port = 80, .is_ip6_only = true }, false },
		{ "203.0.113.80", { .port = 81 }, false },
		{ "203.0.113.81", { .port = 80 }, false },
		{ "203.0.113.80", { .port = 80, .proto = IPPROTO_UDP }, false },
		{ "0.0.0.0", { .port = 80, .ifindex = CASE_LINK }, true },
		{ "0.0.0.0", { .port = 80, .ifindex = CASE_LOOPBACK }, false },
	};
	struct slot_picture picture = new_real(NULL, NULL);

	(void)state;
	case_assert_finding(slot_check_black_hole, &picture, SLOT_ERROR, "tcp/203.0.113.80:80");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		picture = new_real(cases[i].address, &cases[i].listener);
		if (cases[i].is_served)
			case_assert_clean(slot_check_black_hole, &picture);
		else
			case_assert_finding(slot_check_black_hole, &picture, SLOT_ERROR,
					    "tcp/203.0.113.80:80 in netns 'blue'");
	}
}

/* Tunnels are taken apart in the service's own netns, on eth0. */
static struct slot_picture new_bound(unsigned int ifindex)
{
	struct slot_picture_listener listener = { .port = 80, .ifindex = ifindex };
	struct slot_picture_link others[] = {
		{ .ifindex = 7, .name = "eth1", .peer_nsid = -1 },
		{ .ifindex = 8, .name = "red", .kind = "vrf", .peer_nsid = -1 },
	};
	struct slot_picture picture = new_real("0.0.0.0", &listener);
	struct slot_picture_netns *blue = &picture.netns[1];

	picture.chains[0].netns = 1;
	picture.claims[0].is_local = true;
	blue->links[1].master = 8;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(slot_picture_add(&blue->links, &blue->link_count, &others[i]), 0);
	return picture;
}

static void a_listener_on_another_interface_does_not_count(void **state)
{
	struct slot_picture picture = new_bound(7);

	(void)state;
	case_assert_finding(slot_check_black_hole, &picture, SLOT_ERROR, "tcp/203.0.113.80:80");
	picture = new_bound(7);
	case_assert_clean(slot_check_wildcard, &picture);
	picture = new_bound(CASE_LINK);
	case_assert_clean(slot_check_black_hole, &picture);
	picture = new_bound(8);
	case_assert_clean(slot_check_black_hole, &picture);
	picture = new_bound(8);
	case_assert_finding(slot_check_wildcard, &picture, SLOT_NOTE, "is what serves it");
}

static void what_two_chains_of_a_netns_claim_is_told_once(void **state)
{
	struct slot_picture picture = new_real(NULL, NULL);
	struct slot_picture_chain second = { .name = "eth1", .ifindex = 7 };

	(void)state;
	assert_int_equal(slot_picture_add(&picture.chains, &picture.chain_count, &second), 0);
	case_add_vip(&picture, "203.0.113.80", 80)->chain = 1;
	case_assert_finding(slot_check_black_hole, &picture, SLOT_ERROR, "tcp/203.0.113.80:80");
}

static void a_listener_in_another_netns_does_not_count(void **state)
{
	struct slot_picture picture = new_real(NULL, NULL);

	(void)state;
	case_add_listener(&picture, 0, "0.0.0.0", &(struct slot_picture_listener){ .port = 80 });
	case_assert_finding(slot_check_black_hole, &picture, SLOT_ERROR, "netns 'blue'");
}

static void a_single_address_on_lo_wants_some_listener(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_address(&picture, 0, CASE_LOOPBACK, "127.0.0.1/8");
	case_add_address(&picture, 0, CASE_LOOPBACK, "::1/128");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.1/32");
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.99/32");
	case_assert_finding(slot_check_black_hole, &picture, SLOT_WARNING, "203.0.113.99");
	picture = case_new();
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.99/32");
	case_add_listener(&picture, 0, "0.0.0.0", &(struct slot_picture_listener){ .port = 22 });
	case_assert_clean(slot_check_black_hole, &picture);
}

/* --- wildcard ------------------------------------------------------------------------------- */

static void two_services_at_one_port_are_told_once(void **state)
{
	const struct slot_picture_listener theirs = { .port = 80, .uid = 7 };
	struct slot_picture picture =
		new_real("203.0.113.80", &(struct slot_picture_listener){ .port = 80, .uid = 5 });

	(void)state;
	case_add_listener(&picture, 1, "::", &theirs);
	case_add_listener(&picture, 1, "::", &theirs);
	case_assert_finding(slot_check_wildcard, &picture, SLOT_WARNING,
			    "tcp/[::]:80 of user 7 listens on all addresses");
}

static void two_sockets_of_one_service_are_fine(void **state)
{
	struct slot_picture_listener own = { .port = 80, .uid = 5, .cgroup = 9 };
	struct slot_picture picture = new_real("203.0.113.80", &own);

	(void)state;
	case_add_listener(&picture, 1, "0.0.0.0", &own);
	case_assert_clean(slot_check_wildcard, &picture);
	picture = new_real("203.0.113.80", &own);
	own.cgroup = 10;
	case_add_listener(&picture, 1, "0.0.0.0", &own);
	case_assert_finding(slot_check_wildcard, &picture, SLOT_WARNING, "has the same port");
}

static void all_ports_of_a_vip_open_what_listens_everywhere(void **state)
{
	struct slot_picture picture = new_real("::", &(struct slot_picture_listener){ .port = 22 });

	(void)state;
	case_assert_clean(slot_check_wildcard, &picture);
	picture = new_real("::", &(struct slot_picture_listener){ .port = 22 });
	picture.claims[0].port = 0;
	case_assert_finding(slot_check_wildcard, &picture, SLOT_WARNING, "has all ports open");
}

static void a_service_with_many_open_ports_is_told_once(void **state)
{
	struct slot_picture picture = new_real("::", &(struct slot_picture_listener){ .port = 22 });

	(void)state;
	picture.claims[0].port = 0;
	for (__u16 port = 1000; port < 1003; port++)
		case_add_listener(&picture, 1, "0.0.0.0",
				  &(struct slot_picture_listener){ .port = port });
	case_assert_finding(slot_check_wildcard, &picture, SLOT_WARNING,
			    "tcp/[::]:22 of user 0 (and 3 more of that user) listens");
}

static void a_port_that_the_vip_serves_itself_is_not_open_by_accident(void **state)
{
	struct slot_picture picture = new_real("::", &(struct slot_picture_listener){ .port = 22 });

	(void)state;
	picture.claims[0].port = 0;
	case_add_listener(&picture, 1, "203.0.113.80",
			  &(struct slot_picture_listener){ .port = 22 });
	case_assert_clean(slot_check_wildcard, &picture);
}

static void the_only_socket_at_the_port_is_a_note(void **state)
{
	struct slot_picture picture = new_real("::", &(struct slot_picture_listener){ .port = 80 });

	(void)state;
	case_assert_finding(slot_check_wildcard, &picture, SLOT_NOTE, "is what serves it");
}

/* --- all of them ---------------------------------------------------------------------------- */

static void the_worst_comes_first_and_each_has_its_checks_name(void **state)
{
	struct slot_picture picture = new_real(NULL, NULL);
	struct slot_findings findings;

	(void)state;
	picture.kernel.netkit = SLOT_NO;
	picture.kernel.jit = SLOT_NO;
	assert_int_equal(slot_checks_run(&picture, &findings), 0);
	assert_int_equal(findings.count, 3);
	assert_string_equal(findings.items[0].check, "black-hole");
	assert_string_equal(findings.items[1].check, "kernel");
	assert_int_equal(findings.items[2].severity, SLOT_NOTE);
	assert_true(slot_findings_has(&findings, SLOT_ERROR));
	slot_findings_free(&findings);
	slot_picture_free(&picture);
}

/* --- mute ----------------------------------------------------------------------------------- */

static void answers_that_the_other_half_does_not_see_are_told(void **state)
{
	struct slot_picture picture = case_new();
	struct slot_picture_claim claim = { .kind = SLOT_CLAIM_MUTE,
					    .program = "handoff",
					    .connections = 3 };

	(void)state;
	case_assert_clean(slot_check_mute, &picture);
	picture = case_new();
	case_add_vip(&picture, "203.0.113.80", 80);
	case_assert_clean(slot_check_mute, &picture);
	picture = case_new();
	assert_int_equal(slot_picture_add(&picture.claims, &picture.claim_count, &claim), 0);
	case_assert_finding(
		slot_check_mute, &picture, SLOT_ERROR,
		"answers of 3 connections that came from other hosts do not pass handoff_out");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_two_chains_of_a_netns_claim_is_told_once),
		cmocka_unit_test(a_local_vip_without_its_listener_is_a_black_hole),
		cmocka_unit_test(a_listener_on_another_interface_does_not_count),
		cmocka_unit_test(a_listener_in_another_netns_does_not_count),
		cmocka_unit_test(a_single_address_on_lo_wants_some_listener),
		cmocka_unit_test(two_services_at_one_port_are_told_once),
		cmocka_unit_test(two_sockets_of_one_service_are_fine),
		cmocka_unit_test(all_ports_of_a_vip_open_what_listens_everywhere),
		cmocka_unit_test(a_service_with_many_open_ports_is_told_once),
		cmocka_unit_test(a_port_that_the_vip_serves_itself_is_not_open_by_accident),
		cmocka_unit_test(the_only_socket_at_the_port_is_a_note),
		cmocka_unit_test(the_worst_comes_first_and_each_has_its_checks_name),
		cmocka_unit_test(answers_that_the_other_half_does_not_see_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
