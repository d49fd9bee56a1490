/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP option that names the server of a connection, in what its client sends. */
#ifndef SLOT_BPF_TCP_ID_H
#define SLOT_BPF_TCP_ID_H

#include <linux/tcp.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define TCP_ID_LEN 6

#define TCP_OPTIONS_MAX 15
#define TCP_OPTIONS_MASK 63
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1

/*
 * tcp_id_find - the id in the option @kind of the header at @tcp, in the byte order of
 * the host that wrote it, or 0. For a global function, so that the verifier walks its
 * rounds once and not for each way that leads there.
 */
static __always_inline __u32 tcp_id_find(const struct tcphdr *tcp, const void *end, __u8 kind)
{
	__u32 left, at = 0;

	if ((void *)(tcp + 1) > end || tcp->doff * 4 < sizeof(*tcp))
		return 0;
	left = tcp->doff * 4 - sizeof(*tcp);
	for (int i = 0; i < TCP_OPTIONS_MAX && at < left; i++) {
		const __u8 *option = (void *)(tcp + 1) + at;

		if ((void *)(option + 2) > end || option[0] == TCP_OPTION_END)
			return 0;
		if (option[0] == kind) {
			if (at + TCP_ID_LEN > left || option[1] != TCP_ID_LEN ||
			    (void *)(option + TCP_ID_LEN) > end)
				return 0;
			return *(const __u32 *)(option + 2);
		}
		at += option[0] == TCP_OPTION_NOP ? 1 : option[1];
		if (at > left)
			return 0;
		/* The same to the verifier in each round, and no more than there can be. */
		barrier_var(at);
		at &= TCP_OPTIONS_MASK;
	}
	return 0;
}

#endif
