/* SPDX-License-Identifier: GPL-2.0-only */
/* decap's addresses, ids and settings in words. */
#include <arpa/inet.h>
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
#define UNICAST ": no tunnel ends there, expected a unicast address"

static const struct address_case bad_addresses[] = {
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

static void parse_good_address(void **state)
{
	const struct address_case *row = *state;
	char text[DECAP_PREFIX_TEXT_MAX];
	struct decap_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(decap_prefix_parse(row->text, &why, &prefix), 0);
	decap_prefix_format(&prefix, text);
	assert_string_equal(text, row->expected);
}

static void refuse_bad_address(void **state)
{
	const struct address_case *row = *state;
	struct decap_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(decap_prefix_parse(row->text, &why, &prefix), -EINVAL);
	assert_string_equal(why.text, row->expected);
}

static void ip4_address_is_a_mapped_one(void **state)
{
	static const __u8 expected[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct decap_address address;
	struct decap_prefix prefix;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(decap_prefix_parse("192.0.2.1", &why, &prefix), 0);
	assert_true(decap_prefix_to_address(&prefix, &address));
	assert_memory_equal(address.addr, expected, sizeof(expected));
}

static void a_prefix_is_no_address(void **state)
{
	struct decap_address address;
	struct decap_prefix prefix;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(decap_prefix_parse("192.0.2.0/31", &why, &prefix), 0);
	assert_false(decap_prefix_to_address(&prefix, &address));
	assert_int_equal(prefix.len, 63);
	assert_int_equal(prefix.family, 4);
}

/* Ids: the number as expected, or 0 where the word is refused. */
struct id_case {
	const char *name, *text;
	__u32 expected;
};

static const struct id_case ids[] = {
	CASE(takes_an_id, "100", 100),
	CASE(takes_the_largest_id, "4294967295", 4294967295U),
	CASE(takes_an_id_in_hex, "0x0003FE", 0x3fe),
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

	assert_int_equal(decap_id_parse(row->text, &why, &id), row->expected ? 0 : -EINVAL);
	assert_int_equal(id, row->expected);
}

static const struct address_case bad_settings[] = {
	CASE(refuses_another_setting, "port=1",
	     "'port=1': expected gue-port=, strict= or tcp-option="),
	CASE(refuses_a_setting_without_a_value, "strict",
	     "'strict': expected gue-port=, strict= or tcp-option="),
	CASE(refuses_port_0, "gue-port=0", "gue-port '0': expected a port, 1 to 65535, or 'off'"),
	CASE(refuses_a_port_too_large, "gue-port=65536",
	     "gue-port '65536': expected a port, 1 to 65535, or 'off'"),
	CASE(refuses_another_word_than_yes_or_no, "strict=true",
	     "strict 'true': expected 'yes' or 'no'"),
	CASE(refuses_an_option_that_fills_up, "tcp-option=1",
	     "tcp-option '1': expected an option's kind, 2 to 255 (0xb7)"),
	CASE(refuses_an_option_too_large, "tcp-option=0x100",
	     "tcp-option '0x100': expected an option's kind, 2 to 255 (0xb7)"),
};

static void refuse_bad_setting(void **state)
{
	struct decap_control control = {}, before = {};
	const struct address_case *row = *state;
	struct slot_reason why = {};

	assert_true(decap_control_parse(row->text, &why, &control) < 0);
	assert_string_equal(why.text, row->expected);
	assert_memory_equal(&control, &before, sizeof(control));
}

static void settings_change_what_they_name_alone(void **state)
{
	struct decap_control control = { .flags = DECAP_HAS_SERVED };
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(decap_control_parse("gue-port=6080", &why, &control), 0);
	assert_int_equal(decap_control_parse("strict=yes", &why, &control), 0);
	assert_int_equal(decap_control_parse("tcp-option=0xb7", &why, &control), 0);
	assert_int_equal(ntohs(control.gue_port), 6080);
	assert_int_equal(control.flags, DECAP_HAS_SERVED | DECAP_STRICT);
	assert_int_equal(control.tcp_option, 0xb7);
	assert_int_equal(decap_control_parse("strict=no", &why, &control), 0);
	assert_int_equal(decap_control_parse("gue-port=off", &why, &control), 0);
	assert_int_equal(control.flags, DECAP_HAS_SERVED);
	assert_int_equal(control.gue_port, 0);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, parse_good_address, good_addresses);
	TAP_ADD_TABLE(&plan, refuse_bad_address, bad_addresses);
	TAP_ADD_TABLE(&plan, parse_id, ids);
	TAP_ADD_TABLE(&plan, refuse_bad_setting, bad_settings);
	TAP_ADD(&plan, ip4_address_is_a_mapped_one, NULL, NULL);
	TAP_ADD(&plan, a_prefix_is_no_address, NULL, NULL);
	TAP_ADD(&plan, settings_change_what_they_name_alone, NULL, NULL);
	return tap_run(&plan, "decap_address", 0);
}
