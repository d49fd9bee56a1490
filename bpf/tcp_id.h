/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the TCP option that names the server of a connection (bpf/tcp_id_abi.h). */
#ifndef SLOT_BPF_TCP_ID_H
#define SLOT_BPF_TCP_ID_H

#include <stdbool.h>

#include <linux/tcp.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/tcp_id_abi.h"
#include "bpf/verifier.h"

#define TCP_OPTIONS_MAX 15
#define TCP_OPTIONS_MASK 63
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1

/* tcp_id_has_magic - whether options of @kind begin with a magic. */
static __always_inline bool tcp_id_has_magic(__u8 kind)
{
	return kind == TCP_ID_EXPERIMENT || kind == TCP_ID_EXPERIMENT_2;
}

/* tcp_id_read - the id of the option at @option, whose @left bytes are the header's, or 0. */
static __always_inline __u32 tcp_id_read(const __u8 *option, __u32 left, const void *end,
					 bool has_magic)
{
	if (left < TCP_ID_LEN || (void *)(option + TCP_ID_LEN) > end)
		return 0;
	if (!has_magic)
		return option[1] == TCP_ID_LEN ? *(const __u32 *)(option + 2) : 0;
	if (left < TCP_ID_MAGIC_LEN || (void *)(option + TCP_ID_MAGIC_LEN) > end)
		return 0;
	return option[1] == TCP_ID_MAGIC_LEN ? *(const __u32 *)(option + 4) : 0;
}

/*
 * tcp_id_step - to the next option, from one of length @len: beyond all of them where it is less than
 * a kind and a length take, which ends it as in the kernel. Without a branch in each round.
 */
static __always_inline __u32 tcp_id_step(__u32 len)
{
	return len | (len - 2) >> 8;
}

/*
 * tcp_id_find - the id in the option @kind of the header at @tcp, in the byte order of
 * the host that wrote it, or 0. @magic: of a kind that has one, in host byte order. For a
 * global function, so that the verifier walks its rounds once and not for each way that
 * leads there.
 */
static __always_inline __u32 tcp_id_find(const struct tcphdr *tcp, const void *end, __u8 kind,
					 __u16 magic)
{
	/* Nothing that the verifier knows, or it walks all rounds for each form of the option. */
	__u32 mask = verifier_forget(tcp_id_has_magic(kind) ? 0xffff : 0);
	__u32 wanted = bpf_htons(magic) & mask;
	__u32 left, at = 0;

	if ((void *)(tcp + 1) > end || tcp->doff * 4 < sizeof(*tcp))
		return 0;
	left = tcp->doff * 4 - sizeof(*tcp);
	for (int i = 0; i < TCP_OPTIONS_MAX && at < left; i++) {
		const __u8 *option = (void *)(tcp + 1) + at;

		/* An id takes no less. */
		if ((void *)(option + TCP_ID_LEN) > end || option[0] == TCP_OPTION_END)
			return 0;
		/* With another magic it is another one's experiment. One branch for both. */
		if (!((option[0] ^ kind) | ((*(const __u16 *)(option + 2) ^ wanted) & mask)))
			return tcp_id_read(option, left - at, end, mask != 0);
		at += option[0] == TCP_OPTION_NOP ? 1 : tcp_id_step(option[1]);
		if (at > left)
			return 0;
		/* The same to the verifier in each round, and no more than there can be. */
		barrier_var(at);
		at &= TCP_OPTIONS_MASK;
	}
	return 0;
}

#endif
