/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a mark, an address and a MAC address: refused, or the same when read again. */
#include <string.h>

#include "bpf/lb_hc/lb_hc.h"
#include "tests/fuzz/words.h"

static void check_address(const char *text)
{
	char again[LB_HC_ADDRESS_TEXT_MAX];
	__u8 addr[16], same[16];
	struct slot_reason why;
	bool is_ip6, is_same;

	if (lb_hc_address_parse(text, &why, addr, &is_ip6))
		return;
	lb_hc_address_format(addr, is_ip6, again);
	require(!lb_hc_address_parse(again, &why, same, &is_same), "it can be read again");
	require(is_same == is_ip6 && !memcmp(addr, same, sizeof(addr)), "it is the same address");
}

static void check_mac(const char *text)
{
	char again[LB_HC_MAC_TEXT_MAX];
	struct slot_reason why;
	__u8 mac[6], same[6];

	if (lb_hc_mac_parse(text, &why, mac))
		return;
	lb_hc_mac_format(mac, again);
	require(!lb_hc_mac_parse(again, &why, same), "it can be read again");
	require(!memcmp(mac, same, sizeof(mac)), "it is the same MAC address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FUZZ_WORD_MAX];

	fuzz_word_get(data, size, text);
	fuzz_number_check(text, lb_hc_mark_parse);
	check_address(text);
	check_mac(text);
	return 0;
}
