/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/number.h"
#include "programs/decap/decap.h"

static const __u8 mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_unicast(const struct decap_prefix *prefix)
{
	static const __u8 unspecified[16];

	if (prefix->family == 4)
		return prefix->addr[0] && prefix->addr[0] < 224;
	return memcmp(prefix->addr, unspecified, sizeof(unspecified)) != 0 &&
	       prefix->addr[0] != 0xff;
}

/* An IPv4-mapped address is the IPv4 one. */
static int parse_address(const char *text, struct decap_prefix *prefix)
{
	__u8 bytes[16];

	memset(prefix->addr, 0, sizeof(prefix->addr));
	prefix->family = 4;
	if (inet_pton(AF_INET, text, prefix->addr) == 1)
		return 0;
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -EINVAL;
	if (!memcmp(bytes, mapped_prefix, sizeof(mapped_prefix))) {
		memcpy(prefix->addr, bytes + sizeof(mapped_prefix), 4);
		return 0;
	}
	prefix->family = 6;
	memcpy(prefix->addr, bytes, sizeof(bytes));
	return 0;
}

/* Decimal digits only, and not more than @max. */
static int parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (!digits || digits > 10 || text[digits])
		return -EINVAL;
	number = strtoul(text, NULL, 10);
	if (number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static unsigned int bits_of(const struct decap_prefix *prefix)
{
	return prefix->family == 4 ? 32 : 128;
}

static bool has_host_bits(const struct decap_prefix *prefix, unsigned long len)
{
	for (unsigned long bit = len; bit < bits_of(prefix); bit++)
		if (prefix->addr[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

int decap_prefix_parse(const char *text, struct slot_reason *why, struct decap_prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN + 1];
	const char *slash = strchrnul(text, '/');
	struct decap_prefix prefix = {};
	unsigned long len;

	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (slash - text >= (long)sizeof(address) || parse_address(address, &prefix))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected an address such as 192.0.2.1 or "
				       "2001:db8::1, or a prefix such as 192.0.2.0/24",
				       text);
	len = bits_of(&prefix);
	if (*slash && parse_number(slash + 1, len, &len))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a prefix's length of 0 to %u", text,
				       bits_of(&prefix));
	if (has_host_bits(&prefix, len))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': bits are set behind the prefix's length", text);
	if (len == bits_of(&prefix) && !is_unicast(&prefix))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': no tunnel ends there, expected a unicast address",
				       text);
	prefix.len = DECAP_FAMILY_BITS + (__u32)len;
	*ret_prefix = prefix;
	return 0;
}

void decap_prefix_format(const struct decap_prefix *prefix, char ret_text[DECAP_PREFIX_TEXT_MAX])
{
	unsigned int len = prefix->len - DECAP_FAMILY_BITS;
	char address[INET6_ADDRSTRLEN];

	inet_ntop(prefix->family == 4 ? AF_INET : AF_INET6, prefix->addr, address, sizeof(address));
	if (len == bits_of(prefix))
		snprintf(ret_text, DECAP_PREFIX_TEXT_MAX, "%s", address);
	else
		snprintf(ret_text, DECAP_PREFIX_TEXT_MAX, "%s/%u", address, len);
}

bool decap_prefix_to_address(const struct decap_prefix *prefix, struct decap_address *ret_address)
{
	if (prefix->len != DECAP_FAMILY_BITS + bits_of(prefix))
		return false;
	memcpy(ret_address->addr, mapped_prefix, sizeof(mapped_prefix));
	if (prefix->family == 4)
		memcpy(ret_address->addr + sizeof(mapped_prefix), prefix->addr, 4);
	else
		memcpy(ret_address->addr, prefix->addr, sizeof(prefix->addr));
	return true;
}

int decap_id_parse(const char *text, struct slot_reason *why, __u32 *ret_id)
{
	if (slot_number_parse(text, 1, UINT32_MAX, ret_id))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a server's id, 1 to 4294967295", text);
	return 0;
}

static int set_gue_port(const char *value, struct slot_reason *why, struct decap_control *control)
{
	unsigned long port = 0;

	if (strcmp(value, "off") != 0 && (parse_number(value, UINT16_MAX, &port) || !port))
		return slot_reason_set(why, -EINVAL,
				       "gue-port '%.80s': expected a port, 1 to 65535, or 'off'",
				       value);
	control->gue_port = htons((__u16)port);
	return 0;
}

static int set_strict(const char *value, struct slot_reason *why, struct decap_control *control)
{
	bool is_yes = !strcmp(value, "yes");

	if (!is_yes && strcmp(value, "no") != 0)
		return slot_reason_set(why, -EINVAL, "strict '%.80s': expected 'yes' or 'no'",
				       value);
	if (is_yes)
		control->flags |= DECAP_STRICT;
	else
		control->flags &= (__u8)~DECAP_STRICT;
	return 0;
}

static int set_tcp_option(const char *value, struct slot_reason *why, struct decap_control *control)
{
	struct slot_reason unused;
	__u32 kind = 0;

	/* 0 and 1 end the list of options and fill it up. */
	if (decap_id_parse(value, &unused, &kind) || kind < 2 || kind > UINT8_MAX)
		return slot_reason_set(
			why, -EINVAL,
			"tcp-option '%.80s': expected an option's kind, 2 to 255 (0xb7)", value);
	control->tcp_option = (__u8)kind;
	return 0;
}

int decap_control_parse(const char *text, struct slot_reason *why, struct decap_control *control)
{
	static const struct {
		const char *key;
		int (*set)(const char *value, struct slot_reason *why,
			   struct decap_control *control);
	} settings[] = {
		{ "gue-port=", set_gue_port },
		{ "strict=", set_strict },
		{ "tcp-option=", set_tcp_option },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		size_t len = strlen(settings[i].key);

		if (!strncmp(text, settings[i].key, len))
			return settings[i].set(text + len, why, control);
	}
	return slot_reason_set(why, -ENOENT,
			       "'%.80s': expected gue-port=, strict= or tcp-option=", text);
}
