/* SPDX-License-Identifier: GPL-2.0-only */
/* What all programs read and write alike: endpoints, prefixes, servers' ids, numbers. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "loader/lib/base/endpoint.h"
#include "loader/lib/base/number.h"
#include "programs/shared/id.h"
#include "programs/shared/prefix.h"
#include "tests/support/tap.h"

/* --- endpoints ------------------------------------------------------------------------------- */

struct endpoint_case {
	const char *name, *text;
	const char *again; /* what it becomes when it is read and written; NULL: refused */
};

static const struct endpoint_case endpoint_cases[] = {
	{ "reads TCP of IPv4", "tcp/203.0.113.80:80", "tcp/203.0.113.80:80" },
	{ "reads UDP of IPv4", "udp/203.0.113.80:65535", "udp/203.0.113.80:65535" },
	{ "reads IPv6 in brackets", "udp/[2001:DB8:0::1]:443", "udp/[2001:db8::1]:443" },
	{ "reads any address of IPv4", "udp/0.0.0.0:53", "udp/0.0.0.0:53" },
	{ "reads any address of IPv6", "tcp/[::]:53", "tcp/[::]:53" },
	{ "reads IPv4 in IPv6", "tcp/[::ffff:192.0.2.1]:53", "tcp/[::ffff:192.0.2.1]:53" },
	{ "refuses nothing", "", NULL },
	{ "refuses another protocol", "sctp/203.0.113.80:80", NULL },
	{ "refuses no protocol", "203.0.113.80:80", NULL },
	{ "refuses no port", "tcp/203.0.113.80", NULL },
	{ "refuses port 0", "tcp/203.0.113.80:0", NULL },
	{ "refuses a port beyond", "tcp/203.0.113.80:65536", NULL },
	{ "refuses a port that never ends", "tcp/203.0.113.80:99999999999999999999999", NULL },
	{ "refuses a word for a port", "tcp/203.0.113.80:http", NULL },
	{ "refuses more behind the port", "tcp/203.0.113.80:80 ", NULL },
	{ "refuses a sign", "tcp/203.0.113.80:+80", NULL },
	{ "refuses IPv6 without brackets", "tcp/2001:db8::1:80", NULL },
	{ "refuses an open bracket", "tcp/[2001:db8::1:80", NULL },
	{ "refuses IPv4 in brackets", "tcp/[203.0.113.80]:80", NULL },
	{ "refuses a name", "tcp/localhost:80", NULL },
	{ "refuses an address that never ends",
	  "tcp/[1111111111111111111111111111111111111111111111111111111111111]:80", NULL },
};

static void endpoint_in_words(void **state)
{
	const struct endpoint_case *row = *state;
	const struct slot_endpoint untouched = { .port = 1 };
	struct slot_endpoint endpoint = untouched, same = {};
	char text[SLOT_ENDPOINT_TEXT_MAX];

	if (!row->again) {
		assert_int_equal(slot_endpoint_parse(row->text, &endpoint), -EINVAL);
		assert_memory_equal(&endpoint, &untouched, sizeof(endpoint));
		return;
	}
	assert_int_equal(slot_endpoint_parse(row->text, &endpoint), 0);
	slot_endpoint_format(&endpoint, text);
	assert_string_equal(text, row->again);
	assert_int_equal(slot_endpoint_parse(text, &same), 0);
	assert_memory_equal(&endpoint, &same, sizeof(same));
}

static void an_endpoint_is_what_a_socket_is_bound_to(void **state)
{
	const struct slot_endpoint expected = {
		.family = 4,
		.proto = IPPROTO_UDP,
		.port = 443,
		.addr = { 203, 0, 113, 80 },
	};
	struct slot_endpoint endpoint;

	(void)state;
	assert_int_equal(slot_endpoint_parse("udp/203.0.113.80:443", &endpoint), 0);
	assert_memory_equal(&endpoint, &expected, sizeof(expected));
}

static void an_endpoint_of_all_ports_is_an_address(void **state)
{
	const struct slot_endpoint ip4 = { .family = 4,
					   .proto = IPPROTO_TCP,
					   .addr = { 192, 0, 2, 1 } };
	const struct slot_endpoint ip6 = { .family = 6,
					   .proto = IPPROTO_UDP,
					   .addr = { [15] = 1 } };
	char text[SLOT_ENDPOINT_TEXT_MAX];

	(void)state;
	slot_endpoint_format(&ip4, text);
	assert_string_equal(text, "tcp/192.0.2.1");
	slot_endpoint_format(&ip6, text);
	assert_string_equal(text, "udp/::1");
}

/* --- prefixes -------------------------------------------------------------------------------- */

struct prefix_case {
	const char *name;
	const char *text;
	const char *expected; /* the address in words again, or the message */
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct prefix_case good_prefixes[] = {
	CASE(takes_an_ip4_address, "192.0.2.1", "192.0.2.1"),
	CASE(takes_the_last_ip4_unicast_address, "223.255.255.255", "223.255.255.255"),
	CASE(takes_an_ip6_address, "2001:DB8:0::1", "2001:db8::1"),
	CASE(takes_a_link_local_address, "fe80::1", "fe80::1"),
	CASE(takes_a_mapped_address_for_ip4, "::ffff:192.0.2.1", "192.0.2.1"),
	CASE(takes_a_prefix, "192.0.2.0/24", "192.0.2.0/24"),
	CASE(takes_an_ip6_prefix, "2001:db8::/33", "2001:db8::/33"),
	CASE(takes_a_prefix_of_all_bits_for_an_address, "192.0.2.1/32", "192.0.2.1"),
	CASE(takes_all_of_ip4, "0.0.0.0/0", "0.0.0.0/0"),
	CASE(takes_all_of_ip6, "::/0", "::/0"),
	CASE(takes_a_prefix_of_odd_length, "192.0.2.128/27", "192.0.2.128/27"),
};

#define EXPECTED                                                                                   \
	": expected an address such as 192.0.2.1 or 2001:db8::1, or a prefix such as 192.0.2.0/24"
#define BEHIND ": bits are set behind the prefix's length"
#define UNICAST ": expected a unicast address"

static const struct prefix_case bad_prefixes[] = {
	CASE(refuses_nothing, "", "''" EXPECTED),
	CASE(refuses_a_word, "localhost", "'localhost'" EXPECTED),
	CASE(refuses_half_an_ip4_address, "192.0.2", "'192.0.2'" EXPECTED),
	CASE(refuses_a_length_beyond_ip4, "192.0.2.0/33",
	     "'192.0.2.0/33': expected a prefix's length of 0 to 32"),
	CASE(refuses_a_length_beyond_ip6, "2001:db8::/129",
	     "'2001:db8::/129': expected a prefix's length of 0 to 128"),
	CASE(refuses_a_length_that_is_no_number, "192.0.2.0/24x",
	     "'192.0.2.0/24x': expected a prefix's length of 0 to 32"),
	CASE(refuses_no_length, "192.0.2.0/",
	     "'192.0.2.0/': expected a prefix's length of 0 to 32"),
	CASE(refuses_a_negative_length, "192.0.2.0/-1",
	     "'192.0.2.0/-1': expected a prefix's length of 0 to 32"),
	CASE(refuses_a_mask, "192.0.2.0/255.255.255.0",
	     "'192.0.2.0/255.255.255.0': expected a prefix's length of 0 to 32"),
	CASE(refuses_bits_behind_the_length, "192.0.2.1/24", "'192.0.2.1/24'" BEHIND),
	CASE(refuses_one_bit_behind_the_length, "2001:db8:0:1::/63", "'2001:db8:0:1::/63'" BEHIND),
	CASE(refuses_what_is_longer_than_addresses_are,
	     "2001:db8:0000:0000:0000:0000:0000:0000:0000:0001",
	     "'2001:db8:0000:0000:0000:0000:0000:0000:0000:0001'" EXPECTED),
	CASE(refuses_a_zone, "fe80::1%eth0", "'fe80::1%eth0'" EXPECTED),
	CASE(refuses_ip4_multicast, "224.0.0.1", "'224.0.0.1'" UNICAST),
	CASE(refuses_the_ip4_broadcast_address, "255.255.255.255", "'255.255.255.255'" UNICAST),
	CASE(refuses_the_unspecified_ip4_address, "0.0.0.0", "'0.0.0.0'" UNICAST),
	CASE(refuses_the_unspecified_ip6_address, "::", "'::'" UNICAST),
	CASE(refuses_ip6_multicast, "ff02::1", "'ff02::1'" UNICAST),
};

static void parse_good_prefix(void **state)
{
	const struct prefix_case *row = *state;
	char text[PROGRAM_PREFIX_TEXT_MAX];
	struct slot_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(program_prefix_parse(row->text, &why, &prefix), 0);
	program_prefix_format(&prefix, text);
	assert_string_equal(text, row->expected);
}

static void refuse_bad_prefix(void **state)
{
	const struct prefix_case *row = *state;
	struct slot_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(program_prefix_parse(row->text, &why, &prefix), -EINVAL);
	assert_string_equal(why.text, row->expected);
}

/* --- ids ------------------------------------------------------------------------------------- */

/* The number as expected, or 0 where the word is refused. */
struct id_case {
	const char *name, *text;
	__u32 expected;
};

static const struct id_case ids[] = {
	CASE(takes_an_id, "100", 100),
	CASE(takes_the_largest_id, "4294967295", 4294967295U),
	CASE(takes_an_id_in_hex, "0x0003FE", 0x3fe),
	CASE(takes_an_id_with_zeros_in_front_for_decimal, "010", 10),
	CASE(refuses_the_id_0, "0", 0),
	CASE(refuses_an_id_that_is_too_large, "4294967296", 0),
	CASE(refuses_an_id_of_too_many_digits, "18446744073709551617", 0),
	CASE(refuses_a_negative_id, "-1", 0),
	CASE(refuses_an_id_with_a_tail, "100x", 0),
	CASE(refuses_no_id, "", 0),
	CASE(refuses_hex_without_digits, "0x", 0),
};

static void parse_id(void **state)
{
	const struct id_case *row = *state;
	struct slot_reason why = {};
	__u32 id = 0;

	assert_int_equal(program_id_parse(row->text, &why, &id), row->expected ? 0 : -EINVAL);
	assert_int_equal(id, row->expected);
}

/* --- numbers --------------------------------------------------------------------------------- */

static void digits_are_decimal_and_bounded(void **state)
{
	static const char *const wrong[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "256", "4294967296"
	};
	__u32 number = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (slot_digits_parse(wrong[i], 255, &number) != -EINVAL || number != 7)
			fail_msg("'%s' is taken", wrong[i]);
	assert_int_equal(slot_digits_parse("0", 255, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(slot_digits_parse("0255", 255, &number), 0);
	assert_int_equal(number, 255);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, endpoint_in_words, endpoint_cases);
	TAP_ADD_TABLE(&plan, parse_good_prefix, good_prefixes);
	TAP_ADD_TABLE(&plan, refuse_bad_prefix, bad_prefixes);
	TAP_ADD_TABLE(&plan, parse_id, ids);
	TAP_ADD(&plan, an_endpoint_is_what_a_socket_is_bound_to, NULL, NULL);
	TAP_ADD(&plan, an_endpoint_of_all_ports_is_an_address, NULL, NULL);
	TAP_ADD(&plan, digits_are_decimal_and_bounded, NULL, NULL);
	return tap_run(&plan, "words", 0);
}
