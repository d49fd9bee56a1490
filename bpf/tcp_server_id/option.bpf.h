/* SPDX-License-Identifier: GPL-2.0-only */
/* The option as the settings say it is, and reading it. Only tcp_server_id.bpf.c includes this. */
#ifndef TCP_SERVER_ID_OPTION_BPF_H
#define TCP_SERVER_ID_OPTION_BPF_H

#include <linux/bpf.h>
#include <linux/errno.h>

#include <bpf/bpf_helpers.h>

#include "bpf/tcp_id.h"
#include "bpf/tcp_server_id/tcp_server_id_abi.h"

const volatile struct tcp_server_id_config tcp_server_id_config = {
	.server = true,
	.kind = TCP_ID_EXPERIMENT,
	.magic = TCP_ID_MAGIC,
};

static __always_inline __u8 client_kind(void)
{
	return tcp_server_id_config.preset == TSI_KATRAN ? TCP_ID_KATRAN :
							   tcp_server_id_config.kind;
}

static __always_inline __u8 server_kind(void)
{
	if (tcp_server_id_config.preset == TSI_KATRAN)
		return TCP_ID_KATRAN_SERVER;
	return tcp_server_id_config.server_kind ?: tcp_server_id_config.kind;
}

/* Of a SYN that says no; the same as client_kind(): without an id. */
static __always_inline __u8 none_kind(void)
{
	if (tcp_server_id_config.preset == TSI_KATRAN)
		return TCP_ID_KATRAN_NONE;
	return tcp_server_id_config.none_kind ?: tcp_server_id_config.kind;
}

/* Begins an option of @kind. Returns how long it is without an id. */
static __always_inline __u32 start_option(__u8 option[TCP_ID_LEN_MAX], __u8 kind)
{
	option[0] = kind;
	if (!tcp_id_has_magic(kind))
		return 2;
	option[2] = tcp_server_id_config.magic >> 8;
	option[3] = (__u8)tcp_server_id_config.magic;
	return TCP_ID_NONE_LEN;
}

enum reading {
	READ_NOTHING,
	READ_NONE, /* an option without an id */
	READ_ID,
	READ_BAD,
};

/* @flags: of bpf_load_hdr_opt(): the segment at hand, or the SYN that is answered. */
static __always_inline enum reading read_option(struct bpf_sock_ops *skops, __u8 kind, __u64 flags,
						__u32 *id)
{
	__u8 option[TCP_ID_LEN_MAX] = {};
	__u32 head = start_option(option, kind);
	long len;

	/* The length says how much there is to compare: a kind, or a magic too. */
	option[1] = head > 2 ? head : 0;
	len = bpf_load_hdr_opt(skops, option, sizeof(option), flags);
	if (len == -ENOMSG || len == -ENOENT)
		return READ_NOTHING;
	if (len == head)
		return READ_NONE;
	if (len != (long)(head + sizeof(*id)))
		return READ_BAD;
	*id = head > 2 ?
		      *(__u32 *)(option + TCP_ID_NONE_LEN) :
		      (__u32)option[2] | option[3] << 8 | option[4] << 16 | (__u32)option[5] << 24;
	return READ_ID;
}

#endif
