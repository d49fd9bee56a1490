/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_reference.h"

#include "tests/support/fw_reading.h"

static bool is_in_prefix(const struct fw_reference_prefix *prefix, const uint8_t *addr)
{
	int bit;

	for (bit = 0; bit < prefix->len; bit++)
		if ((prefix->addr[bit / 8] ^ addr[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool is_in_ports(const struct fw_reference_ports *ports, int port)
{
	return ports->lo < 0 || (port >= ports->lo && port <= ports->hi);
}

static bool is_right_part(enum fw_reference_part part, const struct fw_reading *r)
{
	return part == FW_ANY_PART || (part == FW_NO_PART && !r->is_part) ||
	       (part == FW_FIRST_PART && r->is_part && !r->is_later) ||
	       (part == FW_LATER_PART && r->is_later);
}

static bool is_match(const struct fw_reference_rule *rule, const struct fw_reading *r,
		     unsigned int ifindex)
{
	if (rule->family && rule->family != r->family)
		return false;
	if (rule->proto >= 0 && rule->proto != r->proto)
		return false;
	if (rule->flags_mask && (r->flags < 0 || (r->flags & rule->flags_mask) != rule->flags))
		return false;
	if (rule->icmp_type >= 0 && rule->icmp_type != r->icmp_type)
		return false;
	if (rule->icmp_code >= 0 && rule->icmp_code != r->icmp_code)
		return false;
	if (rule->ifindex && rule->ifindex != ifindex)
		return false;
	return is_in_ports(&rule->dport, r->dport) && is_in_ports(&rule->sport, r->sport) &&
	       is_right_part(rule->part, r) && is_in_prefix(&rule->src, r->src) &&
	       is_in_prefix(&rule->dst, r->dst);
}

/* Neighbour discovery that did not come through a router passes where no rule says otherwise. */
static bool is_neighbour(const struct fw_reading *r)
{
	return r->family == 6 && r->proto == FW_READING_ICMP6 && !r->is_later &&
	       r->payload_len >= 8 && r->hop_limit == 255 && r->payload[0] >= 133 &&
	       r->payload[0] <= 137;
}

enum fw_reference_verdict fw_reference_judge(const struct fw_reference_rule *rules, size_t count,
					     bool policy_accept, const uint8_t *frame, size_t len,
					     unsigned int ifindex, long *ret_rule)
{
	struct fw_reading r;
	enum fw_outcome outcome = fw_reading_read(frame, len, false, &r);
	size_t i;

	*ret_rule = -1;
	if (outcome != FW_READ)
		return outcome == FW_NOT_IP ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
	for (i = 0; i < count; i++) {
		if (!is_match(&rules[i], &r, ifindex))
			continue;
		*ret_rule = (long)i;
		return rules[i].is_accept ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
	}
	return policy_accept || is_neighbour(&r) ? FW_REFERENCE_PASS : FW_REFERENCE_DROP;
}
