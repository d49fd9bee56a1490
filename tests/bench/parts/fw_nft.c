/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/fw_nft.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "tests/bench/parts/clock.h"

#define BATCH 64

static int feed_nft(const struct fw_nft *nft, const char *rules, size_t len)
{
	FILE *out = popen("nft -f - >&2", "we");
	char device[IF_NAMESIZE] = "";

	if (!out)
		return -errno;
	fprintf(out,
		"table netdev slotd_bench {\nchain ingress {\ntype filter hook ingress "
		"device %s priority 0; policy accept;\n",
		if_indextoname(nft->ifindex, device));
	fwrite(rules, 1, len, out);
	fputs("}\n}\n", out);
	return pclose(out) ? -EIO : 0;
}

bool fw_nft_is_there(const struct fw_nft *nft)
{
	bool is_there;

	if (system("command -v nft >/dev/null 2>&1"))
		return false;
	is_there = !feed_nft(nft, "", 0);
	fw_nft_clear();
	return is_there;
}

int fw_nft_load(const struct fw_nft *nft, const struct fw_bench_rules *rules, double *ret_ms)
{
	double start;
	int err;

	fw_nft_clear();
	start = bench_clock_ns();
	err = feed_nft(nft, rules->text, rules->text_len);
	if (err)
		return err;
	*ret_ms = (bench_clock_ns() - start) / 1e6;
	return 0;
}

void fw_nft_clear(void)
{
	if (system("nft delete table netdev slotd_bench 2>/dev/null"))
		return; /* there was none */
}

int fw_nft_run(const struct fw_nft *nft, const struct fw_bench_packet *packet, unsigned int repeat,
	       double *ret_ns)
{
	struct xdp_md context = { .ingress_ifindex = nft->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes,
		    .data_size_in = (__u32)packet->len, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = (int)repeat,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	double start = bench_clock_ns();
	int err;

	context.data_end = (__u32)packet->len;
	err = bpf_prog_test_run_opts(nft->pass_fd, &opts);
	if (err)
		return err;
	*ret_ns = (bench_clock_ns() - start) / repeat;
	return 0;
}
