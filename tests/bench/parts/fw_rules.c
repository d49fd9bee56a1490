/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/fw_rules.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS 4096
/* Draws for a packet of a kind before it counts as one that there is none of. */
#define DRAWS 100000

const char *const fw_bench_match_names[FW_BENCH_MATCHES] = { "first", "middle", "last", "none" };

static void print_prefix(FILE *out, const char *word, __u32 value, __u32 mask)
{
	if (mask)
		fprintf(out, "ip %s %u.%u.%u.%u/%d ", word, value >> 24, value >> 16 & 255,
			value >> 8 & 255, value & 255, __builtin_popcount(mask));
}

static void print_ports(FILE *out, const char *proto, const char *word, __u16 lo, __u16 span)
{
	if (span == 65535)
		return;
	fprintf(out, "%s %s %u", proto, word, lo);
	if (span)
		fprintf(out, "-%u", lo + span);
	fputc(' ', out);
}

static void print_proto(FILE *out, const struct fw_entry *entry)
{
	__u8 proto = (__u8)(entry->bits[0].value >> FW_PROTO_SHIFT);
	__u64 flags = entry->bits[0].mask >> FW_FLAGS_SHIFT & 0xff;
	const char *name = proto == IPPROTO_TCP ? "tcp" : "udp";

	if (!(entry->bits[0].mask >> FW_PROTO_SHIFT & 0xff))
		return;
	if (proto == IPPROTO_ICMP) {
		fputs("ip protocol icmp ", out);
		return;
	}
	if (entry->ports.dport_span == 65535 && entry->ports.sport_span == 65535 && !flags)
		fprintf(out, "%s dport 0-65535 ", name);
	print_ports(out, name, "sport", entry->ports.sport_lo, entry->ports.sport_span);
	print_ports(out, name, "dport", entry->ports.dport_lo, entry->ports.dport_span);
	if (flags)
		fputs("tcp flags & (syn | ack) == syn ", out);
}

/* All accept, so that no packet's way ends earlier than that of others. */
static void print_rule(FILE *out, const struct fw_entry *entry)
{
	const struct fw_bits *addresses = &entry->bits[1];

	print_prefix(out, "saddr", (__u32)(addresses->value >> 32), (__u32)(addresses->mask >> 32));
	print_prefix(out, "daddr", (__u32)addresses->value, (__u32)addresses->mask);
	print_proto(out, entry);
	fputs("accept\n", out);
}

static int print_rules(struct fw_bench_rules *rules)
{
	FILE *out = open_memstream(&rules->text, &rules->text_len);
	size_t i;

	if (!out)
		return -ENOMEM;
	for (i = 0; i < rules->entries.count; i++)
		print_rule(out, &rules->entries.items[i]);
	return fclose(out) ? -ENOMEM : 0;
}

/* A rule of those that the packets of the kind are to meet. */
static size_t draw_rule(struct fw_entries *entries, enum fw_bench_match match)
{
	size_t tenth = entries->count / 10;
	__u32 drawn = fw_entries_draw(entries) % (__u32)(tenth ? tenth : 1);

	switch (match) {
	case FW_BENCH_FIRST:
		return 0;
	case FW_BENCH_MIDDLE:
		return entries->count / 2 - tenth / 2 + drawn;
	case FW_BENCH_LAST:
		return entries->count - 1 - drawn;
	default:
		return fw_entries_draw(entries) % entries->count;
	}
}

static int draw_packet(struct fw_entries *entries, enum fw_bench_match match,
		       struct fw_bench_packet *ret_packet)
{
	__u64 key[FW_WORDS6];
	int draws;

	for (draws = 0; draws < DRAWS; draws++) {
		size_t rule = draw_rule(entries, match);

		fw_entries_key(entries, &entries->items[rule], match != FW_BENCH_NONE, key);
		ret_packet->len = fw_entries_frame(entries, key, ret_packet->bytes);
		ret_packet->rule = fw_entries_find(entries, key);
		if (ret_packet->rule == (match == FW_BENCH_NONE ? -1 : (long)rule))
			return 0;
	}
	return -ENOENT;
}

int fw_bench_rules_make(size_t count, struct fw_bench_rules *ret_rules)
{
	struct fw_bench_rules *rules = ret_rules;
	enum fw_bench_match match;
	int i, err;

	*rules = (struct fw_bench_rules){
		.entries = { .seed = 20260101, .words = FW_WORDS4, .networks = NETWORKS },
	};
	fw_entries_make(&rules->entries, count);
	err = print_rules(rules);
	for (match = 0; match < FW_BENCH_MATCHES; match++)
		for (i = 0; !err && i < FW_BENCH_PACKETS; i++)
			err = draw_packet(&rules->entries, match, &rules->packets[match][i]);
	if (err)
		fw_bench_rules_free(rules);
	return err;
}

void fw_bench_rules_free(struct fw_bench_rules *rules)
{
	fw_entries_free(&rules->entries);
	free(rules->text);
	rules->text = NULL;
}
