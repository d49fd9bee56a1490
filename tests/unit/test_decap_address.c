/* SPDX-License-Identifier: GPL-2.0-only */
/* decap's addresses, ids and settings in words. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "programs/decap/decap.h"
#include "tests/support/tap.h"

static void ip4_address_is_a_mapped_one(void **state)
{
	static const __u8 expected[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct decap_address address;
	struct slot_prefix prefix;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(program_prefix_parse("192.0.2.1", &why, &prefix), 0);
	assert_true(decap_prefix_to_address(&prefix, &address));
	assert_memory_equal(address.addr, expected, sizeof(expected));
}

static void a_prefix_is_no_address(void **state)
{
	struct decap_address address;
	struct slot_prefix prefix;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(program_prefix_parse("192.0.2.0/31", &why, &prefix), 0);
	assert_false(decap_prefix_to_address(&prefix, &address));
	assert_int_equal(prefix.len, 63);
	assert_int_equal(prefix.family, 4);
}

struct setting_case {
	const char *name;
	const char *text;
	const char *expected; /* the message */
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

#define KIND                                                                                       \
	": expected an option's kind up to 255, such as 0xb7, and none of TCP's own, "             \
	"0 to 8, 19, 28 to 30, 34, 69, 172 and 174"

static const struct setting_case bad_settings[] = {
	CASE(refuses_another_setting, "port=1",
	     "'port=1': expected gue-port=, strict= or tcp-option="),
	CASE(refuses_a_setting_without_a_value, "strict",
	     "'strict': expected gue-port=, strict= or tcp-option="),
	CASE(refuses_port_0, "gue-port=0", "gue-port '0': expected a port, 1 to 65535, or 'off'"),
	CASE(refuses_a_port_too_large, "gue-port=65536",
	     "gue-port '65536': expected a port, 1 to 65535, or 'off'"),
	CASE(refuses_another_word_than_yes_or_no, "strict=true",
	     "strict 'true': expected 'yes' or 'no'"),
	CASE(refuses_an_option_that_fills_up, "tcp-option=1", "tcp-option '1'" KIND),
	CASE(refuses_the_option_of_sack, "tcp-option=5", "tcp-option '5'" KIND),
	CASE(refuses_the_option_of_md5, "tcp-option=19", "tcp-option '19'" KIND),
	CASE(refuses_the_option_of_multipath_tcp, "tcp-option=0x1e", "tcp-option '0x1e'" KIND),
	CASE(refuses_the_option_of_fast_open, "tcp-option=34", "tcp-option '34'" KIND),
	CASE(refuses_the_option_of_tcpcrypt, "tcp-option=69", "tcp-option '69'" KIND),
	CASE(refuses_an_option_of_accurate_ecn, "tcp-option=172", "tcp-option '172'" KIND),
	CASE(refuses_the_other_of_accurate_ecn, "tcp-option=174", "tcp-option '174'" KIND),
	CASE(refuses_an_option_too_large, "tcp-option=0x100", "tcp-option '0x100'" KIND),
};

static void refuse_bad_setting(void **state)
{
	struct decap_control control = {}, before = {};
	const struct setting_case *row = *state;
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

	TAP_ADD_TABLE(&plan, refuse_bad_setting, bad_settings);
	TAP_ADD(&plan, ip4_address_is_a_mapped_one, NULL, NULL);
	TAP_ADD(&plan, a_prefix_is_no_address, NULL, NULL);
	TAP_ADD(&plan, settings_change_what_they_name_alone, NULL, NULL);
	return tap_run(&plan, "decap_address", 0);
}
