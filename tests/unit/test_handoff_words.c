/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses, ids and steps of handoff's rules in words. */
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

#include "programs/handoff/maps/handoff_words.h"
#include "tests/support/tap.h"

static const char *const addresses[] = {
	"192.0.2.1:80",
	"0.0.0.0:1",
	"255.255.255.255:65535",
	"[2001:db8::1]:80",
	"[::]:1",
	"[::1]:443",
	"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
};

static void address_comes_back_in_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char text[HANDOFF_WORDS_MAX];
		struct slot_reason why;
		__be32 address[4];
		__be16 port;

		assert_int_equal(handoff_address_parse(addresses[i], &why, address, &port), 0);
		handoff_address_format(address, port, text);
		assert_string_equal(text, addresses[i]);
	}
}

static void ip4_is_kept_mapped(void **state)
{
	struct in6_addr want;
	struct slot_reason why;
	__be32 address[4];
	__be16 port;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &want), 1);
	assert_int_equal(handoff_address_parse("192.0.2.1:80", &why, address, &port), 0);
	assert_memory_equal(address, &want, sizeof(want));
	assert_int_equal(port, htons(80));
	assert_int_equal(handoff_address_parse("[::ffff:192.0.2.1]:80", &why, address, &port), 0);
	assert_memory_equal(address, &want, sizeof(want));
}

static const char *const wrong[] = {
	"",
	"192.0.2.1",
	"192.0.2.1:",
	"192.0.2.1:0",
	"192.0.2.1:65536",
	"192.0.2:80",
	"2001:db8::1:80",
	"[2001:db8::1]",
	"[192.0.2.1]:80",
	"tcp/192.0.2.1:80",
	"192.0.2.1:8x",
	"[2001:db8::1]:80aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static void address_parse_refuses_other_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct slot_reason why = {};
		__be32 address[4];
		__be16 port;

		assert_int_equal(handoff_address_parse(wrong[i], &why, address, &port), -EINVAL);
		assert_non_null(strstr(why.text, "expected an address and a port"));
	}
}

static void id_is_hexadecimal_and_not_0(void **state)
{
	static const char *const refused[] = { "",   "0",   "0000",
					       "g",  "0x1", "-1",
					       " 1", "1 ",  "12345678901234567" };
	struct slot_reason why;
	__u64 id = 0;

	(void)state;
	assert_int_equal(handoff_id_parse("ffffffffffffffff", &why, &id), 0);
	assert_true(id == ~0ULL);
	assert_int_equal(handoff_id_parse("1a", &why, &id), 0);
	assert_int_equal(id, 0x1a);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(handoff_id_parse(refused[i], &why, &id), -EINVAL);
}

static void steps_have_names(void **state)
{
	(void)state;
	assert_string_equal(handoff_ingress_name(HANDOFF_REDIRECT), "redirect");
	assert_string_equal(handoff_ingress_name(HANDOFF_INGRESS_COUNT), "unknown");
	assert_string_equal(handoff_egress_name(HANDOFF_REWRITE), "rewrite");
	assert_string_equal(handoff_egress_name(HANDOFF_EGRESS_COUNT), "unknown");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, address_comes_back_in_its_words, NULL, NULL);
	TAP_ADD(&plan, ip4_is_kept_mapped, NULL, NULL);
	TAP_ADD(&plan, address_parse_refuses_other_words, NULL, NULL);
	TAP_ADD(&plan, id_is_hexadecimal_and_not_0, NULL, NULL);
	TAP_ADD(&plan, steps_have_names, NULL, NULL);
	return tap_run(&plan, "handoff_words", 0);
}
