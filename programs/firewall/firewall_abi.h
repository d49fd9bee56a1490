/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the firewall's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes the
 * rules, the program reads them; the program writes the counters. Version rule:
 * SLOT_MAP_ABI in firewall.bpf.c is raised when a map here changes its meaning
 * but not its layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef FIREWALL_ABI_H
#define FIREWALL_ABI_H

#include <stdbool.h>

#include <linux/types.h>

#define FIREWALL_SOURCES4_NAME "fw_sources4"
#define FIREWALL_SOURCES6_NAME "fw_sources6"
#define FIREWALL_PORTS_NAME "fw_ports"
#define FIREWALL_COUNTS_NAME "fw_counts"
#define FIREWALL_REPLIES_NAME "fw_replies"

/*
 * Prefixes per family that a rule set may have. The tries hold twice as many,
 * so that loading a whole new rule set can add all of it before it takes the
 * old one out. Tries allocate by entry, the room costs nothing.
 */
#define FIREWALL_PREFIXES_MAX 100000
#define FIREWALL_TRIE_SIZE (2 * FIREWALL_PREFIXES_MAX)

/* Lists that name a source or a port: the value of every rule, a mask. */
enum firewall_list {
	FIREWALL_ALLOW = 1 << 0,
	FIREWALL_DENY = 1 << 1,
};

/* Key of fw_sources4: BPF_MAP_TYPE_LPM_TRIE; value __u32, enum firewall_list. */
struct firewall_source4 {
	__u32 prefix_len; /* 0 to 32 */
	__u8 addr[4];	  /* network byte order */
};

/* Key of fw_sources6, likewise. */
struct firewall_source6 {
	__u32 prefix_len; /* 0 to 128 */
	__u8 addr[16];
};

/*
 * A port by protocol: 0 to 65535 for TCP, the same again behind it for UDP; the
 * destination's, host byte order.
 */
#define FIREWALL_PORT_INDEX(is_udp, port) ((is_udp) ? 65536 + (port) : (port))
#define FIREWALL_PORT_INDEXES (2 * 65536)

/*
 * Element of fw_ports, an array, since every TCP and UDP packet looks into it:
 * what is listed of 256 ports in a row, at FIREWALL_PORT_INDEX / 256. In groups,
 * so that reading all of them takes few calls.
 */
#define FIREWALL_PORT_GROUP 256
#define FIREWALL_PORT_GROUPS (FIREWALL_PORT_INDEXES / FIREWALL_PORT_GROUP)

struct firewall_ports {
	__u8 lists[FIREWALL_PORT_GROUP]; /* masks of enum firewall_list, 0: no rule names it */
};

#define FIREWALL_COUNTS_SIZE 32
/* Counters from here on are of dropped packets. */
#define FIREWALL_FIRST_DROP 16

/*
 * Elements of fw_counts (per-CPU array of struct slot_count): why a packet went
 * on or was dropped. Every packet is counted once, so they add up to all.
 */
enum firewall_counter {
	FIREWALL_NO_RULE,      /* passed: nothing named it, and the default is to pass */
	FIREWALL_ALLOW_SOURCE, /* passed */
	FIREWALL_ALLOW_PORT,   /* passed */
	FIREWALL_NEIGHBOUR,    /* passed: IPv6 neighbour discovery that the default would deny */
	FIREWALL_NOT_IP,       /* passed: ARP and all that is neither IPv4 nor IPv6 */
	FIREWALL_ALLOW_RULE,   /* passed: by a rule of the ruleset */
	FIREWALL_ALLOW_REPLY,  /* passed: the host began the flow, and the default would deny */

	FIREWALL_DENY_SOURCE = FIREWALL_FIRST_DROP,
	FIREWALL_DENY_PORT,
	FIREWALL_DENY_STATIC,  /* the rule of firewall_config */
	FIREWALL_DENY_DEFAULT, /* default_deny, and no rule allows it */
	FIREWALL_FRAGMENT,     /* drop_fragments, and no transport header to judge */
	FIREWALL_BAD_ETHERNET, /* cut off inside the Ethernet header or a VLAN tag */
	FIREWALL_BAD_IP4,      /* version, header length or total length is wrong */
	FIREWALL_BAD_IP6,      /* version, payload length or an extension header is wrong */
	FIREWALL_BAD_L4,       /* TCP or UDP header not whole within the IP payload */
	FIREWALL_TOO_DEEP,     /* more VLAN tags or IPv6 extension headers than it looks behind */
	FIREWALL_DENY_RULE,    /* a rule of the ruleset */
	FIREWALL_DENY_LIMIT,   /* more than the limit of the rule that allows it */
	FIREWALL_COUNTER_COUNT,
};

_Static_assert(FIREWALL_COUNTER_COUNT <= FIREWALL_COUNTS_SIZE, "counters fit their map");

/* Settings by default. */
#define FIREWALL_REPLY_TCP_SECONDS 3600
#define FIREWALL_REPLY_SECONDS 120

/* Load-time settings, by these names in `settings { }` of slots.conf. */
struct firewall_config {
	bool default_deny;   /* drop what no rule allows; false: pass what no rule denies */
	bool drop_fragments; /* drop fragments that carry no ports, unless their source is allowed */
	__u8 static_deny_proto; /* 6 (TCP) or 17 (UDP), see static_deny_port */
	__u8 pad;
	__u16 static_deny_port; /* a denied destination port, host byte order; 0: none */
	__u16 pad2;
	/* How long replies pass after what the host sent last, where fw_egress tells of that. */
	__u32 reply_tcp_seconds;
	__u32 reply_seconds; /* other than TCP */
	/* Sizes of maps (data/maps.h); the program does not read them. */
	__u32 rules_max;	   /* room for rules of a ruleset */
	__u32 limited_sources_max; /* sources that have a limit of their own */
};

_Static_assert(sizeof(struct firewall_source4) == 8, "key of fw_sources4");
_Static_assert(sizeof(struct firewall_source6) == 20, "key of fw_sources6");
_Static_assert(sizeof(struct firewall_ports) == FIREWALL_PORT_GROUP, "value of fw_ports");
_Static_assert(sizeof(struct firewall_config) == 24, "layout of firewall_config");

#endif
