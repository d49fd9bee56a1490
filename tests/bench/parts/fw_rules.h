/* SPDX-License-Identifier: GPL-2.0-only */
/* The benchmark's rules, as text that both the firewall and nft read, and packets for them. */
#ifndef BENCH_FW_RULES_H
#define BENCH_FW_RULES_H

#include "tests/support/fw_entries.h"

/* Which rule a packet meets first. */
enum fw_bench_match {
	FW_BENCH_FIRST,
	FW_BENCH_MIDDLE, /* of the tenth around it */
	FW_BENCH_LAST,	 /* of the last tenth */
	FW_BENCH_NONE,
	FW_BENCH_MATCHES,
};

extern const char *const fw_bench_match_names[FW_BENCH_MATCHES];

/* Packets of each kind. */
#define FW_BENCH_PACKETS 24

struct fw_bench_packet {
	unsigned char bytes[FW_ENTRIES_FRAME_MAX];
	size_t len;
	long rule; /* that decides; -1: none */
};

struct fw_bench_rules {
	struct fw_entries entries;
	char *text; /* a line a rule, in their order */
	size_t text_len;
	struct fw_bench_packet packets[FW_BENCH_MATCHES][FW_BENCH_PACKETS];
};

/* fw_bench_rules_make - @count rules of IPv4. Returns 0 or -ENOMEM, -ENOENT without packets. */
int fw_bench_rules_make(size_t count, struct fw_bench_rules *ret_rules);
void fw_bench_rules_free(struct fw_bench_rules *rules);

#endif
