/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A global function that takes memory, to which many ways lead: a verifier that walks it
 * for each of them walks twenty times as much. Drops frames of whose second to sixth bytes
 * an odd number is odd.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

#define BYTES 5
#define ROUNDS_MAX 512

const volatile struct walks_config {
	__u32 is_kept; /* whether anything calls walks_kept() */
} walks_config;

struct walks_key {
	__u32 odd[1]; /* a bit a byte */
};

/* Whether an odd number of bits is set, by an odd number of @rounds over all of them. */
__noinline int walks_parity(const struct walks_key *key, __u32 rounds)
{
	__u32 parity = 0;

	if (!key)
		return 0;
	for (__u32 i = 0; i < rounds * BYTES && i < ROUNDS_MAX; i++)
		parity ^= key->odd[0] >> i % BYTES;
	return parity & 1;
}

/* Gone when the verifier is done, where no call leads to it. */
__noinline int walks_kept(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data > 9000;
}

SEC("xdp")
int walks(struct xdp_md *ctx)
{
	__u8 *bytes = (void *)(long)ctx->data;
	struct walks_key key = {};
	__u32 odd = 0;

	if ((void *)(bytes + 1 + BYTES) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES; i++) {
		if (!(bytes[1 + i] & 1))
			continue;
		odd |= 1 << i;
		barrier_var(odd);
	}
	key.odd[0] = odd;
	if (walks_config.is_kept && walks_kept(ctx))
		return XDP_ABORTED;
	return walks_parity(&key, 33 + 2 * odd) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
