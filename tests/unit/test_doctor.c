/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor's checks of the way of packets, over hosts that are made up. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/doctor_case.h"

/* --- addresses ------------------------------------------------------------------------------ */

static void prefixes_hold_the_addresses_that_begin_alike(void **state)
{
	static const struct {
		const char *addr, *prefix;
		bool is_in;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.0/24", true },
		{ "192.0.3.1", "192.0.2.0/24", false },
		{ "192.0.2.129", "192.0.2.128/25", true },
		{ "192.0.2.127", "192.0.2.128/25", false },
		{ "192.0.2.1", "0.0.0.0/0", true },
		{ "2001:db8::1", "0.0.0.0/0", false },
		{ "2001:db8::1", "2001:db8::/32", true },
		{ "2001:db9::1", "2001:db8::/32", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int len;
		struct slot_addr addr = case_address(cases[i].addr, NULL);
		struct slot_addr prefix = case_address(cases[i].prefix, &len);

		assert_int_equal(slot_addr_is_in(&addr, &prefix, len), cases[i].is_in);
	}
}

static void addresses_are_written_as_people_do(void **state)
{
	static const char *const texts[] = { "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "::1" };
	char text[SLOT_ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned int len;
		struct slot_addr addr = case_address(texts[i], &len);

		slot_addr_format(&addr, len, text);
		assert_string_equal(text, texts[i]);
	}
}

/* --- kernel --------------------------------------------------------------------------------- */

static void a_kernel_that_has_everything_is_no_finding(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	picture.kernel = (struct slot_picture_kernel){ 6,	 12,	   SLOT_YES, SLOT_YES,
						       SLOT_YES, SLOT_YES, SLOT_YES };
	case_assert_clean(slot_check_kernel, &picture);
}

static void what_is_not_known_of_a_kernel_is_no_finding(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_assert_clean(slot_check_kernel, &picture);
}

static void each_missing_feature_is_told(void **state)
{
	static const struct {
		struct slot_picture_kernel kernel;
		enum slot_severity severity;
		const char *part;
	} cases[] = {
		{ { .major = 6, .minor = 0 }, SLOT_ERROR, "older than Linux 6.1" },
		{ { .major = 5, .minor = 15 }, SLOT_ERROR, "older than Linux 6.1" },
		{ { .btf = SLOT_NO }, SLOT_ERROR, "no BTF" },
		{ { .jit = SLOT_NO }, SLOT_WARNING, "JIT compiler is off" },
		{ { .freplace = SLOT_NO }, SLOT_NOTE, "freplace" },
		{ { .tcx = SLOT_NO }, SLOT_NOTE, "no tcx" },
		{ { .netkit = SLOT_NO }, SLOT_NOTE, "no netkit" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slot_picture picture = case_new();

		picture.kernel = cases[i].kernel;
		case_assert_finding(slot_check_kernel, &picture, cases[i].severity, cases[i].part);
	}
}

/* --- mtu ------------------------------------------------------------------------------------ */

static struct slot_picture new_sender(unsigned int link_mtu, unsigned int overhead,
				      unsigned int mtu)
{
	struct slot_picture picture = case_new();
	struct slot_picture_claim *real = case_add_claim(&picture, SLOT_CLAIM_REAL, "203.0.113.1");

	real->overhead = overhead;
	real->mtu = mtu;
	picture.netns[0].links[1].mtu = link_mtu;
	return picture;
}

static void outer_headers_need_room_on_the_interface(void **state)
{
	struct slot_picture picture = new_sender(1519, 20, 1600);

	(void)state;
	case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING,
			    "20 bytes of outer headers out of");
	picture = new_sender(1520, 20, 1600);
	case_assert_clean(slot_check_mtu, &picture);
	picture = new_sender(1500, 0, 1500);
	case_assert_clean(slot_check_mtu, &picture);
}

static void the_programs_own_limit_needs_the_same_room(void **state)
{
	struct slot_picture picture = new_sender(9000, 48, 1500);

	(void)state;
	case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING, "no packet over 1500 bytes");
	picture = new_sender(9000, 48, 1548);
	case_assert_clean(slot_check_mtu, &picture);
}

static struct slot_picture new_receiver(const char *address, unsigned int overhead)
{
	struct slot_picture picture = case_new();

	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, address)->overhead = overhead;
	picture.netns[0].links[1].mtu = 1500;
	return picture;
}

static void the_end_of_a_tunnel_needs_room_or_smaller_packets(void **state)
{
	static const struct {
		struct slot_picture_route route;
		bool is_clean;
	} cases[] = {
		{ { .ifindex = CASE_LINK }, false },
		{ { .mtu = 1480 }, true },
		{ { .mtu = 1481 }, false },
		{ { .advmss = 1440 }, true },
		{ { .advmss = 1441 }, false },
		{ { .prefix.is_ip6 = true, .advmss = 1420 }, true },
		{ { .prefix.is_ip6 = true, .advmss = 1421 }, false },
		{ { .mtu = 1000, .is_discard = true }, false },
	};
	struct slot_picture picture = new_receiver("192.0.2.1", 20);

	(void)state;
	case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING, "whose MTU is 1500");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		picture = new_receiver("192.0.2.1", 20);
		case_add_route(&picture, 0, &cases[i].route);
		if (cases[i].is_clean)
			case_assert_clean(slot_check_mtu, &picture);
		else
			case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING,
					    "whose MTU is 1500");
	}
}

static void every_default_route_has_to_announce_the_smaller_size(void **state)
{
	struct slot_picture picture = new_receiver("192.0.2.1", 20);

	(void)state;
	case_add_route(&picture, 0, &(struct slot_picture_route){ .advmss = 1440 });
	case_add_route(&picture, 0, &(struct slot_picture_route){ .prefix.is_ip6 = true });
	case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING, "whose MTU is 1500");
}

/* --- rp-filter ------------------------------------------------------------------------------ */

static struct slot_picture new_filter(int rp_filter)
{
	struct slot_picture picture = new_receiver("192.0.2.1", 20);

	picture.netns[0].links[1].rp_filter = rp_filter;
	return picture;
}

static void strict_filters_lose_clients_that_are_answered_elsewhere(void **state)
{
	struct slot_picture picture = new_filter(1);

	(void)state;
	case_assert_finding(slot_check_rp_filter, &picture, SLOT_ERROR, "leave elsewhere");
	picture = new_filter(1);
	case_add_route(&picture, 0, &(struct slot_picture_route){ .ifindex = 7 });
	case_assert_finding(slot_check_rp_filter, &picture, SLOT_ERROR, "leave elsewhere");
	picture = new_filter(1);
	case_add_route(&picture, 0, &(struct slot_picture_route){ .ifindex = CASE_LINK });
	case_assert_finding(slot_check_rp_filter, &picture, SLOT_NOTE, "strict on 'eth0'");
}

static void other_filters_and_other_interfaces_are_fine(void **state)
{
	struct slot_picture picture = new_filter(2);

	(void)state;
	case_assert_clean(slot_check_rp_filter, &picture);
	picture = new_filter(-1);
	case_assert_clean(slot_check_rp_filter, &picture);
	picture = case_new();
	picture.netns[0].links[1].rp_filter = 1;
	case_assert_clean(slot_check_rp_filter, &picture);
}

static void the_filter_of_a_port_is_its_bonds(void **state)
{
	struct slot_picture picture = new_filter(1);
	struct slot_picture_link bond = { .ifindex = 9, .name = "bond0", .kind = "bond" };

	(void)state;
	picture.netns[0].links[1].master = bond.ifindex;
	assert_int_equal(
		slot_picture_add(&picture.netns[0].links, &picture.netns[0].link_count, &bond), 0);
	case_assert_clean(slot_check_rp_filter, &picture);
	picture = new_filter(0);
	picture.netns[0].links[1].master = bond.ifindex;
	bond.rp_filter = 1;
	assert_int_equal(
		slot_picture_add(&picture.netns[0].links, &picture.netns[0].link_count, &bond), 0);
	case_assert_finding(slot_check_rp_filter, &picture, SLOT_ERROR, "strict on 'bond0'");
}

/* --- vip-local ------------------------------------------------------------------------------ */

static void a_vip_that_is_the_balancers_own_address_is_told_once(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_vip(&picture, "203.0.113.80", 443);
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.80/32");
	case_assert_finding(slot_check_vip_local, &picture, SLOT_WARNING, "203.0.113.80 is a VIP");
}

static void an_address_of_a_vip_and_of_a_prefix_is_told_once(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_claim(&picture, SLOT_CLAIM_VIP, "203.0.113.0/24")->port = 80;
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.80/32");
	case_assert_finding(slot_check_vip_local, &picture, SLOT_WARNING, "203.0.113.80 is a VIP");
}

static void a_local_route_over_a_vip_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.0/24");
	picture.netns[0].addresses[0].is_route = true;
	case_assert_finding(slot_check_vip_local, &picture, SLOT_WARNING, "203.0.113.80 is a VIP");
}

static void a_vip_is_at_home_elsewhere_and_where_it_is_meant_to_be(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_address(&picture, case_add_netns(&picture, "blue"), CASE_LOOPBACK,
			 "203.0.113.80/32");
	case_assert_clean(slot_check_vip_local, &picture);
	picture = case_new();
	case_add_vip(&picture, "203.0.113.80", 80)->is_local = true;
	case_add_address(&picture, 0, CASE_LOOPBACK, "203.0.113.80/32");
	case_assert_clean(slot_check_vip_local, &picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_hold_the_addresses_that_begin_alike),
		cmocka_unit_test(addresses_are_written_as_people_do),
		cmocka_unit_test(a_kernel_that_has_everything_is_no_finding),
		cmocka_unit_test(what_is_not_known_of_a_kernel_is_no_finding),
		cmocka_unit_test(each_missing_feature_is_told),
		cmocka_unit_test(outer_headers_need_room_on_the_interface),
		cmocka_unit_test(the_programs_own_limit_needs_the_same_room),
		cmocka_unit_test(the_end_of_a_tunnel_needs_room_or_smaller_packets),
		cmocka_unit_test(every_default_route_has_to_announce_the_smaller_size),
		cmocka_unit_test(strict_filters_lose_clients_that_are_answered_elsewhere),
		cmocka_unit_test(other_filters_and_other_interfaces_are_fine),
		cmocka_unit_test(the_filter_of_a_port_is_its_bonds),
		cmocka_unit_test(a_vip_that_is_the_balancers_own_address_is_told_once),
		cmocka_unit_test(an_address_of_a_vip_and_of_a_prefix_is_told_once),
		cmocka_unit_test(a_local_route_over_a_vip_is_told),
		cmocka_unit_test(a_vip_is_at_home_elsewhere_and_where_it_is_meant_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
