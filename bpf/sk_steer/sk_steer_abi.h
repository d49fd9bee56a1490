/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What sk_steer's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes rules, what follows
 * from them, groups and sockets; the program reads them, and writes the counters. Rules are
 * there twice, in two banks: a change writes the whole of the bank that is not in use, then
 * the one word that says which is, so that no lookup sees half of it. Version rule:
 * SLOT_MAP_ABI of the program is raised when a map here changes its meaning but not its
 * layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef SK_STEER_ABI_H
#define SK_STEER_ABI_H

#include <linux/types.h>

/* The maps' names. */
#define SK_STEER_CONTROL_NAME "steer_control"
#define SK_STEER_RULES_NAME "steer_rules"
#define SK_STEER_PREFIXES_NAME "steer_prefixes"
#define SK_STEER_SPANS_NAME "steer_spans"
#define SK_STEER_GROUPS_NAME "steer_groups"
#define SK_STEER_SOCKETS_NAME "steer_sockets"
#define SK_STEER_HITS_NAME "steer_hits"
#define SK_STEER_COUNTS_NAME "steer_counts"

/* Of one chain, both families and protocols together. */
#define SK_STEER_RULES_MAX 1024
#define SK_STEER_SPANS_MAX 16384
#define SK_STEER_GROUPS_MAX 64
#define SK_STEER_PLACES_MAX 16 /* sockets of one group */
#define SK_STEER_NAME_MAX 16   /* of a group, with its NUL */

#define SK_STEER_BANKS 2
/* Spans of one prefix: each rule begins one and ends one. */
#define SK_STEER_PREFIX_SPANS_MAX (2 * SK_STEER_RULES_MAX + 1)
/* So often can they be halved. */
#define SK_STEER_HALVINGS 12

/* Element 0 of steer_control (array); 4 bytes, so that none sees half of it. */
struct sk_steer_control {
	__u32 bank; /* in use: 0 or 1 */
};

enum sk_steer_flag {
	SK_STEER_DROP = 1 << 0, /* without a socket refuse; else the host's own sockets are asked */
	SK_STEER_EXACT = 1 << 1, /* this socket, not one of its reuseport group */
};

/*
 * Element of steer_rules (array, [bank * SK_STEER_RULES_MAX + number]): a rule as it was
 * given. The program does not read it.
 */
struct sk_steer_rule {
	__u8 family;   /* 4 or 6; 0: there is no rule of this number */
	__u8 proto;    /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 len;      /* of the prefix, in bits */
	__u8 flags;    /* enum sk_steer_flag */
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes, the others 0 */
	__u16 first;   /* ports, both included; host byte order */
	__u16 last;
	__u32 group; /* element of steer_groups */
};

/* Key of steer_prefixes (LPM_TRIE): the prefix of one rule or more, or where a lookup is for. */
struct sk_steer_prefix {
	__u32 len; /* SK_STEER_FIXED_BITS, and the prefix's own */
	__u8 bank;
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 pad;
	__u8 addr[16]; /* as above */
};

#define SK_STEER_FIXED_BITS 32 /* bank, family and protocol are never part of a prefix's choice */

/*
 * Value of steer_prefixes: @count elements of steer_spans from @first on. They are sorted, the
 * first one begins with port 0, and rules of shorter prefixes are in them where no rule of this
 * one applies.
 */
struct sk_steer_spans {
	__u32 first; /* bank * SK_STEER_SPANS_MAX and more */
	__u32 count;
};

/* Element of steer_spans (array): the ports from here to the next one's. */
struct sk_steer_span {
	__u16 port; /* host byte order */
	__u16 rule; /* number, which is that of its hits too; SK_STEER_NO_RULE: none */
	__u16 group;
	__u16 flags; /* enum sk_steer_flag */
};

#define SK_STEER_NO_RULE 0xffff

/* Element of steer_groups (array). */
struct sk_steer_group {
	char name[SK_STEER_NAME_MAX]; /* "": there is none of this number */
	__u32 places;		      /* the first so many may have a socket */
};

/*
 * steer_sockets (SOCKMAP, [group * SK_STEER_PLACES_MAX + place]): a listening TCP socket, or
 * a UDP socket that is bound and not connected. The kernel takes out what is closed.
 *
 * Elements of steer_hits (per-CPU array of struct slot_count): lookups that a rule decided,
 * by its number. Elements of steer_counts, the same: lookups that any rule decided, each once.
 * A lookup is no packet: bytes stay 0.
 */
enum sk_steer_counter {
	SK_STEER_ASSIGNED, /* one of the group's sockets was selected */

	/* No socket of the group could be. */
	SK_STEER_NO_SOCKET, /* passed on */
	SK_STEER_REFUSED,   /* dropped, as the rule says: TCP is reset, UDP gets an error by ICMP */

	/* Noted, besides one of those above, and for each such socket. */
	SK_STEER_UNSUITABLE, /* a socket of another protocol or family, or a connected one */
	SK_STEER_COUNTER_COUNT,
};

#define SK_STEER_COUNTS_SIZE 16

_Static_assert(SK_STEER_COUNTER_COUNT <= SK_STEER_COUNTS_SIZE, "counters fit their map");
_Static_assert(SK_STEER_PREFIX_SPANS_MAX <= 1 << SK_STEER_HALVINGS, "halvings reach one span");
_Static_assert(SK_STEER_RULES_MAX < SK_STEER_NO_RULE, "numbers of rules fit a span");
_Static_assert(sizeof(struct sk_steer_rule) == 28, "value of steer_rules");
_Static_assert(sizeof(struct sk_steer_prefix) == 24, "key of steer_prefixes");
_Static_assert(sizeof(struct sk_steer_spans) == 8, "value of steer_prefixes");
_Static_assert(sizeof(struct sk_steer_span) == 8, "value of steer_spans");
_Static_assert(sizeof(struct sk_steer_group) == 20, "value of steer_groups");

#endif
