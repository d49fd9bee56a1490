/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of sockets as applications write them. */
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

#include "programs/handoff/lib/peer/handoff_host.h"
#include "tests/support/tap.h"

static void ip4_has_a_port_or_none(void **state)
{
	struct sockaddr_storage at;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&at;
	socklen_t length;

	(void)state;
	assert_int_equal(handoff_host_parse("192.0.2.1:65535", &at, &length), 0);
	assert_int_equal(length, sizeof(*four));
	assert_int_equal(four->sin_family, AF_INET);
	assert_int_equal(four->sin_addr.s_addr, htonl(0xc0000201));
	assert_int_equal(four->sin_port, htons(65535));
	assert_int_equal(handoff_host_parse("192.0.2.1:0", &at, &length), 0);
	assert_int_equal(four->sin_port, 0);
	assert_int_equal(handoff_host_parse("192.0.2.1", &at, &length), 0);
	assert_int_equal(four->sin_port, 0);
}

static void ip6_with_a_port_has_brackets(void **state)
{
	struct sockaddr_storage at;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;
	struct in6_addr want;
	socklen_t length;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &want), 1);
	assert_int_equal(handoff_host_parse("[2001:db8::1]:80", &at, &length), 0);
	assert_int_equal(length, sizeof(*six));
	assert_int_equal(six->sin6_family, AF_INET6);
	assert_memory_equal(&six->sin6_addr, &want, sizeof(want));
	assert_int_equal(six->sin6_port, htons(80));
	assert_int_equal(handoff_host_parse("2001:db8::1", &at, &length), 0);
	assert_memory_equal(&six->sin6_addr, &want, sizeof(want));
	assert_int_equal(six->sin6_port, 0);
}

static void other_words_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		":80",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:000080",
		"192.0.2.1:8x",
		"192.0.2:80",
		"[192.0.2.1]:80",
		"[2001:db8::1]",
		"[2001:db8::1]80",
		"[2001:db8::1",
		"near:80",
		"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:]:80",
	};
	struct sockaddr_storage at = { .ss_family = AF_UNIX };
	socklen_t length = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(handoff_host_parse(wrong[i], &at, &length), -EINVAL);
	assert_int_equal(at.ss_family, AF_UNIX);
	assert_int_equal(length, 1);
}

static void what_is_dialed_has_a_port(void **state)
{
	static const char *const wrong[] = {
		"192.0.2.1", "192.0.2.1:0", "2001:db8::1", "[2001:db8::1]:0", "near:80",
	};
	struct sockaddr_storage at = { .ss_family = AF_UNIX };
	socklen_t length = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(handoff_host_parse_port(wrong[i], &at, &length), -EINVAL);
	assert_int_equal(at.ss_family, AF_UNIX);
	assert_int_equal(length, 1);
	assert_int_equal(handoff_host_parse_port("192.0.2.1:80", &at, &length), 0);
	assert_int_equal(((const struct sockaddr_in *)&at)->sin_port, htons(80));
	assert_int_equal(length, sizeof(struct sockaddr_in));
	assert_int_equal(handoff_host_parse_port("[2001:db8::1]:80", &at, &length), 0);
	assert_int_equal(((const struct sockaddr_in6 *)&at)->sin6_port, htons(80));
	assert_int_equal(length, sizeof(struct sockaddr_in6));
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, ip4_has_a_port_or_none, NULL, NULL);
	TAP_ADD(&plan, ip6_with_a_port_has_brackets, NULL, NULL);
	TAP_ADD(&plan, other_words_are_refused, NULL, NULL);
	TAP_ADD(&plan, what_is_dialed_has_a_port, NULL, NULL);
	return tap_run(&plan, "handoff_parse", 0);
}
