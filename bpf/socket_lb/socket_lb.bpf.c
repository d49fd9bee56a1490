/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socket_lb: which socket of a SO_REUSEPORT group gets a packet, so that a process can take over
 * from another one with neither of them losing what is its own.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "bpf/socket_lb/data/flow.h"
#include "bpf/socket_lb/data/quic.h"

SLOT_NAME("socket_lb");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("sk_reuseport");
SLOT_MAP_ABI(1);

#define SOCKET_INET6 10 /* AF_INET6 */
#define TCP_FLAGS 13	/* the byte of a header that has them */
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* How many flows there are is all that can be set, and only user space reads it. */
const volatile struct socket_lb_config socket_lb_config = {
	.flows_max = SL_FLOWS_MAX,
};

/*
 * find_vip - by what the group's sockets are bound to. A listener that was closed has its address
 * still, and no port: that is also its connection's, which is looking for another listener.
 */
static __always_inline const struct sl_vip *find_vip(const struct sk_reuseport_md *md)
{
	const struct bpf_sock *sk = md->sk, *migrating = md->migrating_sk;
	struct sl_vip_key key = { .proto = md->ip_protocol, .family = 4 };
	__u32 addr4 = sk->src_ip4, port = sk->src_port;
	__u32 addr[4] = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] };

	/* Else clang makes one load of two fields or sockets, which the verifier refuses. */
	barrier_var(addr4);
	barrier_var(port);
	key.port = bpf_htons(migrating ? migrating->src_port : port);
	if (sk->family == SOCKET_INET6) {
		key.family = 6;
		__builtin_memcpy(key.addr, addr, sizeof(addr));
	} else {
		__builtin_memcpy(key.addr, &addr4, sizeof(addr4));
	}
	return bpf_map_lookup_elem(&sl_vips, &key);
}

/*
 * What TCP brings here begins a connection, always at the active instance. A cookie's ACK is any
 * listener's: what it proves, the host's secret is in it.
 */
static __always_inline enum sl_counter name_tcp(const struct sl_run *run)
{
	__u8 flags = 0;

	/* The closed listener is out of sl_sockets by now, and there may be no packet. */
	if (run->md->migrating_sk)
		return SL_MIGRATED;
	bpf_skb_load_bytes(run->md, TCP_FLAGS, &flags, sizeof(flags));
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? SL_SYN : SL_SEGMENT;
}

/* choose_by_id - leaves what names nobody, or may begin a connection, as it is. */
static __always_inline void choose_by_id(const struct sl_run *run, struct sl_choice *choice)
{
	struct quic_packet quic = {};

	read_quic(run, &quic);
	if (quic.kind == QUIC_FIRST)
		return;
	choice->outcome = SL_UNKNOWN;
	if (quic.kind == QUIC_BAD) {
		count(run, SL_BAD_ID);
		return;
	}
	choice->instance = quic.instance;
	choice->position = enter(run, quic.instance, quic.want, ANY_GENERATION);
	if (choice->position < 0)
		count(run, SL_STALE_ID);
	else
		choice->outcome = SL_BY_ID;
}

/*
 * choose_udp - by connection id, then by flow: after its first answer a client sends Initials with
 * the id that the server gave it, which none can tell from one that a client made up.
 */
static __always_inline void choose_udp(const struct sl_run *run, struct sl_choice *choice)
{
	struct sl_flow_key key;
	bool is_known;

	if (run->vip->mode == SL_QUIC)
		choose_by_id(run, choice);
	if (choice->position >= 0)
		return;
	is_known = run->vip->memory_s && read_flow(run, &key);
	if (is_known)
		follow_flow(run, &key, choice);
	if (choice->position >= 0)
		return;
	choose_active(run, choice);
	if (is_known && choice->outcome == SL_NEW)
		keep_flow(run, &key, choice);
}

SEC("sk_reuseport/migrate")
int socket_lb(struct sk_reuseport_md *md)
{
	struct sl_choice choice = { .outcome = SL_NEW, .position = ENTERED_NOT };
	struct sl_run run = { .md = md, .index = SL_NO_VIP };

	run.vip = find_vip(md);
	if (!run.vip) {
		count(&run, SL_NOT_OURS);
		return SK_PASS;
	}
	run.index = run.vip->index % SL_VIPS_MAX;
	if (md->ip_protocol == IPPROTO_TCP) {
		choice.outcome = name_tcp(&run);
		choose_active(&run, &choice);
	} else {
		choose_udp(&run, &choice);
	}
	count(&run, choice.outcome);
	return choice.position < 0 ? SK_DROP : SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
