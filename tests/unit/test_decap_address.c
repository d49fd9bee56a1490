/* SPDX-License-Identifier: GPL-2.0-only */
/* decap's tunnel addresses in words. */
#include <errno.h>
#include <string.h>

#include "programs/decap/decap.h"
#include "tests/support/tap.h"

struct address_case {
	const char *name;
	const char *text;
	const char *expected; /* the address in words again, or the message */
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct address_case good_addresses[] = {
	CASE(takes_an_ip4_address, "192.0.2.1", "192.0.2.1"),
	CASE(takes_the_last_ip4_unicast_address, "223.255.255.255", "223.255.255.255"),
	CASE(takes_an_ip6_address, "2001:DB8:0::1", "2001:db8::1"),
	CASE(takes_a_link_local_address, "fe80::1", "fe80::1"),
	CASE(takes_a_mapped_address_for_ip4, "::ffff:192.0.2.1", "192.0.2.1"),
};

#define EXPECTED ": expected an address such as 192.0.2.1 or 2001:db8::1"
#define UNICAST ": no tunnel ends there, expected a unicast address"

static const struct address_case bad_addresses[] = {
	CASE(refuses_nothing, "", "''" EXPECTED),
	CASE(refuses_a_word, "localhost", "'localhost'" EXPECTED),
	CASE(refuses_half_an_ip4_address, "192.0.2", "'192.0.2'" EXPECTED),
	CASE(refuses_a_prefix, "192.0.2.0/24", "'192.0.2.0/24'" EXPECTED),
	CASE(refuses_an_ip6_prefix, "2001:db8::/32", "'2001:db8::/32'" EXPECTED),
	CASE(refuses_a_zone, "fe80::1%eth0", "'fe80::1%eth0'" EXPECTED),
	CASE(refuses_ip4_multicast, "224.0.0.1", "'224.0.0.1'" UNICAST),
	CASE(refuses_the_ip4_broadcast_address, "255.255.255.255", "'255.255.255.255'" UNICAST),
	CASE(refuses_the_unspecified_ip4_address, "0.0.0.0", "'0.0.0.0'" UNICAST),
	CASE(refuses_the_unspecified_ip6_address, "::", "'::'" UNICAST),
	CASE(refuses_ip6_multicast, "ff02::1", "'ff02::1'" UNICAST),
};

static void parse_good_address(void **state)
{
	const struct address_case *row = *state;
	char text[DECAP_ADDRESS_TEXT_MAX];
	struct decap_address address;
	struct slot_reason why = {};

	assert_int_equal(decap_address_parse(row->text, &why, &address), 0);
	decap_address_format(&address, text);
	assert_string_equal(text, row->expected);
}

static void refuse_bad_address(void **state)
{
	const struct address_case *row = *state;
	struct decap_address address;
	struct slot_reason why = {};

	assert_int_equal(decap_address_parse(row->text, &why, &address), -EINVAL);
	assert_string_equal(why.text, row->expected);
}

static void ip4_address_is_a_mapped_one(void **state)
{
	static const __u8 expected[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct decap_address address;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(decap_address_parse("192.0.2.1", &why, &address), 0);
	assert_memory_equal(address.addr, expected, sizeof(expected));
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, parse_good_address, good_addresses);
	TAP_ADD_TABLE(&plan, refuse_bad_address, bad_addresses);
	TAP_ADD(&plan, ip4_address_is_a_mapped_one, NULL, NULL);
	return tap_run(&plan, "decap_address", 0);
}
