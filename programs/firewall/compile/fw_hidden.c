/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/compile/fw_hidden.h"

/* Rules for any address that the whole ruleset is searched for rules hidden by. */
#define BROAD_MAX 512

/* Whether all ports that can come to the region are in the range. */
static bool is_range_covering(const struct fw_range *range, const struct fw_bits *fixed,
			      unsigned int shift)
{
	__u32 lo = (__u16)(fixed->value >> shift), hi = lo | (__u16) ~(fixed->mask >> shift);

	return range->lo <= lo && hi <= range->hi;
}

/* Whether the entry matches every packet that comes to the region. */
static bool is_covering(const struct fw_view *view, __u32 item, const struct fw_region *region)
{
	const struct fw_ternary *ternary = &view->ternaries[item];
	unsigned int word;

	for (word = 0; word < view->words; word++) {
		const struct fw_bits *bits = &view->entries[item].bits[word],
				     *fixed = &region->bits[word];

		if ((bits->mask & ~fixed->mask) || (bits->value ^ fixed->value) & bits->mask)
			return false;
	}
	return is_range_covering(&ternary->ports[0], &region->bits[0], FW_DPORT_SHIFT) &&
	       is_range_covering(&ternary->ports[1], &region->bits[0], FW_SPORT_SHIFT);
}

void fw_hidden_drop_covered(const struct fw_view *view, const struct fw_region *region,
			    struct fw_set *set)
{
	size_t i;

	for (i = 0; i < set->count; i++) {
		if (is_covering(view, set->items[i], region)) {
			set->count = i + 1;
			return;
		}
	}
}

static __u32 max_port(__u32 a, __u32 b)
{
	return a > b ? a : b;
}

static __u32 min_port(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

/* Whether of the ports that can come to the region all of @inner are in @outer. */
static bool is_range_within(const struct fw_range *inner, const struct fw_range *outer,
			    const struct fw_bits *fixed, unsigned int shift)
{
	__u32 lo = (__u16)(fixed->value >> shift), hi = lo | (__u16) ~(fixed->mask >> shift);

	return max_port(inner->lo, lo) >= outer->lo && min_port(inner->hi, hi) <= outer->hi;
}

/* Whether of the packets that come to the region all that @inner matches are matched by @outer. */
static bool is_within(const struct fw_view *view, __u32 inner, __u32 outer,
		      const struct fw_region *region)
{
	const struct fw_range *ports = view->ternaries[inner].ports;
	const struct fw_range *outer_ports = view->ternaries[outer].ports;
	unsigned int word;

	for (word = 0; word < view->words; word++) {
		const struct fw_bits *in = &view->entries[inner].bits[word],
				     *out = &view->entries[outer].bits[word],
				     *fixed = &region->bits[word];
		__u64 asked = out->mask & ~fixed->mask;

		if ((asked & ~in->mask) || ((in->value ^ out->value) & asked))
			return false;
		/* Cut as ports are, types of ICMP come to regions that none of their packets does. */
		if ((out->value ^ fixed->value) & out->mask & fixed->mask)
			return false;
	}
	return is_range_within(&ports[0], &outer_ports[0], &region->bits[0], FW_DPORT_SHIFT) &&
	       is_range_within(&ports[1], &outer_ports[1], &region->bits[0], FW_SPORT_SHIFT);
}

void fw_hidden_drop_shadowed(const struct fw_view *view, const struct fw_region *region,
			     struct fw_set *set)
{
	size_t i, other, kept = 0;

	for (i = 0; i < set->count; i++) {
		for (other = 0; other < kept; other++)
			if (is_within(view, set->items[i], set->items[other], region))
				break;
		if (other == kept)
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
}

static bool is_broad(const struct fw_view *view, __u32 item)
{
	unsigned int word;

	for (word = 1; word < view->words; word++)
		if (view->entries[item].bits[word].mask)
			return false;
	return true;
}

void fw_hidden_drop_below_broad(const struct fw_view *view, struct fw_set *set)
{
	__u32 broad[BROAD_MAX];
	const struct fw_region all = {};
	size_t i, other, count = 0, kept = 0;

	for (i = 0; i < set->count; i++) {
		for (other = 0; other < count; other++)
			if (is_within(view, set->items[i], broad[other], &all))
				break;
		if (other < count)
			continue;
		if (count < BROAD_MAX && is_broad(view, set->items[i]))
			broad[count++] = set->items[i];
		set->items[kept++] = set->items[i];
	}
	set->count = kept;
}
