/* SPDX-License-Identifier: GPL-2.0-only */
/* nftables beside the firewall: the same rules at the ingress of a device, the same packets. */
#ifndef BENCH_FW_NFT_H
#define BENCH_FW_NFT_H

#include "tests/bench/parts/fw_rules.h"

struct fw_nft {
	unsigned int ifindex;
	int pass_fd; /* hands frames to the stack, where nft is */
};

/* fw_nft_is_there - whether there are nft and a kernel that takes a chain at @nft's device. */
bool fw_nft_is_there(const struct fw_nft *nft);

/* fw_nft_load - put @rules in force, in place of others. Returns 0 or -EIO. */
int fw_nft_load(const struct fw_nft *nft, const struct fw_bench_rules *rules, double *ret_ms);
/* fw_nft_clear - no rules, and no chain that would have any. */
void fw_nft_clear(void);

/* fw_nft_run - @repeat packets through the device; what each took, the stack with it. */
int fw_nft_run(const struct fw_nft *nft, const struct fw_bench_packet *packet, unsigned int repeat,
	       double *ret_ns);

#endif
