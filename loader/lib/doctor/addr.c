/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/doctor/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct slot_addr slot_addr_make(bool is_ip6, const void *bytes)
{
	struct slot_addr addr = { .is_ip6 = is_ip6 };

	memcpy(addr.bytes, bytes, is_ip6 ? 16 : 4);
	return addr;
}

unsigned int slot_addr_bits(const struct slot_addr *addr)
{
	return addr->is_ip6 ? 128 : 32;
}

bool slot_addr_is_equal(const struct slot_addr *a, const struct slot_addr *b)
{
	return slot_addr_is_in(a, b, slot_addr_bits(b));
}

bool slot_addr_is_in(const struct slot_addr *addr, const struct slot_addr *prefix, unsigned int len)
{
	unsigned int whole = len / 8, rest = len % 8;

	if (addr->is_ip6 != prefix->is_ip6 || len > slot_addr_bits(prefix) ||
	    memcmp(addr->bytes, prefix->bytes, whole) != 0)
		return false;
	return !rest || !((addr->bytes[whole] ^ prefix->bytes[whole]) >> (8 - rest));
}

bool slot_addr_is_any(const struct slot_addr *addr)
{
	static const struct slot_addr any;

	return !memcmp(addr->bytes, any.bytes, sizeof(any.bytes));
}

bool slot_addr_is_own(const struct slot_addr *addr)
{
	static const __u8 loopback6[16] = { [15] = 1 };
	const __u8 *bytes = addr->bytes;

	if (addr->is_ip6)
		return !memcmp(bytes, loopback6, sizeof(loopback6)) ||
		       (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
	return bytes[0] == 127 || (bytes[0] == 169 && bytes[1] == 254);
}

void slot_addr_format(const struct slot_addr *addr, unsigned int len,
		      char ret_text[SLOT_ADDR_TEXT_MAX])
{
	size_t used;

	inet_ntop(addr->is_ip6 ? AF_INET6 : AF_INET, addr->bytes, ret_text, SLOT_ADDR_TEXT_MAX);
	used = strlen(ret_text);
	if (len != slot_addr_bits(addr))
		snprintf(ret_text + used, SLOT_ADDR_TEXT_MAX - used, "/%u", len);
}
