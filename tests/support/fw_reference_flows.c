/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_reference_flows.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/fw_reading.h"

#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define ECHO_REPLY 0
#define ECHO_REQUEST 8
#define ECHO_REQUEST6 128
#define ECHO_REPLY6 129

static bool has_ports(const struct fw_reading *r)
{
	return r->proto == FW_READING_TCP || r->proto == FW_READING_UDP;
}

static bool is_icmp(const struct fw_reading *r)
{
	return r->proto == FW_READING_ICMP || r->proto == FW_READING_ICMP6;
}

static bool is_in_a_flow(const struct fw_reading *r)
{
	if (is_icmp(r))
		return r->icmp_type == (r->proto == FW_READING_ICMP ? ECHO_REQUEST : ECHO_REQUEST6);
	if (has_ports(r) && r->is_later)
		return false;
	return r->proto != FW_READING_TCP ||
	       (!(r->flags & RST) && (r->flags & (SYN | ACK)) != (SYN | ACK));
}

static void set_addresses(struct fw_reference_flow *flow, const uint8_t *own, const uint8_t *other)
{
	size_t len = flow->family == 4 ? 4 : 16;

	memcpy(flow->own, own, len);
	memcpy(flow->other, other, len);
}

static bool is_known(const struct fw_reference_flows *flows, const struct fw_reference_flow *flow)
{
	size_t i;

	for (i = 0; i < flows->count; i++)
		if (!memcmp(&flows->items[i], flow, sizeof(*flow)))
			return true;
	return false;
}

static void add_flow(struct fw_reference_flows *flows, const struct fw_reference_flow *flow)
{
	if (is_known(flows, flow))
		return;
	if (flows->count == flows->room) {
		flows->room = flows->room ? 2 * flows->room : 64;
		flows->items = reallocarray(flows->items, flows->room, sizeof(*flows->items));
		if (!flows->items)
			abort();
	}
	flows->items[flows->count++] = *flow;
}

bool fw_reference_sent(struct fw_reference_flows *flows, const uint8_t *frame, size_t len)
{
	struct fw_reference_flow flow = {};
	struct fw_reading r;

	if (fw_reading_read(frame, len, true, &r) != FW_READ || !is_in_a_flow(&r))
		return false;
	flow.family = r.family;
	flow.proto = r.proto;
	if (has_ports(&r)) {
		flow.own_port = r.sport;
		flow.other_port = r.dport;
	}
	set_addresses(&flow, r.src, r.dst);
	add_flow(flows, &flow);
	return true;
}

bool fw_reference_is_reply(const struct fw_reference_flows *flows, const uint8_t *frame, size_t len)
{
	struct fw_reference_flow flow = {};
	struct fw_reading r;

	if (fw_reading_read(frame, len, false, &r) != FW_READ)
		return false;
	if (is_icmp(&r) &&
	    (r.icmp_type != (r.proto == FW_READING_ICMP ? ECHO_REPLY : ECHO_REPLY6) || r.icmp_code))
		return false;
	if (has_ports(&r) && r.is_later)
		return false;
	flow.family = r.family;
	flow.proto = r.proto;
	if (has_ports(&r)) {
		flow.own_port = r.dport;
		flow.other_port = r.sport;
	}
	set_addresses(&flow, r.dst, r.src);
	return is_known(flows, &flow);
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	while (len--) {
		uint8_t byte = *a;

		*a++ = *b;
		*b++ = byte;
	}
}

void fw_reference_turn(uint8_t *frame, size_t len)
{
	struct fw_reading r;
	uint8_t *src, *payload;

	if (fw_reading_read(frame, len, false, &r) != FW_READ)
		return;
	src = frame + (r.src - frame);
	payload = frame + (r.payload - frame);
	swap(src, frame + (r.dst - frame), r.family == 4 ? 4 : 16);
	if (has_ports(&r) && !r.is_later)
		swap(payload, payload + 2, 2);
	if (is_icmp(&r) && r.icmp_type >= 0) {
		payload[0] = r.proto == FW_READING_ICMP ? ECHO_REPLY : ECHO_REPLY6;
		payload[1] = 0;
	}
}

void fw_reference_flows_free(struct fw_reference_flows *flows)
{
	free(flows->items);
	*flows = (struct fw_reference_flows){};
}
