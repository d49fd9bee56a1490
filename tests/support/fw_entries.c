/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_entries.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/compile/fw_walk.h"
#include "tests/support/draw.h"

/* 2001:db8::/32 in front, as the upper half of the first word. */
#define PREFIX6 0x20010db8ULL

__u32 fw_entries_draw(struct fw_entries *entries)
{
	return draw_number(&entries->seed);
}

/* Half of an address of IPv4's size: a network of some, and anything in it. */
static struct fw_bits draw_prefix(struct fw_entries *entries)
{
	__u32 network = draw_below(&entries->seed, entries->networks) * 2654435761U;
	__u32 kind = draw_below(&entries->seed, 100), len, mask;

	len = kind < 40 ? 32 :
	      kind < 70 ? 24 :
	      kind < 85 ? 16 + draw_below(&entries->seed, 8) :
	      kind < 95 ? 25 + draw_below(&entries->seed, 7) :
			  8 + draw_below(&entries->seed, 8);
	mask = ~0U << (32 - len);
	return (struct fw_bits){
		.value = (network ^ (fw_entries_draw(entries) & 0xffff)) & mask,
		.mask = mask,
	};
}

static void set_address(struct fw_entries *entries, struct fw_entry *entry, bool is_source)
{
	struct fw_bits prefix = draw_prefix(entries), *word;

	if (entries->words == FW_WORDS4) {
		entry->bits[1].value |= prefix.value << (is_source ? 32 : 0);
		entry->bits[1].mask |= prefix.mask << (is_source ? 32 : 0);
		return;
	}
	word = &entry->bits[is_source ? 1 : 3];
	word->value = PREFIX6 << 32 | prefix.value;
	word->mask = ~0ULL << 32 | prefix.mask;
	if ((prefix.mask & 1) && draw_below(&entries->seed, 2)) {
		word[1].mask = ~0ULL;
		word[1].value = fw_entries_draw(entries);
	}
}

static void draw_ports(struct fw_entries *entries, __u16 *lo, __u16 *span)
{
	static const __u16 known[] = { 22,  25,	  53,	80,   110,  123,  143, 443,
				       993, 3306, 5432, 8080, 6379, 9090, 389, 636 };
	__u32 kind = draw_below(&entries->seed, 100);

	*lo = 0;
	*span = 65535;
	if (kind < 35)
		return;
	*span = 0;
	if (kind < 75) {
		*lo = known[draw_below(&entries->seed, 16)];
	} else if (kind < 85) {
		*lo = (__u16)(1 + draw_below(&entries->seed, 65535));
	} else if (kind < 90) {
		*lo = 1024;
		*span = 65535 - 1024;
	} else {
		*lo = (__u16)draw_below(&entries->seed, 60000);
		*span = (__u16)draw_below(&entries->seed, 2000);
	}
}

static void set_proto(struct fw_entry *entry, __u8 proto)
{
	entry->bits[0].value |= (__u64)proto << FW_PROTO_SHIFT;
	entry->bits[0].mask |= 0xffULL << FW_PROTO_SHIFT;
}

static void set_transport(struct fw_entries *entries, struct fw_entry *entry, bool has_address)
{
	__u32 kind = draw_below(&entries->seed, 100);

	if (kind >= 85 && has_address) {
		if (kind < 90)
			set_proto(entry, IPPROTO_ICMP);
		return;
	}
	set_proto(entry, kind < 60 ? IPPROTO_TCP : IPPROTO_UDP);
	draw_ports(entries, &entry->ports.dport_lo, &entry->ports.dport_span);
	if (!draw_below(&entries->seed, 10))
		draw_ports(entries, &entry->ports.sport_lo, &entry->ports.sport_span);
	/* A rule for everything would leave nothing to those behind it. */
	if (!has_address && entry->ports.dport_span == 65535) {
		entry->ports.dport_lo = (__u16)(1 + draw_below(&entries->seed, 65535));
		entry->ports.dport_span = 0;
	}
	entry->bits[0].value |= 1ULL << FW_PORTS_SHIFT;
	entry->bits[0].mask |= 1ULL << FW_PORTS_SHIFT;
	if (kind < 5) {
		entry->bits[0].value |= 0x02ULL << FW_FLAGS_SHIFT;
		entry->bits[0].mask |= 0x12ULL << FW_FLAGS_SHIFT;
	}
}

void fw_entries_make(struct fw_entries *entries, size_t count)
{
	size_t i;

	entries->items = calloc(count, sizeof(*entries->items));
	if (!entries->items)
		abort();
	entries->count = count;
	for (i = 0; i < count; i++) {
		struct fw_entry *entry = &entries->items[i];
		__u32 kind = draw_below(&entries->seed, 100);
		bool has_source = kind < 40 || (kind >= 70 && kind < 90),
		     has_destination = kind < 70;

		entry->rule = (__u32)i;
		entry->answer = draw_below(&entries->seed, 2) ? FW_ACCEPT : FW_DROP;
		entry->ports = (struct fw_port_ranges){ .dport_span = 65535, .sport_span = 65535 };
		if (has_source)
			set_address(entries, entry, true);
		if (has_destination)
			set_address(entries, entry, false);
		set_transport(entries, entry, has_source || has_destination);
	}
}

void fw_entries_free(struct fw_entries *entries)
{
	free(entries->items);
	entries->items = NULL;
}

static __u64 draw_port(struct fw_entries *entries, __u16 lo, __u16 span)
{
	__u32 kind = draw_below(&entries->seed, 4);

	return (__u16)(lo + (kind == 0 ? 0 :
			     kind == 1 ? span :
					 draw_below(&entries->seed, span + 1U)));
}

void fw_entries_key(struct fw_entries *entries, const struct fw_entry *entry, bool is_match,
		    __u64 key[FW_WORDS6])
{
	const struct fw_port_ranges *ports = &entry->ports;
	unsigned int word;

	for (word = 0; word < FW_WORDS6; word++) {
		__u64 any = (__u64)fw_entries_draw(entries) << 32 | fw_entries_draw(entries);

		key[word] = entry->bits[word].value | (any & ~entry->bits[word].mask);
	}
	key[0] &= ~0xffffffffULL;
	key[0] |= draw_port(entries, ports->dport_lo, ports->dport_span) << FW_DPORT_SHIFT;
	key[0] |= draw_port(entries, ports->sport_lo, ports->sport_span) << FW_SPORT_SHIFT;
	if (!is_match)
		key[draw_below(&entries->seed, entries->words)] ^=
			1ULL << draw_below(&entries->seed, 64);
}

long fw_entries_find(const struct fw_entries *entries, const __u64 *key)
{
	size_t i;

	for (i = 0; i < entries->count; i++)
		if (fw_entry_is_match(&entries->items[i], key, entries->words))
			return (long)i;
	return -1;
}

static long find_in_tree(const struct fw_forest *forest, const struct fw_tree *tree,
			 const struct fw_entry *entries, const __u64 *key, unsigned int words)
{
	const struct fw_node *node = &forest->nodes[tree->root];
	__u16 i;

	while (node->word != FW_LEAF)
		node = &forest->nodes[node->base + (key[node->word] >> node->shift & node->mask)];
	for (i = 0; i < node->mask; i++)
		if (fw_entry_is_match(&entries[forest->items[node->base + i]], key, words))
			return forest->items[node->base + i];
	return -1;
}

long fw_entries_ask(const struct fw_forest *forest, const struct fw_entry *entries,
		    const __u64 *key, unsigned int words)
{
	long found, best = -1;
	__u32 i;

	for (i = 0; i < forest->head.count; i++) {
		found = find_in_tree(forest, &forest->head.trees[i], entries, key, words);
		if (found >= 0 && (best < 0 || found < best))
			best = found;
	}
	return best;
}

static void put(unsigned char *at, __u64 value, int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		at[bytes - 1] = (unsigned char)value;
}

size_t fw_entries_frame(const struct fw_entries *entries, __u64 *key,
			unsigned char frame[FW_ENTRIES_FRAME_MAX])
{
	static const __u8 protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };
	__u8 proto = (__u8)(key[0] >> FW_PROTO_SHIFT), flags = (__u8)(key[0] >> FW_FLAGS_SHIFT);
	__u64 is_part = key[0] >> FW_PART_SHIFT & 1;
	__u64 is_later = is_part & key[0] >> FW_LATER_SHIFT, has_ports;
	bool is_ip4 = entries->words == FW_WORDS4;
	__u16 sport = (__u16)(key[0] >> FW_SPORT_SHIFT), dport = (__u16)(key[0] >> FW_DPORT_SHIFT);
	unsigned char *ip = frame + 14, *transport = ip + (is_ip4 ? 20 : 40);
	int i;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP)
		proto = protos[proto % 4];
	memset(frame, 0, FW_ENTRIES_FRAME_MAX);
	put(frame + 12, is_ip4 ? 0x0800 : 0x86dd, 2);
	if (is_ip4) {
		ip[0] = 0x45;
		put(ip + 2, 60, 2);
		put(ip + 6, (is_part ? 0x2000 : 0) | (is_later ? 100 : 0), 2);
		ip[9] = proto;
		put(ip + 12, key[1], 8);
	} else {
		is_part = is_later = 0;
		ip[0] = 0x60;
		put(ip + 4, 40, 2);
		ip[6] = proto;
		for (i = 0; i < 4; i++)
			put(ip + 8 + i * 8, key[1 + i], 8);
	}
	put(transport, proto == IPPROTO_ICMP ? dport : sport, 2);
	put(transport + 2, dport, 2);
	transport[13] = flags;

	has_ports = !is_later && proto != IPPROTO_SCTP;
	key[0] = (__u64)proto << FW_PROTO_SHIFT | is_part << FW_PART_SHIFT |
		 is_later << FW_LATER_SHIFT | has_ports << FW_PORTS_SHIFT;
	if (has_ports)
		key[0] |= (__u64)dport << FW_DPORT_SHIFT |
			  (proto == IPPROTO_ICMP ? 0 : (__u64)sport << FW_SPORT_SHIFT);
	if (has_ports && proto == IPPROTO_TCP)
		key[0] |= (__u64)flags << FW_FLAGS_SHIFT;
	return 14 + (is_ip4 ? 60 : 80);
}
