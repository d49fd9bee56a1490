/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_flow.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <linux/icmp.h>

static bool is_icmp(const struct fw_packet *p)
{
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

bool fw_flow_is_known(const struct fw_packet *p)
{
	return p->has_ports || (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP && !is_icmp(p));
}

bool fw_flow_is_error(const struct fw_packet *p)
{
	if (p->proto == IPPROTO_ICMPV6)
		return p->type >= ICMP6_DST_UNREACH && p->type <= ICMP6_PARAM_PROB;
	return p->proto == IPPROTO_ICMP &&
	       (p->type == ICMP_DEST_UNREACH || p->type == ICMP_TIME_EXCEEDED ||
		p->type == ICMP_PARAMETERPROB);
}

static __u64 read_word(const __u8 *bytes, int len)
{
	__u64 word = 0;

	while (len--)
		word = word << 8 | *bytes++;
	return word;
}

struct fw_flow fw_flow_get(const struct fw_packet *p)
{
	struct fw_flow flow = { .proto = p->proto, .is_ip6 = p->is_ip6 };

	if (p->is_ip6) {
		flow.addr[0] = read_word(p->source, 8);
		flow.addr[1] = read_word(p->source + 8, 8);
		flow.addr[2] = read_word(p->dest, 8);
		flow.addr[3] = read_word(p->dest + 8, 8);
	} else {
		flow.addr[0] = read_word(p->source, 4) << 32 | read_word(p->dest, 4);
	}
	if (p->has_ports && is_icmp(p))
		flow.ports = (__u32)p->type << 8 | p->code;
	else if (p->has_ports)
		flow.ports = (__u32)p->sport << 16 | p->dport;
	return flow;
}
