/* SPDX-License-Identifier: GPL-2.0-only */
/* Marks and addresses, from words and back. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lb_hc/lb_hc.h"

int lb_hc_mark_parse(const char *text, struct slot_reason *why, __u32 *ret_mark)
{
	int base = !strncmp(text, "0x", 2) ? 16 : 10;
	unsigned long mark = 0;
	char *end = NULL;

	errno = 0;
	/* strtoul() would take a sign and blanks as well */
	if (isxdigit((unsigned char)*text))
		mark = strtoul(text, &end, base);
	if (!end || *end || errno || !mark || mark > UINT32_MAX)
		return slot_reason_set(
			why, -EINVAL,
			"'%.80s': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff", text);
	*ret_mark = (__u32)mark;
	return 0;
}

static bool is_unicast(const __u8 addr[16], bool is_ip6)
{
	static const __u8 zeros[16];

	if (!is_ip6)
		return addr[0] && addr[0] < 224;
	return memcmp(addr, zeros, sizeof(zeros)) != 0 && addr[0] != 0xff;
}

int lb_hc_address_parse(const char *text, struct slot_reason *why, __u8 ret_addr[16],
			bool *ret_is_ip6)
{
	__u8 addr[16] = {};
	bool is_ip6 = strchr(text, ':') != NULL;

	if (inet_pton(is_ip6 ? AF_INET6 : AF_INET, text, addr) != 1 || !is_unicast(addr, is_ip6))
		return slot_reason_set(
			why, -EINVAL,
			"'%.80s': expected a unicast address such as 192.0.2.1 or 2001:db8::1",
			text);
	memcpy(ret_addr, addr, sizeof(addr));
	*ret_is_ip6 = is_ip6;
	return 0;
}

void lb_hc_address_format(const __u8 addr[16], bool is_ip6, char ret_text[LB_HC_ADDRESS_TEXT_MAX])
{
	inet_ntop(is_ip6 ? AF_INET6 : AF_INET, addr, ret_text, LB_HC_ADDRESS_TEXT_MAX);
}

static int hex_value(char digit)
{
	return isdigit((unsigned char)digit) ? digit - '0' : tolower(digit) - 'a' + 10;
}

/* Six pairs of digits with colons between; @ret_mac may be half written on failure. */
static bool read_mac(const char *text, __u8 ret_mac[6])
{
	size_t i;

	if (strlen(text) != LB_HC_MAC_TEXT_MAX - 1)
		return false;
	for (i = 0; i < 6; i++, text += 3) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    text[2] != (i < 5 ? ':' : '\0'))
			return false;
		ret_mac[i] = (__u8)(hex_value(text[0]) << 4 | hex_value(text[1]));
	}
	return true;
}

int lb_hc_mac_parse(const char *text, struct slot_reason *why, __u8 ret_mac[6])
{
	static const __u8 zeros[6];
	__u8 mac[6];

	if (!read_mac(text, mac) || mac[0] & 1 || !memcmp(mac, zeros, sizeof(zeros)))
		return slot_reason_set(
			why, -EINVAL,
			"'%.80s': expected the MAC address of one host, such as 02:00:5e:10:00:01",
			text);
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

void lb_hc_mac_format(const __u8 mac[6], char ret_text[LB_HC_MAC_TEXT_MAX])
{
	snprintf(ret_text, LB_HC_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}
