/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A compiled ruleset, as the firewall's BPF side and its control plane agree on it.
 *
 * Contract: user space compiles a ruleset into the bank that is not in force, and then
 * raises the number of rulesets that were loaded, whose lowest bit is the bank in
 * force; the program reads that bank and nothing of the other. Version rule: as in
 * firewall_abi.h.
 *
 * A ruleset is a forest for each family. A tree's inner node cuts: some bits of
 * the packet's key choose the child. Its leaves are short lists of matches, in the
 * order of the rules. A packet walks every tree that may hold a rule before the
 * one it has found already; the first rule of all decides.
 */
#ifndef FW_ABI_H
#define FW_ABI_H

#include <linux/types.h>

#define FW_RULESETS_NAME "fw_rulesets"
#define FW_NODES_NAME "fw_nodes"
#define FW_ITEMS_NAME "fw_items"
#define FW_MATCHES_NAME "fw_matches"
#define FW_ACTIONS_NAME "fw_actions"
#define FW_BUCKETS_NAME "fw_buckets"
#define FW_HITS_NAME "fw_hits"
#define FW_SAMPLES_NAME "fw_samples"
#define FW_TEXT_NAME "fw_text"

/*
 * Room for rules, by the setting rules_max; for each of them in the trees and the matches of
 * both families together (a rule with lists in it is a match for each combination):
 */
#define FW_RULES_DEFAULT 16384
#define FW_RULES_MAX (1 << 20) /* that a ruleset may have at all */
#define FW_NODES_PER_RULE 4
#define FW_ITEMS_PER_RULE 2
#define FW_MATCHES_PER_RULE 3 /* elements: one of IPv4, and one of IPv6, which takes two */
/* Rooms are whole groups of rules, and so is what they are made of. */
#define FW_RULES_GROUP 1024
/* A bank is half of its map. No rule has this number. */
#define FW_NO_RULE 0xffffffff
/* Rules that limit or sample. */
#define FW_ACTIONS_MAX 4096
/*
 * Sources with a bucket of their own, by the setting limited_sources_max; the one that was
 * quiet the longest gives way.
 */
#define FW_SOURCES_DEFAULT 16384
/* Samples that are kept: the latest. One more element counts all there were. */
#define FW_SAMPLES 1024

/* Bytes of a chunk of a ruleset's text, which is deflated: 64 for a rule. */
#define FW_TEXT_CHUNK 4096
#define FW_TEXT_PER_RULE 64

#define FW_BANKS 2
#define FW_GUARDS_MAX 16
/* Of them for one packet: that of its source, and that of all packets. */
#define FW_GUARDS_OF_PACKET 2
#define FW_TREES_MAX 8
#define FW_DEPTH_MAX 12
#define FW_LEAF_MAX 16
#define FW_INTERFACES_MAX 15

/*
 * A packet as rules see it, in words of host byte order: the first is of the bits
 * below, then come the addresses, source first; IPv4's share one word.
 */
#define FW_WORDS4 2
#define FW_WORDS6 5

#define FW_DPORT_SHIFT 0  /* 16 bits; of ICMP: type << 8 | code */
#define FW_SPORT_SHIFT 16 /* 16 bits */
#define FW_PROTO_SHIFT 32 /* 8 bits, behind extension headers */
#define FW_FLAGS_SHIFT 40 /* 8 bits, of TCP */
#define FW_PART_SHIFT 48  /* part of a fragmented packet */
#define FW_LATER_SHIFT 49 /* a part other than the first */
#define FW_PORTS_SHIFT 50 /* the packet has what the ports' bits say: TCP, UDP and ICMP */
#define FW_IFACE_SHIFT 56 /* 8 bits: number of the interface in the head, 0: one without */

/* Types of ICMPv6 that are neighbour discovery: a policy or default that drops lets it pass. */
#define FW_NEIGHBOUR_FIRST 133
#define FW_NEIGHBOUR_LAST 137

/* The word of a node that is a leaf. */
#define FW_LEAF 0xff

struct fw_node {
	__u32 base; /* first child, or first item of a leaf */
	__u16 mask; /* child = base + (word >> shift & mask); of a leaf: items */
	__u8 shift;
	__u8 word; /* FW_LEAF: a leaf */
};

struct fw_bits {
	__u64 value;
	__u64 mask; /* bits that matter; others of value are 0 */
};

/* Ports that match are lo to lo + span. */
struct fw_port_ranges {
	__u16 dport_lo, dport_span;
	__u16 sport_lo, sport_span;
};

/* Words 0 and 1 of the key: most matches of a leaf are about other sources. */
struct fw_match {
	struct fw_bits bits[FW_WORDS4];
	struct fw_port_ranges ports;
	__u32 rule;   /* its number: the lower comes first */
	__u32 answer; /* FW_ANSWER */
};

/* Of IPv6 the element behind a match: words 2 to 4. */
struct fw_match_rest {
	struct fw_bits bits[FW_WORDS6 - FW_WORDS4];
};

enum fw_verdict {
	FW_CONTINUE, /* no rule: the settings decide */
	FW_ACCEPT,
	FW_DROP,
	FW_VERDICT_COUNT,
};

/* What a rule says: a verdict, and which action of fw_actions refines it, 0: none, else its number + 1. */
#define FW_ANSWER(verdict, action) ((verdict) | (action) << 8)
#define FW_ANSWER_VERDICT(answer) ((answer) & 0xff)
#define FW_ANSWER_ACTION(answer) ((answer) >> 8)

enum fw_limit {
	FW_UNLIMITED,
	FW_LIMIT_RULE,	 /* a bucket for all that the rule matches */
	FW_LIMIT_SOURCE, /* one for each source prefix */
	FW_LIMIT_COUNT,
};

/* Packets beyond the limit are dropped, whatever the rule's verdict is. */
struct fw_action {
	__u64 packet_ns;    /* a packet each so many nanoseconds */
	__u64 burst_ns;	    /* so far ahead of that the packets may be */
	__u32 sample_every; /* a packet of so many, at random, is sampled; 0: none */
	__u8 limit;	    /* enum fw_limit */
	__u8 source_len4;   /* bits of the source that have a bucket together */
	__u8 source_len6;
	__u8 pad;
	__u64 bucket; /* written by the program: the time up to which packets are paid for */
};

/* Key of fw_buckets; the value is a bucket as in struct fw_action. */
struct fw_bucket_key {
	__u64 addr[2]; /* as in the packet's key, cut to the prefix; IPv4: the first alone */
	__u32 bucket;  /* index of fw_actions */
	__u32 load;    /* number of the ruleset: buckets of a ruleset from before mean nothing */
};

#define FW_SAMPLE_BYTES 128

/*
 * Element of fw_samples. It is whole where number and again are the same and not 0; the
 * element behind all of them has the number of the latest.
 */
struct fw_sample {
	__u64 number;  /* the first sample has 1 */
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 rule;
	__u32 len;    /* of the packet */
	__u32 load;   /* number of the ruleset */
	__u32 caught; /* bytes that are here */
	__u8 bytes[FW_SAMPLE_BYTES];
	__u64 again; /* number, written last */
};

/* Element of fw_hits: rules in groups, as a per-CPU map of single counters is slow to make. */
struct fw_hits {
	__u64 packets[FW_RULES_GROUP];
	__u64 bytes[FW_RULES_GROUP];
};

struct fw_tree {
	__u32 root; /* node */
	__u32 first_rule;
};

struct fw_forest_head {
	__u32 count;
	__u32 pad;
	struct fw_tree trees[FW_TREES_MAX]; /* by first_rule */
};

/*
 * What the ruleset lets through is asked for once more: the guards that match limit it, those of
 * sources first. They open nothing.
 */
struct fw_guard {
	struct fw_bits bits; /* of the key's first word */
	__u32 rule;	     /* counts what the guard drops */
	__u32 action;
};

struct fw_head {
	struct fw_forest_head forest4, forest6;
	struct fw_guard guards[FW_GUARDS_MAX];
	__u32 guard_count;
	__u32 policy; /* enum fw_verdict: of what no rule matches */
	__u32 rules;
	__u32 hits; /* element of fw_hits that the bank's rules begin at */
	__u32 interface_count;
	__u32 interfaces[FW_INTERFACES_MAX]; /* indexes; the first has number 1 in keys */
	__u32 text_len;			     /* bytes in fw_text; 0: no ruleset */
	__u32 text_size;		     /* of the text itself */
	__u32 pad;
	__u64 loaded_s; /* CLOCK_REALTIME */
};

/* The one element of fw_rulesets. */
struct fw_rulesets {
	__u32 loads; /* rulesets loaded so far: the number of the latest, which is in force */
	__u32 pad;
	struct fw_head banks[FW_BANKS];
};

struct fw_text_chunk {
	__u8 bytes[FW_TEXT_CHUNK];
};

_Static_assert(sizeof(struct fw_node) == 8, "value of fw_nodes");
_Static_assert(sizeof(struct fw_match) == 48, "value of fw_matches");
_Static_assert(sizeof(struct fw_match_rest) == sizeof(struct fw_match), "value of fw_matches");
_Static_assert(sizeof(struct fw_action) == 32, "value of fw_actions");
_Static_assert(sizeof(struct fw_bucket_key) == 24, "key of fw_buckets");
_Static_assert(sizeof(struct fw_sample) == 40 + FW_SAMPLE_BYTES, "value of fw_samples");
_Static_assert(sizeof(struct fw_hits) <= 32768, "the largest element of a per-CPU map");
_Static_assert(!(FW_RULES_DEFAULT % FW_RULES_GROUP), "whole groups");
_Static_assert(sizeof(struct fw_text_chunk) == FW_TEXT_CHUNK, "value of fw_text");

#endif
