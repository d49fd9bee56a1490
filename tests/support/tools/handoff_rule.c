/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff_rule DIR block CLIENT LOCAL SECONDS
 * handoff_rule DIR redirect CLIENT LOCAL TARGET [TIMES]
 * handoff_rule DIR rewrite CLIENT LOCAL SOURCE
 * handoff_rule DIR busy CLIENT LOCAL TARGET
 * handoff_rule DIR ended CLIENT LOCAL TARGET
 *
 * A step of the handoff 1, in the table pinned in DIR. TIMES: the same one again and again, as fast
 * as it goes; then says how long one took, in nanoseconds. Busy: redirected, some time ago, and many
 * bytes came since. Ended: so, and this host reset it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/handoff/maps/handoff_target.h"
#include "programs/handoff/maps/handoff_words.h"

#define ID 1
#define NS_PER_S 1000000000ULL
#define BUSY_S 10
#define BUSY_BYTES (1U << 30)

enum word {
	DIR = 1,
	STEP,
	CLIENT,
	LOCAL,
	VALUE,
	DEVICE,
	OWN_MAC,
	NEXT_HOP_MAC,
	TIMES
};

static int find_target(const char *text, struct slot_reason *why, struct handoff_target *target)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	__be32 address[4];
	int err = handoff_address_parse(text, why, address, &in6.sin6_port);

	memcpy(&in6.sin6_addr, address, sizeof(in6.sin6_addr));
	return err ? err : handoff_target_find((struct sockaddr *)&in6, why, target);
}

static int redirect(const struct handoff_rules *rules, const struct handoff_key *key, int argc,
		    char **argv, struct slot_reason *why)
{
	long times = argc > TIMES ? strtol(argv[TIMES], NULL, 10) : 1;
	struct handoff_target target = {};
	int err = find_target(argv[VALUE], why, &target);
	__u64 start = slot_clock_ns();

	for (long i = 0; !err && i < times; i++)
		err = handoff_rules_redirect(rules, key, ID, &target);
	if (!err && times > 1)
		printf("%llu\n",
		       (unsigned long long)(slot_clock_ns() - start) / (unsigned long)times);
	return err;
}

static int make_busy(const struct handoff_rules *rules, const struct handoff_key *key, char **argv,
		     struct slot_reason *why)
{
	struct handoff_rule rule;
	int err = redirect(rules, key, VALUE + 1, argv, why);

	err = err ? err : handoff_rules_get(rules, key, &rule);
	if (err)
		return err;
	rule.since_ns -= BUSY_S * NS_PER_S;
	rule.use.in_bytes += BUSY_BYTES;
	if (!strcmp(argv[STEP], "ended"))
		rule.use.seen |= HANDOFF_LOCAL_RST;
	return bpf_map_update_elem(rules->table, key, &rule, BPF_ANY);
}

static int rewrite(const struct handoff_rules *rules, const struct handoff_key *key, char **argv,
		   struct slot_reason *why)
{
	struct handoff_source source = {};
	int err = handoff_address_parse(argv[VALUE], why, source.address, &source.port);

	return err ? err : handoff_rules_rewrite(rules, key, ID, &source, HANDOFF_PASS);
}

static int take_step(const struct handoff_rules *rules, int argc, char **argv,
		     struct slot_reason *why)
{
	struct handoff_key key;
	int err = handoff_key_parse(argv[CLIENT], argv[LOCAL], why, &key);

	if (err)
		return err;
	if (!strcmp(argv[STEP], "block"))
		return handoff_rules_block(rules, &key, ID,
					   slot_clock_ns() +
						   strtoull(argv[VALUE], NULL, 10) * NS_PER_S);
	if (!strcmp(argv[STEP], "redirect"))
		return redirect(rules, &key, argc, argv, why);
	if (!strcmp(argv[STEP], "busy") || !strcmp(argv[STEP], "ended"))
		return make_busy(rules, &key, argv, why);
	return rewrite(rules, &key, argv, why);
}

int main(int argc, char **argv)
{
	struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct slot_reason why = {};

	if (argc <= VALUE)
		return 2;
	if (handoff_rules_open(argv[DIR], true, &why, &rules) ||
	    take_step(&rules, argc, argv, &why)) {
		fprintf(stderr, "handoff_rule: %s\n", *why.text ? why.text : "refused");
		return 1;
	}
	handoff_rules_close(&rules);
	return 0;
}
