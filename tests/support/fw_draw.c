/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_draw.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/draw.h"

#define TCP 6
#define UDP 17
#define ICMP 1
#define ICMP6 58
#define SCTP 132

uint32_t fw_draw_below(struct fw_draw *draw, uint32_t below)
{
	return draw_below(&draw->seed, below);
}

static bool is_one_of(struct fw_draw *draw, uint32_t count)
{
	return !fw_draw_below(draw, count);
}

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void fill(struct fw_draw *draw, uint8_t *at, size_t len)
{
	while (len--)
		*at++ = (uint8_t)draw_number(&draw->seed);
}

/* Few networks, so that rules lie in one another. */
static void draw_prefix(struct fw_draw *draw, int family, struct fw_reference_prefix *ret_prefix)
{
	static const uint8_t net4[] = { 198, 51, 100 };
	static const uint8_t net6[] = { 0x20, 0x01, 0x0d, 0xb8 };
	int bits = family == 4 ? 32 : 128, bit;
	uint8_t *addr = ret_prefix->addr;

	fill(draw, addr, 16);
	if (!is_one_of(draw, 8)) {
		memcpy(addr, family == 4 ? net4 : net6, family == 4 ? 3 : 4);
		addr[family == 4 ? 2 : 7] = (uint8_t)fw_draw_below(draw, 4);
	}
	ret_prefix->len = is_one_of(draw, 3) ? bits :
			  is_one_of(draw, 2) ? (int)fw_draw_below(draw, (uint32_t)bits + 1) :
					       bits * 3 / 4;
	for (bit = ret_prefix->len; bit < 128; bit++)
		addr[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}

static struct fw_reference_ports draw_ports(struct fw_draw *draw)
{
	static const uint16_t known[] = { 22, 25, 53, 80, 123, 443, 8080, 0 };
	int lo;

	switch (fw_draw_below(draw, 6)) {
	case 0:
		return (struct fw_reference_ports){ .lo = -1, .hi = -1 };
	case 1:
		lo = (int)fw_draw_below(draw, 65536);
		return (struct fw_reference_ports){
			.lo = lo, .hi = lo + (int)fw_draw_below(draw, 65536U - (uint32_t)lo)
		};
	case 2:
		return (struct fw_reference_ports){ .lo = 1024, .hi = 65535 };
	default:
		lo = known[fw_draw_below(draw, 8)];
		return (struct fw_reference_ports){ .lo = lo, .hi = lo };
	}
}

static void draw_transport(struct fw_draw *draw, struct fw_reference_rule *rule)
{
	static const int protos[] = { TCP, TCP, TCP, UDP, UDP, ICMP, ICMP6, SCTP, -1 };

	rule->proto = protos[fw_draw_below(draw, 9)];
	if (rule->proto == TCP || rule->proto == UDP) {
		rule->dport = draw_ports(draw);
		if (is_one_of(draw, 4))
			rule->sport = draw_ports(draw);
	}
	if (rule->proto == TCP && is_one_of(draw, 3)) {
		rule->flags_mask = (uint8_t)(1 + fw_draw_below(draw, 255));
		rule->flags = (uint8_t)(draw_number(&draw->seed) & rule->flags_mask);
	}
	if (rule->proto == ICMP || rule->proto == ICMP6) {
		rule->icmp_type = is_one_of(draw, 4) ? -1 :
						       (int)(128 + fw_draw_below(draw, 12)) % 140;
		if (rule->icmp_type >= 0 && is_one_of(draw, 2))
			rule->icmp_code = (int)fw_draw_below(draw, 4);
	}
}

/* What the language would refuse: fields that no packet has together. */
static void make_sound(struct fw_reference_rule *rule)
{
	if (rule->dport.lo >= 0 && rule->proto != TCP && rule->proto != UDP)
		rule->proto = -1;
	if (rule->proto != ICMP && rule->proto != ICMP6)
		rule->icmp_type = rule->icmp_code = -1;
	if (rule->icmp_type >= 0 && rule->family != (rule->proto == ICMP ? 4 : 6)) {
		rule->family = rule->proto == ICMP ? 4 : 6;
		rule->src.len = rule->dst.len = -1;
	}
	if (rule->part == FW_LATER_PART && (rule->dport.lo >= 0 || rule->sport.lo >= 0 ||
					    rule->flags_mask || rule->icmp_type >= 0))
		rule->part = FW_FIRST_PART;
}

void fw_draw_rule(struct fw_draw *draw, struct fw_reference_rule *ret_rule)
{
	struct fw_reference_rule rule = {
		.src.len = -1,
		.dst.len = -1,
		.dport.lo = -1,
		.sport.lo = -1,
		.icmp_type = -1,
		.icmp_code = -1,
		.is_accept = is_one_of(draw, 2),
	};

	rule.family = is_one_of(draw, 10) ? 0 : is_one_of(draw, 2) ? 4 : 6;
	if (rule.family && !is_one_of(draw, 4))
		draw_prefix(draw, rule.family, &rule.src);
	if (rule.family && !is_one_of(draw, 4))
		draw_prefix(draw, rule.family, &rule.dst);
	draw_transport(draw, &rule);
	if (is_one_of(draw, 8))
		rule.part = (enum fw_reference_part)(1 + fw_draw_below(draw, 3));
	if (is_one_of(draw, 8))
		rule.ifindex = 1 + fw_draw_below(draw, 2);
	/* Rules for everything would leave nothing to those behind them. */
	if (rule.src.len < 8 && rule.dst.len < 8 && !rule.flags_mask && rule.dport.lo < 0)
		rule.dport = (struct fw_reference_ports){ .lo = (int)fw_draw_below(draw, 1000) };
	if (rule.dport.lo >= 0 && rule.dport.hi < rule.dport.lo)
		rule.dport.hi = rule.dport.lo;
	make_sound(&rule);
	*ret_rule = rule;
}

void fw_draw_range_rule(struct fw_draw *draw, struct fw_reference_rule *ret_rule)
{
	static const int starts[] = { 0, 1024, 2048, 32768 };
	static const int protos[] = { TCP, TCP, UDP, -1 };
	struct fw_reference_ports ports = { .lo = starts[fw_draw_below(draw, 4)] };
	struct fw_reference_rule rule = {
		.src.len = -1,
		.dst.len = -1,
		.dport.lo = -1,
		.sport.lo = -1,
		.icmp_type = -1,
		.icmp_code = -1,
		.proto = protos[fw_draw_below(draw, 4)],
		.is_accept = is_one_of(draw, 2),
	};

	ports.hi = ports.lo + (int)fw_draw_below(draw, 65536U - (uint32_t)ports.lo);
	if (is_one_of(draw, 2))
		ports.lo = ports.hi = (int)fw_draw_below(draw, 128) * 512;
	if (is_one_of(draw, 4)) {
		rule.family = 4;
		draw_prefix(draw, 4, &rule.src);
	}
	if (is_one_of(draw, 8)) {
		rule.proto = ICMP;
		rule.icmp_type = (int)fw_draw_below(draw, 16);
	} else if (is_one_of(draw, 5)) {
		rule.sport = ports;
	} else {
		rule.dport = ports;
	}
	make_sound(&rule);
	*ret_rule = rule;
}

static void print_prefix(FILE *out, const char *what, int family,
			 const struct fw_reference_prefix *prefix)
{
	char text[INET6_ADDRSTRLEN];

	if (prefix->len >= 0)
		fprintf(out, "%s %s %s/%d ", family == 4 ? "ip" : "ip6", what,
			inet_ntop(family == 4 ? AF_INET : AF_INET6, prefix->addr, text,
				  sizeof(text)),
			prefix->len);
}

static void print_ports(FILE *out, const char *what, int proto,
			const struct fw_reference_ports *ports)
{
	const char *of = proto == TCP ? "tcp" : proto == UDP ? "udp" : "th";

	if (ports->lo >= 0 && ports->lo == ports->hi)
		fprintf(out, "%s %s %d ", of, what, ports->lo);
	else if (ports->lo >= 0)
		fprintf(out, "%s %s %d-%d ", of, what, ports->lo, ports->hi);
}

static void print_flags(FILE *out, uint8_t flags)
{
	static const char *const names[] = {
		"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"
	};
	const char *between = "";
	int bit;

	for (bit = 0; bit < 8; bit++) {
		if (!(flags >> bit & 1))
			continue;
		fprintf(out, "%s%s", between, names[bit]);
		between = "|";
	}
	fputs(flags ? "" : "0", out);
}

static void print_transport(FILE *out, const struct fw_reference_rule *rule)
{
	const char *icmp = rule->proto == ICMP ? "icmp" : "icmpv6";

	print_ports(out, "dport", rule->proto, &rule->dport);
	print_ports(out, "sport", rule->proto, &rule->sport);
	if (rule->flags_mask) {
		fputs("tcp flags & (", out);
		print_flags(out, rule->flags_mask);
		fputs(") == ", out);
		print_flags(out, rule->flags);
		fputc(' ', out);
	}
	if (rule->icmp_type >= 0)
		fprintf(out, "%s type %d ", icmp, rule->icmp_type);
	if (rule->icmp_code >= 0)
		fprintf(out, "%s code %d ", icmp, rule->icmp_code);
}

void fw_draw_print(const struct fw_reference_rule *rule, const char *const *interfaces,
		   char text[FW_DRAW_LINE_MAX])
{
	static const char *const parts[] = {
		[FW_NO_PART] = "no",
		[FW_FIRST_PART] = "first",
		[FW_LATER_PART] = "later",
	};
	FILE *out = fmemopen(text, FW_DRAW_LINE_MAX, "w");

	if (!out)
		abort();
	if (rule->family)
		fprintf(out, "meta nfproto ipv%d ", rule->family);
	print_prefix(out, "saddr", rule->family, &rule->src);
	print_prefix(out, "daddr", rule->family, &rule->dst);
	if (rule->proto >= 0)
		fprintf(out, "meta l4proto %d ", rule->proto);
	print_transport(out, rule);
	if (rule->part)
		fprintf(out, "frag %s ", parts[rule->part]);
	if (rule->ifindex)
		fprintf(out, "iifname %s ", interfaces[rule->ifindex]);
	fprintf(out, "%s\n", rule->is_accept ? "accept" : "drop");
	if (fclose(out))
		abort();
}

static uint8_t *put_address(struct fw_draw *draw, uint8_t *at,
			    const struct fw_reference_prefix *prefix, int bytes)
{
	uint8_t any[16];
	int bit;

	fill(draw, any, sizeof(any));
	memcpy(at, prefix->addr, (size_t)bytes);
	for (bit = prefix->len < 0 ? 0 : prefix->len; bit < bytes * 8; bit++) {
		at[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
		at[bit / 8] |= (uint8_t)(any[bit / 8] & 0x80 >> bit % 8);
	}
	if (is_one_of(draw, 12))
		at[fw_draw_below(draw, (uint32_t)bytes)] ^= (uint8_t)(1 << fw_draw_below(draw, 8));
	return at + bytes;
}

static uint16_t draw_port(struct fw_draw *draw, const struct fw_reference_ports *ports)
{
	if (ports->lo < 0 || is_one_of(draw, 12))
		return (uint16_t)draw_number(&draw->seed);
	switch (fw_draw_below(draw, 8)) {
	case 0:
		return (uint16_t)(ports->lo - 1);
	case 1:
		return (uint16_t)(ports->hi + 1);
	case 2:
		return (uint16_t)ports->hi;
	case 3:
		return (uint16_t)ports->lo;
	default:
		return (uint16_t)(ports->lo +
				  (int)fw_draw_below(draw, (uint32_t)(ports->hi - ports->lo) + 1));
	}
}

static uint8_t *put_transport(struct fw_draw *draw, const struct fw_reference_rule *rule, int proto,
			      uint8_t *at)
{
	size_t len = proto == TCP ? 20 : 8;

	fill(draw, at, len + 64);
	if (proto == TCP || proto == UDP || proto == SCTP) {
		put16(at, draw_port(draw, &rule->sport));
		put16(at + 2, draw_port(draw, &rule->dport));
	}
	if (proto == TCP && !is_one_of(draw, 4))
		at[13] = (uint8_t)((at[13] & ~rule->flags_mask) | rule->flags);
	if ((proto == ICMP || proto == ICMP6) && !is_one_of(draw, 4)) {
		at[0] = (uint8_t)(rule->icmp_type < 0 ? at[0] : rule->icmp_type);
		at[1] = (uint8_t)(rule->icmp_code < 0 ? at[1] & 3 : rule->icmp_code);
	}
	return at + len + fw_draw_below(draw, 64);
}

/* Parts as often as rules ask for them, whatever this rule asks. */
static enum fw_reference_part draw_part(struct fw_draw *draw, const struct fw_reference_rule *rule)
{
	if (rule->part != FW_ANY_PART && !is_one_of(draw, 4))
		return rule->part;
	return is_one_of(draw, 8) ? (enum fw_reference_part)(2 + fw_draw_below(draw, 2)) :
				    FW_NO_PART;
}

static uint8_t *put_ip4(struct fw_draw *draw, const struct fw_reference_rule *rule, int proto,
			uint8_t *ip)
{
	enum fw_reference_part part = draw_part(draw, rule);
	size_t options = is_one_of(draw, 8) ? 4 * fw_draw_below(draw, 11) : 0;
	uint8_t *end;

	memset(ip, 0, 20);
	ip[0] = (uint8_t)(0x45 + options / 4);
	put16(ip + 6,
	      (part == FW_LATER_PART ? 1 + fw_draw_below(draw, 100) : 0) |
		      (part == FW_FIRST_PART || (part == FW_LATER_PART && is_one_of(draw, 2)) ?
			       0x2000 :
			       0) |
		      (is_one_of(draw, 2) ? 0x4000 : 0));
	ip[8] = 64;
	ip[9] = (uint8_t)proto;
	put_address(draw, put_address(draw, ip + 12, &rule->src, 4), &rule->dst, 4);
	memset(ip + 20, 1, options);
	end = put_transport(draw, rule, proto, ip + 20 + options);
	put16(ip + 2, (size_t)(end - ip));
	return end;
}

/* An extension header at @at; @next is where its type stands. */
static uint8_t *put_extension(struct fw_draw *draw, int type, uint8_t **next, uint8_t *at)
{
	size_t units = type == 44 ? 0 : fw_draw_below(draw, 3), len = (units + 1) * 8;

	**next = (uint8_t)type;
	*next = at;
	memset(at, 0, len + 8);
	at[1] = (uint8_t)units;
	if (type != 51)
		return at + len;
	at[1] = (uint8_t)(1 + units);
	return at + (units + 3) * 4;
}

static uint8_t *put_extensions(struct fw_draw *draw, enum fw_reference_part part, uint8_t **next,
			       uint8_t *at)
{
	static const uint8_t types[] = { 0, 43, 60, 135, 51 };
	uint32_t count = is_one_of(draw, 6) ? fw_draw_below(draw, 8) : 0;

	while (count--)
		at = put_extension(draw, types[fw_draw_below(draw, 5)], next, at);
	if (part == FW_NO_PART)
		return at;
	at = put_extension(draw, 44, next, at);
	put16(at - 6, (part == FW_LATER_PART ? 8 * (1 + fw_draw_below(draw, 100)) : 0) |
			      (part == FW_FIRST_PART || is_one_of(draw, 2)));
	return at;
}

static uint8_t *put_ip6(struct fw_draw *draw, const struct fw_reference_rule *rule, int proto,
			uint8_t *ip)
{
	uint8_t *next = ip + 6, *at;

	memset(ip, 0, 40);
	ip[0] = 0x60;
	ip[7] = is_one_of(draw, 3) ? 255 : 64;
	put_address(draw, put_address(draw, ip + 8, &rule->src, 16), &rule->dst, 16);
	at = put_extensions(draw, draw_part(draw, rule), &next, ip + 40);
	*next = (uint8_t)proto;
	at = put_transport(draw, rule, proto, at);
	put16(ip + 4, (size_t)(at - ip - 40));
	return at;
}

static uint8_t *put_ethernet(struct fw_draw *draw, bool is_ip4, uint8_t *frame)
{
	uint32_t tags = is_one_of(draw, 6) ? fw_draw_below(draw, 4) : 0;
	uint8_t *at = frame + 12;

	memset(frame, 2, 12);
	for (; tags; tags--, at += 4) {
		put16(at, is_one_of(draw, 2) ? 0x8100 : 0x88a8);
		put16(at + 2, fw_draw_below(draw, 4096));
	}
	put16(at, is_one_of(draw, 100) ? 0x0806 : is_ip4 ? 0x0800 : 0x86dd);
	return at + 2;
}

static size_t spoil(struct fw_draw *draw, uint8_t *frame, size_t len)
{
	uint32_t changes = fw_draw_below(draw, 4);

	/* Headers are at the beginning, and most that can go wrong with them. */
	while (changes--)
		frame[12 + fw_draw_below(draw, len < 100 ? (uint32_t)len - 12 : 88)] =
			(uint8_t)draw_number(&draw->seed);
	if (!is_one_of(draw, 3))
		len = 14 + fw_draw_below(draw, (uint32_t)len - 13);
	if (is_one_of(draw, 8)) {
		fill(draw, frame + len, 32);
		len += fw_draw_below(draw, 32);
	}
	return len;
}

size_t fw_draw_frame(struct fw_draw *draw, const struct fw_reference_rule *rule, bool is_spoiled,
		     uint8_t frame[FW_DRAW_FRAME_MAX])
{
	static const int protos[] = { TCP, UDP, ICMP, ICMP6, SCTP, 47, 50, 4 };
	bool is_ip4 = rule->family ? rule->family == 4 : is_one_of(draw, 2);
	int proto = rule->proto >= 0 && !is_one_of(draw, 16) ? rule->proto :
							       protos[fw_draw_below(draw, 8)];
	uint8_t *ip = put_ethernet(draw, is_ip4, frame);
	uint8_t *end = is_ip4 ? put_ip4(draw, rule, proto, ip) : put_ip6(draw, rule, proto, ip);
	size_t len = (size_t)(end - frame);

	return is_spoiled ? spoil(draw, frame, len) : len;
}
