/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_reading.h"

static unsigned int get16(const uint8_t *at)
{
	return at[0] * 256U + at[1];
}

static enum fw_outcome read_ip4(const uint8_t *ip, size_t len, bool is_sent, struct fw_reading *r)
{
	size_t header, total;

	if (len < 20 || ip[0] / 16 != 4)
		return FW_BAD;
	header = (ip[0] % 16) * 4U;
	total = get16(ip + 2);
	if (!total && is_sent)
		total = len;
	if (header < 20 || total < header || total > len)
		return FW_BAD;
	r->family = 4;
	r->src = ip + 12;
	r->dst = ip + 16;
	r->proto = ip[9];
	r->is_later = get16(ip + 6) & 0x1fff;
	r->is_part = r->is_later || (get16(ip + 6) & 0x2000);
	r->payload = ip + header;
	r->payload_len = total - header;
	return FW_READ;
}

static bool is_extension(int proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60 ||
	       proto == 135;
}

/* At most six extension headers, and 1024 bytes of them. */
static enum fw_outcome read_extensions(const uint8_t *end, struct fw_reading *r)
{
	const uint8_t *first = r->payload;
	int headers = 0;

	while (is_extension(r->proto) && !r->is_later) {
		const uint8_t *at = r->payload;
		size_t len;

		if (++headers > 6 || end - at < 8)
			return FW_BAD;
		len = r->proto == 44 ? 8 : r->proto == 51 ? (at[1] + 2) * 4U : (at[1] + 1) * 8U;
		if (len > r->payload_len)
			return FW_BAD;
		if (r->proto == 44) {
			r->is_later = get16(at + 2) & 0xfff8;
			r->is_part = r->is_later || (get16(at + 2) & 1);
		}
		r->proto = at[0];
		r->payload += len;
		r->payload_len -= len;
		if (r->payload - first > 1024)
			return FW_BAD;
	}
	return FW_READ;
}

static enum fw_outcome read_ip6(const uint8_t *ip, size_t len, bool is_sent, struct fw_reading *r)
{
	if (len < 40 || ip[0] / 16 != 6 || get16(ip + 4) > len - 40)
		return FW_BAD;
	r->family = 6;
	r->src = ip + 8;
	r->dst = ip + 24;
	r->proto = ip[6];
	r->hop_limit = ip[7];
	r->payload = ip + 40;
	r->payload_len = get16(ip + 4);
	if (!r->payload_len && is_sent)
		r->payload_len = len - 40;
	return read_extensions(ip + len, r);
}

static enum fw_outcome read_transport(struct fw_reading *r)
{
	const uint8_t *at = r->payload;

	if (r->is_later)
		return FW_READ;
	if ((r->proto == FW_READING_ICMP || r->proto == FW_READING_ICMP6) && r->payload_len >= 4) {
		r->icmp_type = at[0];
		r->icmp_code = at[1];
	}
	if (r->proto != FW_READING_TCP && r->proto != FW_READING_UDP)
		return FW_READ;
	if (r->payload_len < (r->proto == FW_READING_TCP ? 20 : 8))
		return FW_BAD;
	r->sport = (int)get16(at);
	r->dport = (int)get16(at + 2);
	if (r->proto == FW_READING_TCP)
		r->flags = at[13];
	return FW_READ;
}

enum fw_outcome fw_reading_read(const uint8_t *frame, size_t len, bool is_sent,
				struct fw_reading *r)
{
	unsigned int type;
	size_t at = 14;
	int tags;
	enum fw_outcome outcome;

	*r = (struct fw_reading){
		.sport = -1, .dport = -1, .flags = -1, .icmp_type = -1, .icmp_code = -1
	};
	if (len < 14)
		return FW_BAD;
	type = get16(frame + 12);
	for (tags = 0; type == 0x8100 || type == 0x88a8; tags++) {
		if (tags == 2 || len < at + 4)
			return FW_BAD;
		type = get16(frame + at + 2);
		at += 4;
	}
	if (type != 0x0800 && type != 0x86dd)
		return FW_NOT_IP;
	outcome = type == 0x0800 ? read_ip4(frame + at, len - at, is_sent, r) :
				   read_ip6(frame + at, len - at, is_sent, r);
	return outcome == FW_READ ? read_transport(r) : outcome;
}
