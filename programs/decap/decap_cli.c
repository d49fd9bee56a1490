/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl decap: the tunnel addresses and counters of decap, as commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/decap/decap.h"
#include "programs/shared/counts.h"
#include "programs/shared/json.h"

static const struct program_counter counters[DECAP_COUNTS_SIZE] = {
	[DECAP_IP4_IN_IP4] = { "ip4_in_ip4", "pass" },
	[DECAP_IP6_IN_IP6] = { "ip6_in_ip6", "pass" },
	[DECAP_IP4_IN_IP6] = { "ip4_in_ip6", "pass" },
	[DECAP_IP6_IN_IP4] = { "ip6_in_ip4", "pass" },
	[DECAP_NOT_LOCAL] = { "not_local", "left" },
	[DECAP_BAD_OUTER] = { "bad_outer", "left" },
	[DECAP_BAD_INNER] = { "bad_inner", "left" },
	[DECAP_FRAGMENT] = { "fragment", "left" },
	[DECAP_OPTIONS] = { "options", "left" },
	[DECAP_NESTED] = { "nested", "left" },
	[DECAP_CONGESTED] = { "congested", "drop" },
	[DECAP_REFUSED] = { "refused", "drop" },
	[DECAP_PART] = { "part", "drop" },
};

static int fail(const struct slot_reason *why)
{
	fprintf(stderr, "%s\n", why->text);
	return PROGRAM_FAILED;
}

/* Every word that is no address is told, not just the first. */
static int parse_args(int argc, char **argv, struct decap_address *addresses)
{
	struct slot_reason why;
	int i, wrong = 0;

	for (i = 0; i < argc; i++) {
		if (decap_address_parse(argv[i], &why, &addresses[i])) {
			wrong++;
			fail(&why);
		}
	}
	return wrong ? -EINVAL : 0;
}

static int cmd_addr(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct decap_address *addresses = NULL;
	bool is_add = argc > 0 && !strcmp(argv[0], "add");
	_cleanup_close_ int fd = -1;
	struct slot_reason why;
	int i, err;

	if (argc < 2 || (!is_add && strcmp(argv[0], "del") != 0))
		return PROGRAM_USAGE;
	addresses = calloc((size_t)argc - 1, sizeof(*addresses));
	if (!addresses || parse_args(argc - 1, argv + 1, addresses))
		return PROGRAM_FAILED;
	err = decap_addresses_open(ctx->map_dir, true, &why, &fd);
	for (i = 0; !err && i < argc - 1; i++)
		err = is_add ? decap_address_add(fd, &addresses[i], &why) :
			       decap_address_del(fd, &addresses[i], &why);
	return err ? fail(&why) : PROGRAM_OK;
}

static int print_addresses(const struct program_context *ctx, const struct decap_address *addresses,
			   size_t count)
{
	char text[DECAP_ADDRESS_TEXT_MAX];
	json_t *list = ctx->json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		decap_address_format(&addresses[i], text);
		if (ctx->json)
			json_array_append_new(list, json_string(text));
		else
			fprintf(ctx->out, "%s\n", text);
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "addresses", list)) :
			   PROGRAM_OK;
}

static int cmd_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct decap_address *addresses = NULL;
	_cleanup_close_ int fd = -1;
	struct slot_reason why;
	size_t count = 0;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (decap_addresses_open(ctx->map_dir, false, &why, &fd) ||
	    decap_addresses_get(fd, &why, &addresses, &count))
		return fail(&why);
	return print_addresses(ctx, addresses, count);
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, DECAP_COUNTS_NAME, counters, DECAP_COUNTS_SIZE);
}

#define IP4_HEADER 20
#define IP6_HEADER 40

static int claim_addresses(const struct program_claims *claims, struct slot_reason *why)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	_cleanup_free_ struct decap_address *addresses = NULL;
	_cleanup_close_ int fd = -1;
	size_t count = 0, i;
	int err = decap_addresses_open(claims->map_dir, false, why, &fd);

	err = err ? err : decap_addresses_get(fd, why, &addresses, &count);
	for (i = 0; !err && i < count; i++) {
		bool is_ip6 = memcmp(addresses[i].addr, mapped, sizeof(mapped)) != 0;
		struct program_claim claim = {
			.kind = PROGRAM_CLAIM_TUNNEL,
			.is_ip6 = is_ip6,
			.len = is_ip6 ? 128 : 32,
			.overhead = is_ip6 ? IP6_HEADER : IP4_HEADER,
		};

		memcpy(claim.addr, addresses[i].addr + (is_ip6 ? 0 : 12), is_ip6 ? 16 : 4);
		err = claims->add(claims, &claim);
	}
	return err;
}

static const struct program_command commands[] = {
	{ "addr", cmd_addr, "add|del ADDRESS...", "take tunnels to ADDRESS apart, or no longer" },
	{ "list", cmd_list, "", "the addresses whose tunnels are taken apart" },
	{ "stats", cmd_stats, "", "packets and bytes by kind of tunnel, and why some were left" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli decap_cli = {
	.name = "decap",
	.summary = "take packets out of IPv4 and IPv6 tunnels that end here",
	.commands = commands,
	.claim = claim_addresses,
};
