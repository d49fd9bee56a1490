/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a ruleset does with a packet, and why: every rule in turn is asked, not the trees
 * that are made of them. Pure.
 */
#ifndef FW_TRACE_H
#define FW_TRACE_H

#include "programs/firewall/rules/fw_ruleset.h"

struct fw_packet {
	bool is_ip6;
	__u8 source[16], dest[16]; /* network byte order */
	__u8 proto;
	bool has_ports; /* ports, flags or type are there */
	__u16 sport, dport;
	__u8 type, code; /* of ICMP */
	__u8 flags;	 /* of TCP */
	bool is_part, is_later;
	char interface[IFNAMSIZ]; /* "": one that no rule names */
	/* Of a packet that was read from a frame (fw_frame.h). */
	bool is_frame;
	bool is_cut;	   /* the TCP or UDP header is not whole */
	bool is_from_link; /* hop limit 255, and a whole ICMPv6 header */
};

/* What a rule can ask of a packet. */
enum fw_field {
	FW_FIELD_INTERFACE,
	FW_FIELD_FAMILY,
	FW_FIELD_SOURCE,
	FW_FIELD_DEST,
	FW_FIELD_PROTO,
	FW_FIELD_SPORT,
	FW_FIELD_DPORT,
	FW_FIELD_FLAGS,
	FW_FIELD_TYPE,
	FW_FIELD_CODE,
	FW_FIELD_FRAG,
	FW_FIELD_COUNT,
};

/* fw_field_name - what @field is called in rules of @set. */
const char *fw_field_name(const struct fw_ruleset *set, enum fw_field field);

/*
 * fw_packet_read - the packet that the words of fw_ruleset_parse_packet() describe; what they
 * leave out is 0. Returns 0, or -EINVAL where they are no single packet; says why.
 */
int fw_packet_read(const struct fw_ruleset *words, struct slot_reason *why,
		   struct fw_packet *ret_packet);

/* fw_rule_ask - the fields, bits by enum fw_field, in which @packet is not what @rule asks for. */
__u32 fw_rule_ask(const struct fw_ruleset *set, const struct fw_rule *rule,
		  const struct fw_packet *packet);

/* fw_preset_is_for - whether the guard @preset limits @packet. */
bool fw_preset_is_for(enum fw_preset preset, const struct fw_packet *packet);

/* A rule that was asked, and the fields that did not match. */
struct fw_miss {
	__u32 rule;
	__u32 fields;
};

#define FW_MISSES_MAX 20

struct fw_trace {
	struct fw_miss misses[FW_MISSES_MAX]; /* the nearest, in the order of the rules */
	size_t miss_count;
	size_t asked;			  /* rules that did not match */
	long rule;			  /* the one that did; -1: none */
	long guards[FW_GUARDS_OF_PACKET]; /* presets that limit it if it passes */
	size_t guard_count;
};

void fw_trace_packet(const struct fw_ruleset *set, const struct fw_packet *packet,
		     struct fw_trace *ret_trace);

#endif
