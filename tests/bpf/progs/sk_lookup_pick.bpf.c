/* SPDX-License-Identifier: GPL-2.0-only */
/* Gives lookups for one local port to a socket; others pass. Takes the place of an earlier selection. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile struct pick_config {
	__u32 port;  /* local; host byte order */
	__u32 index; /* of the socket */
} pick_config;

/* Filled by the test. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} pick_socks SEC(".maps");

SEC("sk_lookup")
int sk_lookup_pick(struct bpf_sk_lookup *lookup)
{
	__u32 key = pick_config.index;
	struct bpf_sock *sk;
	long err;

	if (lookup->local_port != pick_config.port)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&pick_socks, &key);
	if (!sk)
		return SK_DROP;
	err = bpf_sk_assign(lookup, sk, BPF_SK_LOOKUP_F_REPLACE);
	bpf_sk_release(sk);
	return err ? SK_DROP : SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
