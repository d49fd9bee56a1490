/* SPDX-License-Identifier: GPL-2.0-only */
/* A ruleset as data: what a file says, before it is compiled. Pure: no system call but for memory. */
#ifndef FW_RULESET_H
#define FW_RULESET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/firewall/fw_abi.h"

#define FW_IP4 1
#define FW_IP6 2
#define FW_COMMENT_MAX 128 /* with its NUL */
/* Values (prefixes, ports, types ...) of a whole ruleset. */
#define FW_VALUES_MAX (4 * FW_RULES_MAX)

struct fw_prefix {
	bool is_ip6;
	__u8 len;
	__u8 addr[16]; /* network byte order */
};

/* Ports, protocols or ICMP types from lo to hi. */
struct fw_span {
	__u16 lo, hi;
};

/* Some in a row of the ruleset's prefixes or spans, any of which matches; none: all do. */
struct fw_values {
	__u32 first, count;
};

/* Flags that are in mask have to be as in value. */
struct fw_flags {
	__u8 value, mask;
};

/* Of the packets that a ruleset is about: it comes with the slot, not with the text. */
enum fw_direction {
	FW_INCOMING,
	FW_OUTGOING,
	FW_DIRECTION_COUNT,
};

/* A rule has at most so many of them, one for each flag. */
#define FW_FLAGS_MAX 8

enum fw_frag {
	FW_FRAG_ALL, /* whatever it is */
	FW_FRAG_NO,
	FW_FRAG_ANY,
	FW_FRAG_FIRST,
	FW_FRAG_LATER,
	FW_FRAG_COUNT,
};

enum fw_preset {
	FW_PRESET_NONE, /* a rule */
	FW_PRESET_SYN_FLOOD,
	FW_PRESET_UDP_AMPLIFICATION,
	FW_PRESET_COUNT,
};

struct fw_rate {
	__u32 packets; /* 0: no limit */
	__u32 seconds; /* in so many */
	__u32 burst;
	bool is_by_source;
	__u8 len4, len6; /* bits of sources that have a bucket together */
};

struct fw_rule {
	__u32 line;
	__u32 order; /* in the file: a line may have several */
	__s32 priority;
	enum fw_preset preset;		 /* a guard: has a rate and nothing else */
	__u8 families;			 /* FW_IP4 | FW_IP6 */
	__u16 interfaces;		 /* bit n: the ruleset's interface n; 0: any */
	enum fw_direction direction;	 /* of iifname and oifname; without, it says nothing */
	struct fw_values sources, dests; /* prefixes */
	struct fw_values protos, sports, dports, types, codes; /* spans */
	struct fw_flags flags[FW_FLAGS_MAX];
	__u8 flag_count; /* any of them; 0: all packets */
	enum fw_frag frag;
	struct fw_rate rate;
	__u32 sample_every; /* 0: none */
	enum fw_verdict verdict;
	char *comment; /* or NULL */
};

struct fw_ruleset {
	enum fw_verdict policy; /* FW_CONTINUE: the settings decide */
	struct fw_rule *rules;	/* by priority, then as in the file; numbers of fw_abi.h */
	struct fw_prefix *prefixes;
	struct fw_span *spans;
	size_t rule_count, rule_room;
	size_t prefix_count, prefix_room;
	size_t span_count, span_room;
	char interfaces[FW_INTERFACES_MAX][IFNAMSIZ];
	size_t interface_count;
};

void fw_ruleset_free(struct fw_ruleset *set);

/* Append, a copy; @rule's comment is taken over. Return 0 or -ENOMEM. */
int fw_ruleset_add(struct fw_ruleset *set, const struct fw_rule *rule);
int fw_ruleset_add_prefix(struct fw_ruleset *set, const struct fw_prefix *prefix);
int fw_ruleset_add_span(struct fw_ruleset *set, const struct fw_span *span);

/* fw_ruleset_sort - by priority, rules of the same one stay as they are. */
void fw_ruleset_sort(struct fw_ruleset *set);

/* fw_ruleset_families - FW_IP4, FW_IP6: those of the prefixes @values; of none: both. */
__u8 fw_ruleset_families(const struct fw_ruleset *set, const struct fw_values *values);

/* fw_ruleset_interface - the number of @name, which may be new, or -E2BIG. */
int fw_ruleset_interface(struct fw_ruleset *set, const char *name);

/*
 * fw_ruleset_parse - the ruleset in @text, @len bytes long (programs/firewall/README.md has
 * the language).
 *
 * @file is only named in messages. What is wrong is added to @errors, line by line, up to
 * a bound. @ret_set (fw_ruleset_free) is set only where nothing is. Returns 0, -EINVAL when
 * there were errors, -ENOMEM.
 */
int fw_ruleset_parse(const char *file, const char *text, size_t len, struct slot_reasons *errors,
		     struct fw_ruleset *ret_set);

/* fw_interface_word - what the interface is called in rules of @direction. */
const char *fw_interface_word(enum fw_direction direction);

/* fw_ruleset_interface_word - that of @set's rules, of which fw_ruleset_check() had one sort. */
const char *fw_ruleset_interface_word(const struct fw_ruleset *set);

/*
 * fw_ruleset_check - whether @set can be about packets that go in @direction: interfaces have a
 * word for each. Returns 0, or -EINVAL and says why, and in which line.
 */
int fw_ruleset_check(const struct fw_ruleset *set, enum fw_direction direction,
		     struct slot_reason *why);

/*
 * fw_ruleset_parse_packet - a packet in the words of conditions, each with one value:
 * `ip saddr 192.0.2.1 tcp dport 80`. Returns 0, or -EINVAL or -ENOMEM and says why.
 */
int fw_ruleset_parse_packet(const char *text, size_t len, struct slot_reason *why,
			    struct fw_ruleset *ret_set);

/* fw_ruleset_is_list - whether @text is rather a file of allow and deny lines, or empty. */
bool fw_ruleset_is_list(const char *text, size_t len);

#endif
