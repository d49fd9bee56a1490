/* SPDX-License-Identifier: GPL-2.0-only */
/* What a rule remembers of the packets of its connection. */
#ifndef HANDOFF_DATA_SEEN_H
#define HANDOFF_DATA_SEEN_H

#include "programs/handoff/data/packet.h"

/*
 * note_seen - what @rule, which has just been read as that of handoff @id, is to remember of the
 * packet. Another one may have its place in the table meanwhile.
 */
static __always_inline void note_seen(struct handoff_rule *rule, __u64 id, __u32 seen)
{
	if (seen & ~rule->use.seen && *(volatile __u64 *)&rule->id == id)
		__sync_fetch_and_or(&rule->use.seen, seen);
}

static __always_inline void forget_seen(struct handoff_rule *rule, __u64 id, __u32 seen)
{
	if (seen & rule->use.seen && *(volatile __u64 *)&rule->id == id)
		__sync_fetch_and_and(&rule->use.seen, ~seen);
}

/*
 * note_local - of a packet that goes out. Where what comes in is sent on the host's stack does
 * not have the connection: but it may have answered a SYN.
 */
static __always_inline void note_local(struct handoff_rule *rule, __u64 id,
				       const struct tcphdr *tcp)
{
	if (*(volatile __u32 *)&rule->ingress != HANDOFF_REDIRECT) {
		note_seen(rule, id,
			  (tcp->fin ? HANDOFF_LOCAL_FIN : 0) | (tcp->rst ? HANDOFF_LOCAL_RST : 0));
	} else if (tcp->syn && tcp->ack && rule->use.seen & HANDOFF_CLIENT_SYN) {
		if (*(volatile __u64 *)&rule->id == id)
			rule->use.syn_ack = bpf_ntohl(tcp->seq) + 1;
		note_seen(rule, id, HANDOFF_ANSWERED);
	}
}

#endif
