/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_frame.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

/* As in bpf/parse.h. */
#define VLAN_MAX 2
#define EXTENSIONS_MAX 6
#define EXTENSION_BYTES 1024

#define VLAN_LEN 4
#define IP4_LEN 20
#define IP6_LEN 40
#define EXTENSION_LEN 8
#define TCP_LEN 20
#define UDP_LEN 8
#define ICMP_LEN 4
#define TCP_FLAGS 13
#define NEIGHBOUR_HOPS 255

/* What is left of the frame: @caught of @len bytes are at @bytes. */
struct rest {
	const __u8 *bytes;
	size_t caught, len;
	bool is_short; /* a byte was asked for that was not caught */
};

static __u16 get16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static void skip(struct rest *rest, size_t len)
{
	rest->bytes += len;
	rest->caught -= len;
	rest->len -= len;
}

static bool has(struct rest *rest, size_t len)
{
	rest->is_short |= rest->caught < len && len <= rest->len;
	return rest->caught >= len;
}

static enum fw_reading read_ethernet(struct rest *rest, __u16 *ret_type)
{
	int tags = 0;

	if (!has(rest, ETH_HLEN))
		return FW_READ_BAD_ETHERNET;
	*ret_type = get16(rest->bytes + ETH_HLEN - 2);
	skip(rest, ETH_HLEN);
	while (*ret_type == ETH_P_8021Q || *ret_type == ETH_P_8021AD) {
		if (tags++ == VLAN_MAX)
			return FW_READ_TOO_DEEP;
		if (!has(rest, VLAN_LEN))
			return FW_READ_BAD_ETHERNET;
		*ret_type = get16(rest->bytes + 2);
		skip(rest, VLAN_LEN);
	}
	return *ret_type == ETH_P_IP || *ret_type == ETH_P_IPV6 ? FW_READ_WHOLE : FW_READ_NOT_IP;
}

/* Cuts @rest to what is behind the header. */
static enum fw_reading read_ip4(struct rest *rest, struct fw_packet *packet)
{
	const __u8 *ip = rest->bytes;
	size_t header, total;
	__u16 part;

	if (!has(rest, IP4_LEN))
		return FW_READ_BAD_IP4;
	header = (ip[0] & 15) * 4U;
	total = get16(ip + 2);
	if (ip[0] >> 4 != 4 || header < IP4_LEN || total < header || total > rest->len)
		return FW_READ_BAD_IP4;
	part = get16(ip + 6);
	packet->proto = ip[9];
	memcpy(packet->source, ip + 12, 4);
	memcpy(packet->dest, ip + 16, 4);
	packet->is_later = part & 0x1fff;
	packet->is_part = packet->is_later || part & 0x2000;
	rest->len = total;
	if (rest->caught > total)
		rest->caught = total;
	if (!has(rest, header))
		return FW_READ_BAD_IP4;
	skip(rest, header);
	return FW_READ_WHOLE;
}

static bool is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_AH || proto == IPPROTO_DSTOPTS || proto == IPPROTO_MH;
}

static size_t get_extension_len(__u8 proto, const __u8 *at)
{
	if (proto == IPPROTO_FRAGMENT)
		return EXTENSION_LEN;
	return proto == IPPROTO_AH ? (at[1] + 2) * 4U : (at[1] + 1) * 8U;
}

/* @payload: bytes that the IP header claims; the frame may have more of them behind. */
static enum fw_reading read_extensions(struct rest *rest, size_t payload, struct fw_packet *packet)
{
	size_t len, all = 0;
	int count = 0;

	while (is_extension(packet->proto) && !packet->is_later) {
		if (count++ == EXTENSIONS_MAX)
			return FW_READ_TOO_DEEP;
		if (!has(rest, EXTENSION_LEN))
			return FW_READ_BAD_IP6;
		len = get_extension_len(packet->proto, rest->bytes);
		if (len > payload - all)
			return FW_READ_BAD_IP6;
		if (packet->proto == IPPROTO_FRAGMENT) {
			packet->is_later = get16(rest->bytes + 2) & 0xfff8;
			packet->is_part = get16(rest->bytes + 2) & 0xfff9;
		}
		packet->proto = rest->bytes[0];
		all += len;
		if (all > EXTENSION_BYTES)
			return FW_READ_TOO_DEEP;
		if (!has(rest, len))
			return FW_READ_BAD_IP6;
		skip(rest, len);
	}
	rest->len = payload - all;
	if (rest->caught > rest->len)
		rest->caught = rest->len;
	return FW_READ_WHOLE;
}

static enum fw_reading read_ip6(struct rest *rest, struct fw_packet *packet)
{
	const __u8 *ip = rest->bytes;
	size_t payload;

	if (!has(rest, IP6_LEN))
		return FW_READ_BAD_IP6;
	payload = get16(ip + 4);
	packet->is_ip6 = true;
	packet->proto = ip[6];
	packet->is_from_link = ip[7] == NEIGHBOUR_HOPS;
	memcpy(packet->source, ip + 8, 16);
	memcpy(packet->dest, ip + 24, 16);
	skip(rest, IP6_LEN);
	if (ip[0] >> 4 != 6 || payload > rest->len)
		return FW_READ_BAD_IP6;
	return read_extensions(rest, payload, packet);
}

static void read_ports(struct rest *rest, struct fw_packet *packet)
{
	bool is_tcp = packet->proto == IPPROTO_TCP;
	size_t need = is_tcp ? TCP_LEN : UDP_LEN;

	packet->is_cut = rest->len < need || !has(rest, need);
	if (packet->is_cut)
		return;
	packet->has_ports = true;
	packet->sport = get16(rest->bytes);
	packet->dport = get16(rest->bytes + 2);
	packet->flags = is_tcp ? rest->bytes[TCP_FLAGS] : 0;
}

static void read_transport(struct rest *rest, struct fw_packet *packet)
{
	bool is_icmp = packet->proto == IPPROTO_ICMP || packet->proto == IPPROTO_ICMPV6;

	if (packet->is_later)
		return;
	if (packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP)
		read_ports(rest, packet);
	if (!is_icmp || rest->len < ICMP_LEN || !has(rest, ICMP_LEN))
		return;
	packet->has_ports = true;
	packet->type = rest->bytes[0];
	packet->code = rest->bytes[1];
	packet->is_from_link &= rest->len >= sizeof(struct icmp6_hdr);
}

enum fw_reading fw_frame_read(const __u8 *bytes, size_t caught, size_t len,
			      struct fw_packet *ret_packet)
{
	struct rest rest = { .bytes = bytes, .caught = caught, .len = len };
	struct fw_packet packet = { .is_frame = true };
	enum fw_reading reading;
	__u16 type = 0;

	reading = read_ethernet(&rest, &type);
	if (reading == FW_READ_WHOLE)
		reading = type == ETH_P_IP ? read_ip4(&rest, &packet) : read_ip6(&rest, &packet);
	if (reading == FW_READ_WHOLE)
		read_transport(&rest, &packet);
	if (rest.is_short)
		return FW_READ_SHORT;
	if (reading == FW_READ_WHOLE)
		*ret_packet = packet;
	return reading;
}

int fw_frame_parse(const char *text, size_t size, __u8 *ret_bytes)
{
	size_t i, len = strlen(text);
	char pair[3] = "";

	if (len % 2 || len / 2 > size || strspn(text, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	for (i = 0; i < len / 2; i++) {
		memcpy(pair, text + 2 * i, 2);
		ret_bytes[i] = (__u8)strtoul(pair, NULL, 16);
	}
	return (int)(len / 2);
}
