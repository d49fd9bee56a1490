/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/model/lb_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "programs/lb/lb_abi.h"

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static const char *const encaps[LB_ENCAPS] = {
	[LB_IPIP] = "ipip",
	[LB_GUE] = "gue",
	[LB_L2] = "l2",
	[LB_REWRITE] = "rewrite",
};
static const char *const tables[LB_TABLES] = {
	[LB_TABLE_FLOWS] = "flows",
	[LB_TABLE_TRANSITIONS] = "transitions",
};
static const char *const rings[LB_RING_KINDS] = {
	[LB_MAGLEV1] = "maglev1",
	[LB_MAGLEV2] = "maglev2",
	[LB_HRW] = "hrw",
};

const struct lb_choice_of lb_encap_words = { "encap", encaps, COUNT_OF(encaps) };
const struct lb_choice_of lb_table_words = { "table", tables, COUNT_OF(tables) };
const struct lb_choice_of lb_ring_words = { "ring", rings, COUNT_OF(rings) };

/* By bit; the second is Katran's name. */
static const char *const flags_names[][2] = {
	{ "no-source-port", "NO_SPORT" },
	{ "no-table", "NO_LRU" },
	{ "quic", "QUIC_VIP" },
	{ "destination-port", "DPORT_HASH" },
	{ "source-routing", "SRC_ROUTING" },
	{ "local", "LOCAL_VIP" },
	{ "global-table", "GLOBAL_LRU" },
	{ "both-ports", "HASH_SRC_DST_PORT" },
	{ "stable-routing", "UDP_STABLE_ROUTING" },
	{ "flow-migration", "UDP_FLOW_MIGRATION" },
};
_Static_assert((1 << COUNT_OF(flags_names)) - 1 == LB_VIP_FLAGS, "every flag has a name");

static size_t address_size(const struct lb_host *addr)
{
	return addr->is_ip6 ? 16 : 4;
}

static bool is_mapped(const struct lb_host *addr)
{
	struct in6_addr in6;

	memcpy(&in6, addr->bytes, sizeof(in6));
	return addr->is_ip6 && IN6_IS_ADDR_V4MAPPED(&in6);
}

static bool is_zero(const struct lb_host *addr)
{
	static const __u8 zero[16];

	return !memcmp(addr->bytes, zero, sizeof(zero));
}

/* The @len bytes at @text. */
static int parse_bytes(const char *text, size_t len, struct lb_host *ret_addr)
{
	char copy[INET6_ADDRSTRLEN];
	struct lb_host addr = { .is_ip6 = memchr(text, ':', len) };

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(addr.is_ip6 ? AF_INET6 : AF_INET, copy, addr.bytes) != 1 || is_mapped(&addr))
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

int lb_address_parse(const char *text, struct slot_reason *why, struct lb_host *ret_addr)
{
	struct lb_host addr;

	if (parse_bytes(text, strlen(text), &addr) || is_zero(&addr))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected an address such as 192.0.2.1 or "
				       "2001:db8::1",
				       text);
	*ret_addr = addr;
	return 0;
}

void lb_address_format(const struct lb_host *addr, char ret_text[LB_WORDS_MAX])
{
	inet_ntop(addr->is_ip6 ? AF_INET6 : AF_INET, addr->bytes, ret_text, LB_WORDS_MAX);
}

int lb_address_compare(const struct lb_host *a, const struct lb_host *b)
{
	if (a->is_ip6 != b->is_ip6)
		return a->is_ip6 - b->is_ip6;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Clears the bits of @addr behind @len. Returns whether any was set. */
static bool mask_address(struct lb_host *addr, __u32 len)
{
	bool is_set = false;

	for (__u32 i = 0; i < address_size(addr); i++) {
		__u32 kept = len > i * 8 ? len - i * 8 : 0;
		__u8 mask = kept >= 8 ? 0xff : (__u8)(0xff << (8 - kept));

		is_set |= addr->bytes[i] & ~mask;
		addr->bytes[i] &= mask;
	}
	return is_set;
}

/* Decimal digits only; strtoul() takes signs and blanks as well. */
static bool parse_digits(const char *text, size_t len, __u32 max, __u32 *ret_number)
{
	__u64 number = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (__u64)(text[i] - '0');
		if (number > max)
			return false;
	}
	*ret_number = (__u32)number;
	return true;
}

int lb_number_parse(const char *text, const char *what, const __u32 range[2],
		    struct slot_reason *why, __u32 *ret_number)
{
	__u32 number;

	if (!parse_digits(text, strlen(text), range[1], &number) || number < range[0])
		return slot_reason_set(why, -EINVAL, "'%.80s': %s is a number from %u to %u", text,
				       what, range[0], range[1]);
	*ret_number = number;
	return 0;
}

/* The @len bytes at @text. @err_text is what messages show. */
static int parse_prefix(const char *text, size_t len, struct slot_reason *why,
			struct lb_prefix *ret_prefix)
{
	const char *slash = memchr(text, '/', len);
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	struct lb_prefix prefix = {};
	__u32 bits;

	if (parse_bytes(text, addr_len, &prefix.addr))
		return slot_reason_set(why, -EINVAL,
				       "'%.*s': expected an address or a prefix such as "
				       "192.0.2.0/24 or 2001:db8::/32",
				       (int)(len < 80 ? len : 80), text);
	bits = (__u32)address_size(&prefix.addr) * 8;
	if (slash && !parse_digits(slash + 1, len - addr_len - 1, bits, &bits))
		return slot_reason_set(why, -EINVAL,
				       "'%.*s': the prefix length is a number from 0 to %u",
				       (int)(len < 80 ? len : 80), text, bits);
	if (mask_address(&prefix.addr, bits))
		return slot_reason_set(why, -EINVAL, "'%.*s': has bits set behind its prefix",
				       (int)(len < 80 ? len : 80), text);
	prefix.len = (__u8)bits;
	*ret_prefix = prefix;
	return 0;
}

int lb_prefix_parse(const char *text, struct slot_reason *why, struct lb_prefix *ret_prefix)
{
	return parse_prefix(text, strlen(text), why, ret_prefix);
}

bool lb_prefix_is_address(const struct lb_prefix *prefix)
{
	return prefix->len == address_size(&prefix->addr) * 8;
}

void lb_prefix_format(const struct lb_prefix *prefix, char ret_text[LB_WORDS_MAX])
{
	size_t len;

	lb_address_format(&prefix->addr, ret_text);
	len = strlen(ret_text);
	if (!lb_prefix_is_address(prefix))
		snprintf(ret_text + len, LB_WORDS_MAX - len, "/%u", prefix->len);
}

int lb_prefix_compare(const struct lb_prefix *a, const struct lb_prefix *b)
{
	int order = lb_address_compare(&a->addr, &b->addr);

	return order ? order : a->len - b->len;
}

bool lb_prefix_overlaps(const struct lb_prefix *a, const struct lb_prefix *b)
{
	const struct lb_prefix *wide = a->len < b->len ? a : b, *narrow = wide == a ? b : a;
	struct lb_host addr = narrow->addr;

	mask_address(&addr, wide->len);
	return !lb_address_compare(&addr, &wide->addr);
}

static int refuse_name(const char *text, struct slot_reason *why)
{
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected a VIP such as tcp/192.0.2.1:80, "
			       "udp/[2001:db8::1]:443 or tcp/198.51.100.0/24",
			       text);
}

/* Where the address ends and the port, if any, begins. */
static bool split_name(const char *addr, size_t *ret_len, const char **ret_port)
{
	const char *end = strchr(addr, ']'), *colon = strchr(addr, ':');

	if (*addr == '[') {
		if (!end || (end[1] && end[1] != ':'))
			return false;
		*ret_len = (size_t)(end - addr - 1);
		*ret_port = end[1] ? end + 2 : NULL;
		return true;
	}
	/* IPv6 without brackets: its last group could be meant as the port. */
	if (colon && strchr(colon + 1, ':'))
		return false;
	*ret_len = colon ? (size_t)(colon - addr) : strlen(addr);
	*ret_port = colon ? colon + 1 : NULL;
	return true;
}

int lb_vip_name_parse(const char *text, struct slot_reason *why, struct lb_vip_name *ret_name)
{
	bool is_tcp = !strncmp(text, "tcp/", 4);
	struct lb_vip_name name = { .proto = is_tcp ? IPPROTO_TCP : IPPROTO_UDP };
	const char *addr = text + 4, *port;
	__u32 number = 0;
	size_t len;
	int err;

	if ((!is_tcp && strncmp(text, "udp/", 4) != 0) || !split_name(addr, &len, &port))
		return refuse_name(text, why);
	if (port && (!parse_digits(port, strlen(port), 65535, &number) || !number))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': a port is a number from 1 to 65535; without one "
				       "the VIP has all ports",
				       text);
	err = parse_prefix(addr + (*addr == '['), len, why, &name.prefix);
	if (err)
		return err;
	if (is_zero(&name.prefix.addr) && lb_prefix_is_address(&name.prefix))
		return refuse_name(text, why);
	name.port = (__u16)number;
	*ret_name = name;
	return 0;
}

void lb_vip_name_format(const struct lb_vip_name *name, char ret_text[LB_WORDS_MAX])
{
	const char *proto = name->proto == IPPROTO_TCP ? "tcp" : "udp";
	bool has_brackets = name->prefix.addr.is_ip6;
	char prefix[LB_WORDS_MAX], port[8] = "";

	lb_prefix_format(&name->prefix, prefix);
	if (name->port)
		snprintf(port, sizeof(port), ":%u", name->port);
	snprintf(ret_text, LB_WORDS_MAX, "%s/%s%.60s%s%s", proto, has_brackets ? "[" : "", prefix,
		 has_brackets ? "]" : "", port);
}

int lb_vip_name_compare(const struct lb_vip_name *a, const struct lb_vip_name *b)
{
	int order = lb_prefix_compare(&a->prefix, &b->prefix);

	if (!order)
		order = a->proto - b->proto;
	return order ? order : a->port - b->port;
}

int lb_mac_parse(const char *text, struct slot_reason *why, __u8 ret_mac[6])
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	__u8 mac[6] = {};

	for (int i = 0; i < 17; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (i % 3 == 2 ? text[i] != ':' : !digit)
			goto wrong;
		if (i % 3 != 2)
			mac[i / 3] = (__u8)(mac[i / 3] << 4 | ((digit - digits) & 15));
	}
	if (text[17] || mac[0] & 1)
		goto wrong;
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
wrong:
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected the MAC address of a host such as "
			       "02:00:00:00:00:01",
			       text);
}

void lb_mac_format(const __u8 mac[6], char ret_text[LB_MAC_MAX])
{
	snprintf(ret_text, LB_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
}

int lb_choice_parse(const struct lb_choice_of *choice, const char *text, struct slot_reason *why,
		    __u8 *ret_value)
{
	for (size_t i = 0; i < choice->count; i++) {
		if (!strcmp(text, choice->words[i])) {
			*ret_value = (__u8)i;
			return 0;
		}
	}
	slot_reason_set(why, -EINVAL, "'%.80s': %s is", text, choice->what);
	for (size_t i = 0; i < choice->count; i++)
		slot_reason_append(why, -EINVAL, "%s %s", i ? " or" : "", choice->words[i]);
	return -EINVAL;
}

int lb_flag_parse(const char *text, struct slot_reason *why, __u32 *ret_flag)
{
	for (unsigned int i = 0; i < COUNT_OF(flags_names); i++) {
		if (!strcmp(text, flags_names[i][0]) || !strcmp(text, flags_names[i][1])) {
			*ret_flag = 1U << i;
			return 0;
		}
	}
	slot_reason_set(why, -EINVAL, "'%.80s' is no flag of a VIP; there are", text);
	for (unsigned int i = 0; i < COUNT_OF(flags_names); i++)
		slot_reason_append(why, -EINVAL, "%s %s", i ? "," : "", flags_names[i][0]);
	return -EINVAL;
}

const char *lb_flag_name(unsigned int bit)
{
	return bit < COUNT_OF(flags_names) ? flags_names[bit][0] : NULL;
}

void lb_flags_format(__u32 flags, char ret_text[LB_FLAGS_MAX])
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (unsigned int i = 0; lb_flag_name(i); i++)
		if (flags >> i & 1)
			len += (size_t)snprintf(ret_text + len, LB_FLAGS_MAX - len, "%s%s",
						len ? "," : "", lb_flag_name(i));
}
