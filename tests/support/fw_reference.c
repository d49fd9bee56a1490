/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_reference.h"

#include <string.h>

#define TCP 6
#define UDP 17
#define ICMP 1
#define ICMP6 58

/* A packet as it can be read; what is not there is -1. */
struct reading {
	int family;
	const uint8_t *src, *dst;
	int proto;
	int sport, dport;
	int flags;
	int icmp_type, icmp_code;
	bool is_part, is_later;
	const uint8_t *payload;
	size_t payload_len;
	int hop_limit;
};

enum outcome {
	READ,
	NOT_IP,
	BAD,
};

static unsigned int get16(const uint8_t *at)
{
	return at[0] * 256U + at[1];
}

static enum outcome read_ip4(const uint8_t *ip, size_t len, struct reading *r)
{
	size_t header, total;

	if (len < 20 || ip[0] / 16 != 4)
		return BAD;
	header = (ip[0] % 16) * 4U;
	total = get16(ip + 2);
	if (header < 20 || total < header || total > len)
		return BAD;
	r->family = 4;
	r->src = ip + 12;
	r->dst = ip + 16;
	r->proto = ip[9];
	r->is_later = get16(ip + 6) & 0x1fff;
	r->is_part = r->is_later || (get16(ip + 6) & 0x2000);
	r->payload = ip + header;
	r->payload_len = total - header;
	return READ;
}

static bool is_extension(int proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60 ||
	       proto == 135;
}

/* At most six extension headers, and 1024 bytes of them. */
static enum outcome read_extensions(const uint8_t *end, struct reading *r)
{
	const uint8_t *first = r->payload;
	int headers = 0;

	while (is_extension(r->proto) && !r->is_later) {
		const uint8_t *at = r->payload;
		size_t len;

		if (++headers > 6 || end - at < 8)
			return BAD;
		len = r->proto == 44 ? 8 : r->proto == 51 ? (at[1] + 2) * 4U : (at[1] + 1) * 8U;
		if (len > r->payload_len)
			return BAD;
		if (r->proto == 44) {
			r->is_later = get16(at + 2) & 0xfff8;
			r->is_part = r->is_later || (get16(at + 2) & 1);
		}
		r->proto = at[0];
		r->payload += len;
		r->payload_len -= len;
		if (r->payload - first > 1024)
			return BAD;
	}
	return READ;
}

static enum outcome read_ip6(const uint8_t *ip, size_t len, struct reading *r)
{
	if (len < 40 || ip[0] / 16 != 6 || get16(ip + 4) > len - 40)
		return BAD;
	r->family = 6;
	r->src = ip + 8;
	r->dst = ip + 24;
	r->proto = ip[6];
	r->hop_limit = ip[7];
	r->payload = ip + 40;
	r->payload_len = get16(ip + 4);
	return read_extensions(ip + len, r);
}

static enum outcome read_transport(struct reading *r)
{
	const uint8_t *at = r->payload;

	if (r->is_later)
		return READ;
	if ((r->proto == ICMP || r->proto == ICMP6) && r->payload_len >= 4) {
		r->icmp_type = at[0];
		r->icmp_code = at[1];
	}
	if (r->proto != TCP && r->proto != UDP)
		return READ;
	if (r->payload_len < (r->proto == TCP ? 20 : 8))
		return BAD;
	r->sport = (int)get16(at);
	r->dport = (int)get16(at + 2);
	if (r->proto == TCP)
		r->flags = at[13];
	return READ;
}

static enum outcome read_frame(const uint8_t *frame, size_t len, struct reading *r)
{
	unsigned int type;
	size_t at = 14;
	int tags;
	enum outcome outcome;

	*r = (struct reading){
		.sport = -1, .dport = -1, .flags = -1, .icmp_type = -1, .icmp_code = -1
	};
	if (len < 14)
		return BAD;
	type = get16(frame + 12);
	for (tags = 0; type == 0x8100 || type == 0x88a8; tags++) {
		if (tags == 2 || len < at + 4)
			return BAD;
		type = get16(frame + at + 2);
		at += 4;
	}
	if (type != 0x0800 && type != 0x86dd)
		return NOT_IP;
	outcome = type == 0x0800 ? read_ip4(frame + at, len - at, r) :
				   read_ip6(frame + at, len - at, r);
	return outcome == READ ? read_transport(r) : outcome;
}

static bool is_in_prefix(const struct fw_reference_prefix *prefix, const uint8_t *addr)
{
	int bit;

	for (bit = 0; bit < prefix->len; bit++)
		if ((prefix->addr[bit / 8] ^ addr[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool is_in_ports(const struct fw_reference_ports *ports, int port)
{
	return ports->lo < 0 || (port >= ports->lo && port <= ports->hi);
}

static bool is_right_part(enum fw_reference_part part, const struct reading *r)
{
	return part == FW_ANY_PART || (part == FW_NO_PART && !r->is_part) ||
	       (part == FW_FIRST_PART && r->is_part && !r->is_later) ||
	       (part == FW_LATER_PART && r->is_later);
}

static bool is_match(const struct fw_reference_rule *rule, const struct reading *r,
		     unsigned int ifindex)
{
	if (rule->family && rule->family != r->family)
		return false;
	if (rule->proto >= 0 && rule->proto != r->proto)
		return false;
	if (rule->flags_mask && (r->flags < 0 || (r->flags & rule->flags_mask) != rule->flags))
		return false;
	if (rule->icmp_type >= 0 && rule->icmp_type != r->icmp_type)
		return false;
	if (rule->icmp_code >= 0 && rule->icmp_code != r->icmp_code)
		return false;
	if (rule->ifindex && rule->ifindex != ifindex)
		return false;
	return is_in_ports(&rule->dport, r->dport) && is_in_ports(&rule->sport, r->sport) &&
	       is_right_part(rule->part, r) && is_in_prefix(&rule->src, r->src) &&
	       is_in_prefix(&rule->dst, r->dst);
}

/* Neighbour discovery that did not come through a router passes where no rule says otherwise. */
static bool is_neighbour(const struct reading *r)
{
	return r->family == 6 && r->proto == ICMP6 && !r->is_later && r->payload_len >= 8 &&
	       r->hop_limit == 255 && r->payload[0] >= 133 && r->payload[0] <= 137;
}

enum fw_reference_verdict fw_reference_judge(const struct fw_reference_rule *rules, size_t count,
					     bool policy_accept, const uint8_t *frame, size_t len,
					     unsigned int ifindex, long *ret_rule)
{
	struct reading r;
	enum outcome outcome = read_frame(frame, len, &r);
	size_t i;

	*ret_rule = -1;
	if (outcome != READ)
		return outcome == NOT_IP ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
	for (i = 0; i < count; i++) {
		if (!is_match(&rules[i], &r, ifindex))
			continue;
		*ret_rule = (long)i;
		return rules[i].is_accept ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
	}
	return policy_accept || is_neighbour(&r) ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
}
