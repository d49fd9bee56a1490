/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/number.h"

const __u8 program_prefix_mapped[PROGRAM_PREFIX_MAPPED_SIZE] = { [10] = 0xff, [11] = 0xff };

static bool is_unicast(const struct slot_prefix *prefix)
{
	static const __u8 unspecified[16];

	if (prefix->family == 4)
		return prefix->addr[0] && prefix->addr[0] < 224;
	return memcmp(prefix->addr, unspecified, sizeof(unspecified)) != 0 &&
	       prefix->addr[0] != 0xff;
}

static int parse_address(const char *text, struct slot_prefix *prefix)
{
	__u8 bytes[16];

	memset(prefix->addr, 0, sizeof(prefix->addr));
	prefix->family = 4;
	if (inet_pton(AF_INET, text, prefix->addr) == 1)
		return 0;
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	if (!memcmp(bytes, program_prefix_mapped, sizeof(program_prefix_mapped))) {
		memcpy(prefix->addr, bytes + sizeof(program_prefix_mapped), 4);
		return 0;
	}
	prefix->family = 6;
	memcpy(prefix->addr, bytes, sizeof(bytes));
	return 0;
}

unsigned int program_prefix_bits(const struct slot_prefix *prefix)
{
	return prefix->family == 4 ? 32 : 128;
}

static bool has_host_bits(const struct slot_prefix *prefix, __u32 len)
{
	for (__u32 bit = len; bit < program_prefix_bits(prefix); bit++)
		if (prefix->addr[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

int program_prefix_parse(const char *text, struct slot_reason *why, struct slot_prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN + 1];
	const char *slash = strchrnul(text, '/');
	struct slot_prefix prefix = {};
	__u32 len;

	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (slash - text >= (long)sizeof(address) || parse_address(address, &prefix))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected an address such as 192.0.2.1 or "
				       "2001:db8::1, or a prefix such as 192.0.2.0/24",
				       text);
	len = program_prefix_bits(&prefix);
	if (*slash && slot_digits_parse(slash + 1, len, &len))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a prefix's length of 0 to %u", text,
				       program_prefix_bits(&prefix));
	if (has_host_bits(&prefix, len))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': bits are set behind the prefix's length", text);
	if (len == program_prefix_bits(&prefix) && !is_unicast(&prefix))
		return slot_reason_set(why, -EINVAL, "'%.80s': expected a unicast address", text);
	prefix.len = SLOT_PREFIX_FAMILY_BITS + len;
	*ret_prefix = prefix;
	return 0;
}

void program_prefix_format(const struct slot_prefix *prefix, char ret_text[PROGRAM_PREFIX_TEXT_MAX])
{
	unsigned int len = prefix->len - SLOT_PREFIX_FAMILY_BITS;
	char address[INET6_ADDRSTRLEN];

	inet_ntop(prefix->family == 4 ? AF_INET : AF_INET6, prefix->addr, address, sizeof(address));
	if (len == program_prefix_bits(prefix))
		snprintf(ret_text, PROGRAM_PREFIX_TEXT_MAX, "%s", address);
	else
		snprintf(ret_text, PROGRAM_PREFIX_TEXT_MAX, "%s/%u", address, len);
}
