/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the client ends its connection, and who may say so. Anybody can send a FIN, RST or SYN in
 * its name, and a host that has the connection ignores it unless it has the right numbers (RFC
 * 5961). Home does not know them: what was said holds until the client is heard again.
 */
#ifndef HANDOFF_DATA_ENDS_H
#define HANDOFF_DATA_ENDS_H

#include "programs/handoff/data/seen.h"

/*
 * A SYN is a client's that uses its port again only after so long without a packet: less than the
 * second after which one that was dropped is said again, by clocks of 10 ms.
 */
#define REUSE_NS 900000000ULL

/* Of what was sent before a FIN so much may come after it, late or once more. */
#define LATE_MAX (1U << 20)

/* In the byte of the TCP header. */
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

static __always_inline __u8 read_flags(const struct tcphdr *tcp)
{
	return ((const __u8 *)tcp)[13];
}

static __always_inline void note_fin(struct handoff_rule *rule, __u64 id, __u32 end)
{
	if (*(volatile __u64 *)&rule->id == id)
		rule->use.fin_end = end;
	note_seen(rule, id, HANDOFF_CLIENT_FIN);
}

/*
 * handoff_note_end - what a packet says that ends behind @end. Who has sent a RST sends nothing
 * else, and after a FIN nothing that goes on behind it. A new FIN replaces the one before, so
 * that trying many numbers leaves one. This and the next are walked once by the verifier.
 */
__noinline int handoff_note_end(struct handoff_rule *rule, __u64 id, __u8 flags, __u32 end)
{
	if (!rule || flags & FLAG_SYN)
		return 0;
	if (flags & FLAG_RST) {
		note_seen(rule, id, HANDOFF_CLIENT_RST);
		return 0;
	}
	forget_seen(rule, id, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED);
	if (flags & FLAG_FIN)
		note_fin(rule, id, end);
	else if (rule->use.fin_end - end > LATE_MAX)
		forget_seen(rule, id, HANDOFF_CLIENT_FIN);
	return 0;
}

/* note_client - of a packet that comes in, and is no client's that began anew. */
static __always_inline void note_client(struct handoff_rule *rule, __u64 id,
					const struct packet *packet)
{
	const struct tcphdr *tcp = packet->tcp;
	__u8 flags = read_flags(tcp);

	if (rule->use.seen || flags & (FLAG_FIN | FLAG_RST))
		handoff_note_end(rule, id, flags,
				 bpf_ntohl(tcp->seq) + packet->data_len + tcp->fin);
}

static __always_inline bool may_begin(const struct handoff_rule *rule, __u64 now)
{
	__u32 seen = rule->use.seen;

	return seen & HANDOFF_CLIENT_SYN || (seen & (HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_RST) &&
					     (__s64)(now - rule->use.last_ns) > (__s64)REUSE_NS);
}

/*
 * handoff_note_anew - whether a packet is of another connection of the client's, or may begin
 * one. A SYN goes to the host's own stack, and what follows it only once it acknowledges (@ack)
 * the number that the stack answered with: who did not get the answer does not know it, and a
 * client that lives objects to it, by a packet of the connection.
 */
__noinline int handoff_note_anew(struct handoff_rule *rule, __u64 id, __u8 flags, __u32 ack,
				 __u64 now)
{
	if (!rule)
		return 0;
	if (rule->use.seen & HANDOFF_REUSED)
		return 1;
	if (flags & FLAG_SYN) {
		if (flags & FLAG_ACK || !may_begin(rule, now))
			return 0;
		note_seen(rule, id, HANDOFF_CLIENT_SYN);
		return 1;
	}
	if (!(rule->use.seen & HANDOFF_ANSWERED) || !(flags & FLAG_ACK) || ack != rule->use.syn_ack)
		return 0;
	note_seen(rule, id, HANDOFF_REUSED);
	return 1;
}

/*
 * Whether it is a SYN that handoff_note_anew() has not let begin, as the connection's last packet
 * was a moment ago. Where that was, nobody listens or knows it: the client would be refused. It
 * says so again in a second.
 */
static __always_inline bool is_early(const struct handoff_rule *rule, const struct tcphdr *tcp)
{
	return tcp->syn && !tcp->ack && rule->use.seen & (HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_RST);
}

static __always_inline bool note_anew(struct handoff_rule *rule, __u64 id, const struct tcphdr *tcp,
				      __u64 now)
{
	return rule->use.seen &&
	       handoff_note_anew(rule, id, read_flags(tcp), bpf_ntohl(tcp->ack_seq), now);
}

#endif
