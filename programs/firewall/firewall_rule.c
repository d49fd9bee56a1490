/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/firewall_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX 65535

static int refuse_text(const char *text, struct slot_reason *why)
{
	return slot_reason_set(
		why, -EINVAL,
		"'%.80s': expected a source such as 192.0.2.0/24 or 2001:db8::/32, or "
		"a port such as tcp/80 or udp/53",
		text);
}

/* Decimal digits only, no more than @max; strtoul() takes signs and blanks as well. */
static bool parse_number(const char *text, __u32 max, __u32 *ret_number)
{
	__u32 number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (__u32)(*text - '0');
		if (number > max)
			return false;
	}
	*ret_number = number;
	return true;
}

static int parse_port(const char *text, bool is_udp, struct slot_reason *why,
		      struct firewall_rule *ret_rule)
{
	__u32 port;

	if (!parse_number(text + 4, PORT_MAX, &port) || !port)
		return slot_reason_set(why, -EINVAL, "'%.80s': a port is a number from 1 to 65535",
				       text);
	*ret_rule = (struct firewall_rule){
		.kind = FIREWALL_KIND_PORT,
		.port_index = FIREWALL_PORT_INDEX(is_udp, port),
	};
	return 0;
}

/* Clears the bits of @addr behind @prefix_len. Returns whether any was set. */
static bool mask_address(__u8 *addr, size_t size, __u32 prefix_len)
{
	bool is_set = false;
	size_t i;

	for (i = 0; i < size; i++) {
		__u32 kept = prefix_len > i * 8 ? prefix_len - (__u32)i * 8 : 0;
		__u8 mask = kept >= 8 ? 0xff : (__u8)(0xff << (8 - kept));

		is_set |= addr[i] & ~mask;
		addr[i] &= mask;
	}
	return is_set;
}

static void set_source(struct firewall_rule *rule, int family, const __u8 *addr, __u32 prefix_len)
{
	*rule = (struct firewall_rule){ .kind = FIREWALL_KIND_SOURCE4 };
	if (family == AF_INET) {
		rule->source4.prefix_len = prefix_len;
		memcpy(rule->source4.addr, addr, sizeof(rule->source4.addr));
		return;
	}
	rule->kind = FIREWALL_KIND_SOURCE6;
	rule->source6.prefix_len = prefix_len;
	memcpy(rule->source6.addr, addr, sizeof(rule->source6.addr));
}

static int parse_source(const char *text, struct slot_reason *why, struct firewall_rule *ret_rule)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	size_t size = family == AF_INET ? 4 : 16;
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[INET6_ADDRSTRLEN], right[FIREWALL_RULE_TEXT_MAX];
	__u32 prefix_len = (__u32)size * 8;
	struct firewall_rule rule;
	__u8 addr[16];

	if (addr_len >= sizeof(addr_text))
		return refuse_text(text, why);
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (inet_pton(family, addr_text, addr) != 1)
		return refuse_text(text, why);
	if (slash && !parse_number(slash + 1, prefix_len, &prefix_len))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': the prefix length of an IPv%d source is a number "
				       "from 0 to %zu",
				       text, family == AF_INET ? 4 : 6, size * 8);

	if (!mask_address(addr, size, prefix_len)) {
		set_source(ret_rule, family, addr, prefix_len);
		return 0;
	}
	set_source(&rule, family, addr, prefix_len);
	firewall_rule_format(&rule, right);
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': has bits set behind its prefix; the prefix is %s", text,
			       right);
}

int firewall_rule_parse(const char *text, struct slot_reason *why, struct firewall_rule *ret_rule)
{
	if (!strncmp(text, "tcp/", 4) || !strncmp(text, "udp/", 4))
		return parse_port(text, text[0] == 'u', why, ret_rule);
	return parse_source(text, why, ret_rule);
}

void firewall_rule_format(const struct firewall_rule *rule, char ret_text[FIREWALL_RULE_TEXT_MAX])
{
	char addr[INET6_ADDRSTRLEN];

	switch (rule->kind) {
	case FIREWALL_KIND_SOURCE4:
		inet_ntop(AF_INET, rule->source4.addr, addr, sizeof(addr));
		snprintf(ret_text, FIREWALL_RULE_TEXT_MAX, "%s/%u", addr, rule->source4.prefix_len);
		return;
	case FIREWALL_KIND_SOURCE6:
		inet_ntop(AF_INET6, rule->source6.addr, addr, sizeof(addr));
		snprintf(ret_text, FIREWALL_RULE_TEXT_MAX, "%s/%u", addr, rule->source6.prefix_len);
		return;
	default:
		snprintf(ret_text, FIREWALL_RULE_TEXT_MAX, "%s/%u",
			 rule->port_index > PORT_MAX ? "udp" : "tcp",
			 rule->port_index % (PORT_MAX + 1));
	}
}

static int compare_number(__u32 a, __u32 b)
{
	return (a > b) - (a < b);
}

int firewall_rule_compare(const struct firewall_rule *a, const struct firewall_rule *b)
{
	int order;

	if (a->kind != b->kind)
		return compare_number(a->kind, b->kind);
	switch (a->kind) {
	case FIREWALL_KIND_SOURCE4:
		order = memcmp(a->source4.addr, b->source4.addr, sizeof(a->source4.addr));
		return order ? order : compare_number(a->source4.prefix_len, b->source4.prefix_len);
	case FIREWALL_KIND_SOURCE6:
		order = memcmp(a->source6.addr, b->source6.addr, sizeof(a->source6.addr));
		return order ? order : compare_number(a->source6.prefix_len, b->source6.prefix_len);
	default:
		return compare_number(a->port_index, b->port_index);
	}
}
