/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/decap_reference.h"

#include <arpa/inet.h>
#include <string.h>

#include "programs/decap/decap_abi.h"

#define IP_IN_IP 4
#define TCP 6
#define UDP 17
#define IP6_IN_IP 41
#define DEST_OPTIONS 60
#define TCP_OPTIONS_READ 15 /* that are looked at, padding included */

/* A frame, and where reading it has come to. */
struct reader {
	const uint8_t *frame;
	size_t len, at;
};

/* What an IP header said. */
struct ip {
	bool is_ok, is_ip6;
	const uint8_t *dest;
	unsigned int ecn, proto, offset; /* of a fragment, bytes */
	bool has_more;			 /* fragments behind this one */
	bool has_extra;			 /* options, or headers that no tunnel of Linux sends */
	size_t start, payload_at, payload_len;
};

static unsigned int two_bytes(const uint8_t *at)
{
	return (unsigned int)(at[0] << 8 | at[1]);
}

static bool is_tunnel(unsigned int proto)
{
	return proto == IP_IN_IP || proto == IP6_IN_IP;
}

static bool is_fragment(const struct ip *ip)
{
	return ip->offset || ip->has_more;
}

static struct ip read_ip4(const struct reader *reader)
{
	const uint8_t *head = reader->frame + reader->at;
	struct ip ip = { .start = reader->at };
	size_t left = reader->len - reader->at, head_len, total;

	if (left < 20)
		return ip;
	head_len = (head[0] & 15) * 4U;
	total = two_bytes(head + 2);
	if (head[0] >> 4 != 4 || head_len < 20 || total < head_len || total > left)
		return ip;
	ip.is_ok = true;
	ip.dest = head + 16;
	ip.ecn = head[1] & 3;
	ip.proto = head[9];
	ip.offset = (two_bytes(head + 6) & 0x1fff) * 8;
	ip.has_more = head[6] & 0x20;
	ip.has_extra = head_len > 20;
	ip.payload_at = reader->at + head_len;
	ip.payload_len = total - head_len;
	return ip;
}

static bool is_extension(unsigned int proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == DEST_OPTIONS ||
	       proto == 135;
}

/* One more of IPv6's headers is behind @ip; false: it is cut short. */
static bool read_extension(const struct reader *reader, struct ip *ip)
{
	const uint8_t *head = reader->frame + ip->payload_at;
	size_t len;

	if (ip->payload_at + 8 > reader->len)
		return false;
	len = (head[1] + 1U) * 8;
	if (ip->proto == 44) {
		len = 8;
		ip->offset = two_bytes(head + 2) & 0xfff8;
		ip->has_more = head[3] & 1;
	} else if (ip->proto == 51) {
		len = (head[1] + 2U) * 4;
	}
	if (len > ip->payload_len)
		return false;
	ip->has_extra = ip->has_extra || ip->proto != DEST_OPTIONS;
	ip->proto = head[0];
	ip->payload_at += len;
	ip->payload_len -= len;
	return true;
}

static struct ip read_ip6(const struct reader *reader)
{
	const uint8_t *head = reader->frame + reader->at;
	struct ip ip = { .is_ip6 = true, .start = reader->at };
	size_t left = reader->len - reader->at;
	unsigned int count = 0;

	if (left < 40 || head[0] >> 4 != 6 || two_bytes(head + 4) > left - 40)
		return ip;
	ip.dest = head + 24;
	ip.ecn = head[1] >> 4 & 3;
	ip.proto = head[6];
	ip.payload_at = reader->at + 40;
	ip.payload_len = two_bytes(head + 4);
	while (is_extension(ip.proto) && !ip.offset) {
		if (++count > 6 || !read_extension(reader, &ip) ||
		    ip.payload_at - ip.start - 40 > 1024)
			return ip;
	}
	ip.is_ok = true;
	return ip;
}

static bool is_in(const struct decap_reference_prefix *prefixes, const struct ip *ip)
{
	uint8_t addr[16];
	unsigned int bit;

	for (; prefixes->addr; prefixes++) {
		if (inet_pton(ip->is_ip6 ? AF_INET6 : AF_INET, prefixes->addr, addr) != 1)
			continue;
		for (bit = 0; bit < prefixes->len; bit++)
			if ((addr[bit / 8] ^ ip->dest[bit / 8]) & (0x80 >> bit % 8))
				break;
		if (bit == prefixes->len)
			return true;
	}
	return false;
}

/* Ethernet and two tags; the type behind them, or 0. */
static unsigned int read_link(struct reader *reader)
{
	unsigned int type, tags;

	if (reader->len < 14)
		return 0;
	type = two_bytes(reader->frame + 12);
	reader->at = 14;
	for (tags = 0; type == 0x8100 || type == 0x88a8; tags++) {
		if (tags == 2 || reader->at + 4 > reader->len)
			return 0;
		type = two_bytes(reader->frame + reader->at + 2);
		reader->at += 4;
	}
	return type;
}

/* What stands behind UDP and GUE becomes @outer's payload; otherwise the reason. */
static int read_gue(const struct reader *reader, struct ip *outer)
{
	const uint8_t *udp = reader->frame + outer->payload_at, *gue = udp + 8;
	size_t left = reader->len - outer->payload_at, udp_len, len = 0;

	udp_len = two_bytes(udp + 4);
	if (udp_len > outer->payload_len || left < 9)
		return DECAP_BAD_GUE;
	if (gue[0] >> 6 == 0) {
		if (left < 12)
			return DECAP_BAD_GUE;
		if (gue[0] & 0x20)
			return DECAP_GUE_CONTROL;
		outer->proto = gue[1];
		len = 4 + (gue[0] & 31) * 4U;
	} else {
		outer->proto = gue[0] >> 4 == 4 ? IP_IN_IP : gue[0] >> 4 == 6 ? IP6_IN_IP : 0;
	}
	if (!is_tunnel(outer->proto) || udp_len < 8 + len)
		return DECAP_BAD_GUE;
	outer->payload_at += 8 + len;
	outer->payload_len = udp_len - 8 - len;
	return 0;
}

/* The id in the TCP header at @at, whatever it is; -1: there is none. */
static long long read_id(const struct reader *reader, size_t at)
{
	const uint8_t *tcp = reader->frame + at;
	size_t end, option = 20;
	uint32_t id;

	if (at + 20 > reader->len || tcp[13] & 2)
		return -1;
	end = (tcp[12] >> 4) * 4U;
	for (int i = 0; i < TCP_OPTIONS_READ && option < end; i++) {
		if (at + option + 2 > reader->len || tcp[option] == 0)
			return -1;
		if (tcp[option] == 0xb7) {
			if (option + 6 > end || tcp[option + 1] != 6 ||
			    at + option + 6 > reader->len)
				return -1;
			memcpy(&id, tcp + option + 2, sizeof(id));
			return id ? (long long)id : -1;
		}
		if (tcp[option] != 1 && tcp[option + 1] < 2)
			return -1;
		option += tcp[option] == 1 ? 1 : tcp[option + 1];
	}
	return -1;
}

static int judge_inner(const struct decap_reference *reference, struct reader *reader,
		       const struct ip *outer, struct decap_reference_answer *answer)
{
	struct ip inner;
	long long id;

	reader->at = outer->payload_at;
	inner = outer->proto == IP_IN_IP ? read_ip4(reader) : read_ip6(reader);
	if (!inner.is_ok ||
	    inner.payload_at + inner.payload_len > outer->payload_at + outer->payload_len)
		return DECAP_BAD_INNER;
	if (reference->served && !is_in(reference->served, &inner))
		return DECAP_NOT_SERVED;
	if (is_tunnel(inner.proto))
		return DECAP_NESTED;
	if (outer->ecn == 3 && inner.ecn == 0)
		return DECAP_CONGESTED;
	answer->is_marked = outer->ecn == 3;
	answer->is_inner6 = inner.is_ip6;
	if (!reference->id || inner.proto != TCP || is_fragment(&inner))
		return 0;
	id = read_id(reader, inner.payload_at);
	answer->has_id = id >= 0;
	answer->is_misrouted = id >= 0 && id != reference->id;
	return 0;
}

static int judge_outer(const struct decap_reference *reference, struct reader *reader,
		       struct ip *outer, struct decap_reference_answer *answer)
{
	bool is_gue = outer->proto == UDP && reference->gue_port && !outer->offset &&
		      outer->payload_len >= 8 &&
		      two_bytes(reader->frame + outer->payload_at + 2) == reference->gue_port;
	static const int kinds[2][2][2] = {
		{ { DECAP_IP4_IN_IP4, DECAP_IP6_IN_IP4 }, { DECAP_IP4_IN_IP6, DECAP_IP6_IN_IP6 } },
		{ { DECAP_GUE4_IN_IP4, DECAP_GUE6_IN_IP4 },
		  { DECAP_GUE4_IN_IP6, DECAP_GUE6_IN_IP6 } },
	};
	int reason = 0;

	if (!is_gue && !is_tunnel(outer->proto))
		return -1;
	if (!is_in(reference->ends, outer))
		return DECAP_NOT_LOCAL;
	if (is_fragment(outer))
		return DECAP_FRAGMENT;
	if (outer->has_extra)
		return DECAP_OPTIONS;
	if (is_gue)
		reason = read_gue(reader, outer);
	if (!reason)
		reason = judge_inner(reference, reader, outer, answer);
	return reason ? reason : kinds[is_gue][outer->is_ip6][answer->is_inner6];
}

static bool is_dropped_by_strict(int counter)
{
	return counter == DECAP_BAD_INNER || counter == DECAP_FRAGMENT ||
	       counter == DECAP_OPTIONS || counter == DECAP_NESTED || counter == DECAP_NOT_SERVED ||
	       counter == DECAP_BAD_GUE;
}

void decap_reference_judge(const struct decap_reference *reference, const uint8_t *frame,
			   size_t len, struct decap_reference_answer *ret_answer)
{
	struct reader reader = { .frame = frame, .len = len };
	struct decap_reference_answer answer = { .counter = -1 };
	unsigned int type = read_link(&reader);
	struct ip outer;

	*ret_answer = answer;
	if (type != 0x0800 && type != 0x86dd)
		return;
	outer = type == 0x0800 ? read_ip4(&reader) : read_ip6(&reader);
	answer.cut_at = outer.start;
	answer.counter = DECAP_BAD_OUTER;
	if (outer.is_ok)
		answer.counter = judge_outer(reference, &reader, &outer, &answer);
	if (answer.counter >= 0 && answer.counter < DECAP_FIRST_LEFT) {
		answer.cut = outer.payload_at - outer.start;
		*ret_answer = answer;
		return;
	}
	ret_answer->counter = answer.counter;
	if (reference->is_strict && is_dropped_by_strict(answer.counter))
		ret_answer->counter += DECAP_TO_STRICT;
}

/* RFC 6040, and RFC 1624 for IPv4's checksum. */
static void mark(uint8_t *ip, bool is_ip6)
{
	unsigned int before = two_bytes(ip), sum;

	if (is_ip6) {
		ip[1] |= 0x30;
		return;
	}
	ip[1] |= 3;
	sum = (0xffff ^ two_bytes(ip + 10)) + (0xffff ^ before) + two_bytes(ip);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = 0xffff ^ ((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

size_t decap_reference_apply(const struct decap_reference_answer *answer, uint8_t *frame,
			     size_t len)
{
	if (!answer->cut)
		return len;
	memmove(frame + answer->cut_at, frame + answer->cut_at + answer->cut,
		len - answer->cut_at - answer->cut);
	frame[answer->cut_at - 2] = answer->is_inner6 ? 0x86 : 0x08;
	frame[answer->cut_at - 1] = answer->is_inner6 ? 0xdd : 0x00;
	if (answer->is_marked)
		mark(frame + answer->cut_at, answer->is_inner6);
	return len - answer->cut;
}
