/* SPDX-License-Identifier: GPL-2.0-only */
/* What handoff_host_check() says of a config, and that handoff_host_new() says the same. */
#include <errno.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_host.h"
#include "tests/support/tap.h"

#define LONGEST "sixty-three-bytes-of-a-name-are-as-many-as-a-label-of-dns-has-x"
#define NOWHERE "/nonexistent/slotd"

static const struct row {
	const char *name;
	struct handoff_host_config config;
	const char *why; /* "": it is fine */
} rows[] = {
	{ "a host without TLS is fine", { .name = "a", .map_dir = NOWHERE, .is_plain = true }, "" },
	{ "a name of 63 bytes is fine",
	  { .name = LONGEST, .map_dir = NOWHERE, .is_plain = true },
	  "" },
	{ "a name of 64 bytes is refused",
	  { .name = LONGEST "y", .map_dir = NOWHERE, .is_plain = true },
	  "a host's name has" },
	{ "an empty name is refused",
	  { .name = "", .map_dir = NOWHERE, .is_plain = true },
	  "a host's name has" },
	{ "no name is refused", { .map_dir = NOWHERE, .is_plain = true }, "a host's name has" },
	{ "no folder is refused", { .name = "a", .is_plain = true }, "the folder" },
	{ "neither certificates nor plain is refused",
	  { .name = "a", .map_dir = NOWHERE },
	  "ca, cert and key" },
	{ "a certificate without its key is refused",
	  { .name = "a", .map_dir = NOWHERE, .ca = NOWHERE, .cert = NOWHERE },
	  "ca, cert and key" },
	{ "certificates and plain are refused",
	  { .name = "a",
	    .map_dir = NOWHERE,
	    .ca = NOWHERE,
	    .cert = NOWHERE,
	    .key = NOWHERE,
	    .is_plain = true },
	  "ca, cert and key" },
	{ "certificates that are not there are refused",
	  { .name = "a", .map_dir = NOWHERE, .ca = NOWHERE, .cert = NOWHERE, .key = NOWHERE },
	  NOWHERE },
	{ "an address of each family is fine",
	  { .name = "a",
	    .map_dir = NOWHERE,
	    .is_plain = true,
	    .local = { { .ss_family = AF_INET }, { .ss_family = AF_INET6 } } },
	  "" },
	{ "two addresses of one family are refused",
	  { .name = "a",
	    .map_dir = NOWHERE,
	    .is_plain = true,
	    .local = { { .ss_family = AF_INET6 }, { .ss_family = AF_INET6 } } },
	  "both local addresses" },
	{ "to wait longer for the first word than for the next is refused",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .ack = 2000 } },
	  "times" },
	{ "to wait for the next word until the first one's block may be over is refused",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .ack = 1500 } },
	  "times" },
	{ "to wait for it a moment longer is fine",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .ack = 1499 } },
	  "" },
	{ "a first word that is waited for for ever is refused",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .ack = UINT32_MAX } },
	  "times" },
	{ "so is any time that is",
	  { .name = "a",
	    .map_dir = NOWHERE,
	    .is_plain = true,
	    .times = { .ready = UINT32_MAX - 1, .done = UINT32_MAX } },
	  "times" },
	{ "or that is longer than 31 bits",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .linger = 1U << 31 } },
	  "times" },
	{ "a month of it is fine",
	  { .name = "a",
	    .map_dir = NOWHERE,
	    .is_plain = true,
	    .times = { .ready = INT32_MAX - 1, .done = INT32_MAX } },
	  "" },
	{ "to be silent for longer than a host may be away is refused",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .beat = 5001 } },
	  "times" },
	{ "for much longer too",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .beat = INT32_MAX } },
	  "times" },
	{ "to be silent for as long is fine",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .beat = 5000 } },
	  "" },
	{ "to be idle for less than a host may be away is refused",
	  { .name = "a", .map_dir = NOWHERE, .is_plain = true, .times = { .idle = 30000 } },
	  "times" },
};

static void is_judged_as_by_a_new_host(void **state)
{
	const struct row *row = *state;
	struct handoff_host *host;
	char why[256];

	assert_int_equal(handoff_host_check(&row->config, why, sizeof(why)),
			 *row->why ? -EINVAL : 0);
	assert_int_equal(strncmp(why, row->why, strlen(row->why) ?: 1), 0);
	/* What is fine fails later, at its folder. */
	assert_int_not_equal(handoff_host_new(&row->config, &host), 0);
	if (*row->why)
		assert_string_equal(handoff_host_error(host), why);
	else
		assert_non_null(strstr(handoff_host_error(host), NOWHERE));
	handoff_host_free(host);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	struct handoff_host_config config = { .map_dir = NOWHERE };
	char why[8];

	(void)state;
	assert_int_equal(handoff_host_check(&config, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "a host'");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, is_judged_as_by_a_new_host, rows);
	TAP_ADD(&plan, a_line_that_is_too_long_is_cut, NULL, NULL);
	return tap_run(&plan, "settings of handoff's hosts", 0);
}
