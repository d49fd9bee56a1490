/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load balancer's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names. User space writes all of
 * them but the flows and the counters. Nothing in a map is ever created anew:
 * whoever may write the pins may run the load balancer, without root. Version
 * rule: SLOT_MAP_ABI in lb.bpf.c is raised when a map here changes its meaning
 * but not its layout. Counters keep their numbers; new ones take free ones.
 *
 * Addresses and ports are in network byte order, everything else in the host's.
 */
#ifndef LB_ABI_H
#define LB_ABI_H

#include <stdbool.h>

#include <linux/types.h>

#include "programs/lb/lb_config_abi.h"
#include "programs/lb/lb_mark_abi.h"

#define LB_CONTROL_NAME "lb_control"
#define LB_ACTIVE_NAME "lb_active"
#define LB_GENERATION_NAME "lb_generation"
#define LB_VIPS4_NAME "lb_vips4"
#define LB_VIPS6_NAME "lb_vips6"
#define LB_CIDRS4_NAME "lb_cidrs4"
#define LB_CIDRS6_NAME "lb_cidrs6"
#define LB_RINGS_NAME "lb_rings"
#define LB_PREVIOUS_NAME "lb_previous"
#define LB_REALS_NAME "lb_reals"
#define LB_FLOWS_NAME "lb_flows"
#define LB_SOURCES4_NAME "lb_sources4"
#define LB_SOURCES6_NAME "lb_sources6"
#define LB_SERVER_IDS_NAME "lb_server_ids"
#define LB_DOWN_NAME "lb_down"
#define LB_RETURNS4_NAME "lb_returns4"
#define LB_RETURNS6_NAME "lb_returns6"
#define LB_TUNNELS_NAME "lb_tunnels"
#define LB_COUNTS_NAME "lb_counts"
#define LB_VIP_COUNTS_NAME "lb_vip_counts"
#define LB_REAL_COUNTS_NAME "lb_real_counts"
#define LB_RATE_NAME "lb_rate"
#define LB_NOTES_NAME "lb_notes"
#define LB_MEMBERS_NAME "lb_members"

/* A build may have more: make LIMITS="-DLB_VIPS_MAX=1024 -DLB_REALS_MAX=8192". */
#ifndef LB_VIPS_MAX
#define LB_VIPS_MAX 512
#endif
#ifndef LB_REALS_MAX
#define LB_REALS_MAX 4096
#endif
#define LB_REAL_INDEXES (LB_REALS_MAX + 1) /* 0 is no real */
#ifndef LB_BUCKETS
#define LB_BUCKETS (1 << 18) /* of the flow table, 64 bytes and 4 flows each */
#endif
#define LB_CIDRS_MAX 4096
#define LB_SOURCES_MAX 1000000
#define LB_SERVER_IDS_MAX 65536
#define LB_MEMBERS_MAX 262144
#define LB_TUNNELS_MAX 64

/* --- VIPs ------------------------------------------------------------------------------------ */

/* The numbers of Katran's flags, so that its lists can be imported. */
enum lb_vip_flag {
	LB_NO_SRC_PORT = 1 << 0,   /* the source port does not count for the ring */
	LB_NO_TABLE = 1 << 1,	   /* no flow table, the ring decides */
	LB_QUIC = 1 << 2,	   /* connection ids of QUIC are read (UDP) */
	LB_DST_PORT_ONLY = 1 << 3, /* nothing but the destination port counts */
	LB_SRC_ROUTING = 1 << 4,   /* the client's prefix may name the real */
	LB_LOCAL_VIP = 1 << 5,	   /* a real that is this host gets the packet as it is */
	LB_GLOBAL_TABLE = 1 << 6, /* as Katran's F_GLOBAL_LRU: always so, as CPUs share the table */
	LB_BOTH_PORTS = 1 << 7,	  /* the destination port counts also where the VIP has all ports */
	LB_STABLE_ROUTING = 1 << 8, /* server ids in UDP payloads are read */
	LB_FLOW_MIGRATION = 1 << 9, /* UDP flows leave a real that is marked down */
	LB_VIP_FLAGS = (1 << 10) - 1,
};

/* How a packet gets to the real. */
enum lb_encap {
	LB_IPIP,    /* IPv4 in IPv4, IPv6 in IPv6, IPv4 in IPv6 */
	LB_GUE,	    /* UDP, variant 1 (RFC draft-ietf-intarea-gue): the inner IP header follows */
	LB_L2,	    /* the real's MAC, it is on the same segment */
	LB_REWRITE, /* the real's address in place of the VIP; answers come back through here */
	LB_ENCAPS,
};

/* What remembers where a flow went. */
enum lb_table {
	LB_TABLE_FLOWS,	      /* the flow table, for every flow */
	LB_TABLE_TRANSITIONS, /* the ring, and the flow table where the ring changed of late */
	LB_TABLES,
};

/* Key of lb_vips4 (HASH). @port 0: every port. */
struct lb_vip4_key {
	__be32 addr;
	__be16 port;
	__u8 proto; /* 6 or 17 */
	__u8 pad;
};

/* Key of lb_vips6 (HASH). */
struct lb_vip6_key {
	__u8 addr[16];
	__be16 port;
	__u8 proto;
	__u8 pad;
};

/* Key of lb_cidrs4 (LPM_TRIE): the first 32 bits are exact, the prefix is of the address. */
struct lb_cidr4_key {
	__u32 prefix_len; /* 32 + 0 to 32 */
	__be16 port;
	__u8 proto;
	__u8 pad;
	__be32 addr;
};

/* Key of lb_cidrs6, likewise. */
struct lb_cidr6_key {
	__u32 prefix_len; /* 32 + 0 to 128 */
	__be16 port;
	__u8 proto;
	__u8 pad;
	__u8 addr[16];
};

/* Value of the four: replaced as a whole, so a packet sees the old or the new one. */
struct lb_vip {
	__u32 number;	      /* below LB_VIPS_MAX: its counters, and part of the ring's keys */
	__u16 flags;	      /* enum lb_vip_flag */
	__u16 life;	      /* of its rings, see LB_ENTRY_ERA */
	__u8 encap;	      /* enum lb_encap */
	__u8 table;	      /* enum lb_table */
	__u8 ring;	      /* 0 or 1: which of its two rings counts */
	__u8 has_ring;	      /* 0: no reals, packets are dropped */
	__u8 ring_kind;	      /* enum lb_ring_kind: how its rings are made */
	__u8 turn;	      /* counts its rings: another one is another ring */
	__u16 window;	      /* s: how long lb_previous counts after a change */
	__u64 previous_until; /* CLOCK_MONOTONIC, ns: until when lb_previous counts */
};

/* --- rings ----------------------------------------------------------------------------------- */

#define LB_RING_SIZE 65537
/*
 * Rings are kept in pages, so that memory follows use: an element of a page with
 * the kernel's own header fits 4096 bytes. Both rings of a VIP are complete; the
 * one that does not count is empty but while a change is made.
 */
#define LB_PAGE_ENTRIES 960
#define LB_RING_PAGES ((LB_RING_SIZE + LB_PAGE_ENTRIES - 1) / LB_PAGE_ENTRIES)
/* Key of lb_rings (HASH, value struct lb_ring_page) and lb_previous (struct lb_previous_page). */
#define LB_PAGE_KEY(vip, ring, page) ((__u32)(vip) << 8 | (__u32)(ring) << 7 | (__u32)(page))
#define LB_PAGES_MAX (LB_VIPS_MAX * 2 * LB_RING_PAGES)

#define LB_ENTRY_REAL 0x00ffffffU    /* the real's index, 0: none */
#define LB_ENTRY_TABLE (1U << 31)    /* changed of late: what the flow table says goes first */
#define LB_ENTRY_PREVIOUS (1U << 30) /* lb_previous has the real before the changes */
/*
 * With LB_ENTRY_TABLE: how often the entry came to have it. Part of a TCP flow's tag
 * (tag ^ LB_ERA_TAG()): records that an entry without it did not follow may be of an
 * earlier flow with the same ports. A ring that follows from none begins with era 0
 * again, so lb_vip.life tells the eras of such rings apart. Era 0 is that of
 * LB_TABLE_FLOWS, which entries have that were recorded in that mode.
 */
#define LB_ENTRY_ERA 0x3f000000U
#define LB_ENTRY_ERA_ONE (1U << 24)
#define LB_ERA_TAG(era, life) ((era) ? (era) | (life) : 0)

struct lb_ring_page {
	__u32 entries[LB_PAGE_ENTRIES];
};

/* Half as many entries, twice as large: LB_PREVIOUS_ENTRIES a page. */
#define LB_PREVIOUS_ENTRIES 480
#define LB_PREVIOUS_PAGES ((LB_RING_SIZE + LB_PREVIOUS_ENTRIES - 1) / LB_PREVIOUS_ENTRIES)
#define LB_PREVIOUS_KEY(vip, ring, page) ((__u32)(vip) << 9 | (__u32)(ring) << 8 | (__u32)(page))

struct lb_previous_page {
	struct lb_previous {
		__u32 real;    /* index, 0: none */
		__u32 changed; /* CLOCK_MONOTONIC, s: when it ceased to be the ring's */
	} entries[LB_PREVIOUS_ENTRIES];
};

/* --- reals ----------------------------------------------------------------------------------- */

enum lb_real_flag {
	LB_REAL_USED = 1 << 0,
	LB_REAL_IP6 = 1 << 1,
	LB_REAL_LOCAL = 1 << 2, /* this host */
};

/* Element of lb_reals (ARRAY of LB_REAL_INDEXES), from 1 on. */
struct lb_real {
	__u8 addr[16]; /* IPv4: the first 4 bytes */
	__u8 mac[6];   /* for LB_L2 and LB_REWRITE; zeros: the gateway's */
	__u8 flags;    /* enum lb_real_flag */
	__u8 epoch;    /* raised when the index is given to another address */
	__u32 freed; /* when the index became free, counted up: the first freed is the first used */
	__u32 users; /* VIPs, server ids and source prefixes that name it */
};

/* --- flow table ------------------------------------------------------------------------------ */

/*
 * Element of lb_flows (ARRAY, LB_BUCKETS of them): one cache line, shared by all
 * CPUs without a lock. A flow is known by a keyed 64-bit hash of its 5-tuple
 * ("tag"); the bucket is chosen by another part of that hash. @check is tag ^ value, so that
 * an element of which another CPU wrote one half is no flow at all.
 */
struct lb_flow {
	__u64 check;
	__u64 value; /* LB_FLOW(): real, its epoch, time of last use; 0: free */
};

#define LB_BUCKET_FLOWS 4

struct lb_bucket {
	struct lb_flow flows[LB_BUCKET_FLOWS];
};

/* What rates and turns go by: 2^30 ns are near enough to a second, without a division. */
#define LB_SECOND_SHIFT 30

/* Times in the table are CLOCK_MONOTONIC >> LB_TIME_SHIFT: 134 ms a tick, 18 years to a wrap. */
#define LB_TIME_SHIFT 27
#define LB_FLOW_UDP (1U << 23)
#define LB_FLOW_REAL 0x007fffffU
#define LB_FLOW(real, epoch, time)                                                                 \
	((__u64)(time) << 32 | (__u64)(__u8)(epoch) << 24 | ((real) & LB_FLOW_REAL))

/* --- what holds for all VIPs ----------------------------------------------------------------- */

#define LB_FILTER_WORDS 64

enum lb_control_flag {
	LB_HAS_CIDRS = 1 << 0,	   /* the filter does not count, and the tries are asked */
	LB_HAS_ALL_PORTS = 1 << 1, /* some VIP has all ports */
	LB_HAS_TUNNELS = 1 << 2,   /* lb_tunnels is not empty */
	LB_HAS_RETURNS = 1 << 3,   /* lb_returns* are not empty */
};

/*
 * Element of lb_control (ARRAY of two); lb_active (ARRAY of one __u32) says which
 * counts, so that a packet sees all of a change or nothing of it.
 */
struct lb_control {
	__u8 gateway[6]; /* where all that is sent goes; zeros: nothing is sent, packets pass */
	__u16 gue_port;	 /* network byte order */
	__u32 flags;	 /* enum lb_control_flag */
	/* This host's own: outer source of GUE, end of tunnels (`decap`), no client of reals. */
	__u8 source4[4];
	__u8 source6[16];
	__u32 new_flows_max; /* a second and CPU that are remembered; Katran: 125,000 */
	__u32 pad;
	__u64 seed[2];		       /* of the flow table's hash, secret */
	__u64 filter[LB_FILTER_WORDS]; /* by LB_FILTER_BIT: a bit not set is no VIP's address */
};

/*
 * lb_generation (ARRAY of one __u32) is raised after every change of VIPs and server ids,
 * and before anything goes that they named: what a CPU knows of them counts as long as
 * the generation stands, and no longer than LB_KNOWN_TICKS of the kernel's clock.
 */
#define LB_KNOWN_TICKS 256

#define LB_FILTER_BITS (64 * LB_FILTER_WORDS)
/* The bit of an address; of an IPv6 address, the XOR of its four words as they stand in memory. */
#define LB_FILTER_BIT(word)                                                                        \
	((__u32)((__u32)(word) * 2654435761U) / (0x100000000ULL / LB_FILTER_BITS))

/* Key of lb_sources4 and lb_sources6 (LPM_TRIE): a client's prefix; value __u32: a real's index. */
struct lb_source4_key {
	__u32 prefix_len;
	__be32 addr;
};

struct lb_source6_key {
	__u32 prefix_len;
	__u8 addr[16];
};

/* lb_server_ids (HASH): key __u32 server id, not 0; value __u32: index of a real. */

/* Key of lb_down (HASH, value __u8 1): the real is down for this VIP, where flows may migrate. */
struct lb_down_key {
	__u32 vip;  /* number */
	__u32 real; /* index */
};

/* An address as key or value of a map. */
struct lb_address {
	__u8 addr[16];
};

/*
 * Key of lb_returns4 and lb_returns6 (HASH): what a real answers from. Value: the VIP's
 * address, 4 or 16 bytes, which takes the place of the real's (LB_REWRITE).
 */
struct lb_return4_key {
	__be32 addr;
	__be16 port; /* 0: every port */
	__u8 proto;
	__u8 pad;
};

struct lb_return6_key {
	__u8 addr[16];
	__be16 port;
	__u8 proto;
	__u8 pad;
};

/* lb_tunnels (HASH): key 16 bytes, a local tunnel address (IPv4: ::ffff:a.b.c.d); value __u8 1. */

/* Element of lb_rate (PERCPU_ARRAY of one): flows that are new in this second. */
struct lb_rate {
	__u64 since; /* CLOCK_MONOTONIC, ns: when the second began */
	__u64 flows;
	__u64 scratch; /* the data plane's own: the verifier knows nothing of what comes out */
};

/* --- counters -------------------------------------------------------------------------------- */

/*
 * Every packet adds one to exactly one of the ends, which say what became of it;
 * events are counted apart from that. VIPs (lb_vip_counts, by number) and reals
 * (lb_real_counts, by index) have a struct slot_count each, PERCPU_ARRAYs, whose
 * bytes are those of the IP packet: IPv4's total length, IPv6's payload length.
 */
enum lb_counter {
	/* Ends: the chain goes on with the packet as it came. */
	LB_OFF,		 /* no gateway is set */
	LB_NOT_IP,	 /* neither IPv4 nor IPv6; VLAN tags too */
	LB_NOT_BALANCED, /* neither TCP nor UDP nor ICMP */
	LB_OTHER_ICMP,	 /* nothing that is answered or has to follow a flow */
	LB_NOT_A_VIP,
	LB_LOCAL, /* the real is this host */
	LB_HERE,  /* out of a tunnel to this host's own address */

	/* Ends: sent out of the interface that it came in by. */
	LB_FIRST_SENT = 16,
	LB_SENT4 = LB_FIRST_SENT, /* to an IPv4 real */
	LB_SENT6,		  /* to an IPv6 real */
	LB_RETURNED,		  /* a real's answer, to the client */
	LB_ECHO_ANSWERED,
	LB_TOO_BIG_ANSWERED, /* packet-too-big */

	/* Ends: dropped. */
	LB_FIRST_DROP = 32,
	LB_BAD_HEADER = LB_FIRST_DROP, /* cut short */
	LB_OPTIONS,		       /* IPv4 options */
	LB_FRAGMENT,
	LB_TOO_LONG,	 /* does not fit the way to the reals, and is not answered */
	LB_NO_REALS,	 /* the VIP has none */
	LB_NO_REAL,	 /* the ring or an id names none */
	LB_UNKNOWN_REAL, /* an index without a real */
	LB_MIXED_FAMILY, /* an IPv6 packet for an IPv4 real, or a mode that keeps families */
	LB_NO_ROOM,	 /* the frame could not be made longer */
	LB_QUIC_NO_REAL, /* a server id that is known, of a real that is not */
	LB_EXPIRED,	 /* out of a tunnel, and its time to live was over */

	/* Events. */
	LB_TABLE_PACKETS = 64, /* the flow table was asked */
	LB_TABLE_MISSES,
	LB_MISSES_SYN,	 /* TCP that the ring decided: new connections, */
	LB_MISSES_OTHER, /* and packets of connections that nothing is known of */
	LB_NEW_FLOWS,	 /* counted against new_flows_max */
	LB_FLOODED,	 /* above it: neither recorded nor routed by source */
	LB_TO_PREVIOUS,	 /* by lb_previous, after a change of the ring */
	LB_SOURCE_HITS,	 /* client prefixes that named the real */
	LB_SOURCE_MISSES,
	LB_MIGRATED,  /* UDP flows that left a real that is down */
	LB_SENT_LONG, /* sent although longer than `mtu`, with its outer headers or as an answer */
	LB_ICMP_PTB4, /* packet-too-big of routers, on to the real */
	LB_ICMP_PTB6,
	LB_DECAP4, /* outer headers taken off, by their family */
	LB_DECAP6,
	LB_QUIC_BY_HASH, /* no id, or not one of a server */
	LB_QUIC_INITIAL, /* Initial and 0-RTT */
	LB_QUIC_BAD_ID,	 /* no server has this id */
	LB_QUIC_BY_ID,
	LB_QUIC_V0, /* ids by version; 0 and what is above 3 have no server id */
	LB_QUIC_V1,
	LB_QUIC_V2,
	LB_QUIC_V3,
	LB_QUIC_SAME,  /* the flow table knew the same real, */
	LB_QUIC_OTHER, /* another one, */
	LB_QUIC_NEW,   /* none */
	LB_STABLE_BY_HASH,
	LB_STABLE_BY_ID,
	LB_STABLE_BAD_ID,
	LB_TCP_ID_BY_HASH,
	LB_TCP_ID_BY_ID,
	LB_TCP_ID_BAD_ID,
	LB_TCP_ID_OTHER, /* the flow table knew another real */
	LB_TCP_ID_SYN,	 /* not looked for yet */
	LB_MARK_EVENTS,	 /* flows that user space was told of, to be marked by the device */
	LB_MARK_LIMITED, /* more of them than `hwmark_rate` */
	LB_MARK_LOST,	 /* no room in lb_marks_wanted */
	LB_MARK_NO_MARK, /* this CPU's pool is empty */
	LB_MARK_KEPT,	 /* not told of: the flow table has another real than the ring */
	LB_COUNTERS = 128,
};

/* Element of lb_counts (PERCPU_ARRAY of one). */
struct lb_counts {
	__u64 count[LB_COUNTERS]; /* enum lb_counter */
	struct lb_clock {
		__u64 tick; /* the kernel's, when @now was read */
		__u64 now;  /* CLOCK_MONOTONIC, ns */
	} clock;	    /* the data plane's own, here as every packet finds it here */
};

/* --- what only the control plane reads ------------------------------------------------------- */

enum lb_ring_kind {
	LB_MAGLEV1, /* Katran's V1 */
	LB_MAGLEV2,
	LB_HRW, /* weighted rendezvous */
	LB_RING_KINDS,
};

/*
 * Element of lb_notes (ARRAY, by VIP number): the VIP's key. Written before the VIP
 * and taken away after it, so a note without a VIP is of a change that broke off.
 */
struct lb_note {
	__u8 addr[16]; /* IPv4: the first 4 bytes */
	__be16 port;
	__u8 proto;
	__u8 is_ip6;
	__u8 prefix_len; /* of the address; 32 or 128: no CIDR VIP */
	__u8 is_used;
	__u8 pad[2];
	__u32 freed; /* as lb_real's */
	__u32 life;  /* lb_vip.life, counted up over all VIPs; that of the last one, when free */
};

/* Key of lb_members (HASH, no preallocation): a real of a VIP. */
struct lb_member_key {
	__u32 vip;  /* number */
	__u32 real; /* index */
};

enum lb_member_flag {
	LB_MEMBER_DRAINED = 1 << 0, /* takes no new flows */
	LB_MEMBER_DOWN = 1 << 1,    /* set down: its flows are not worth keeping either */
	LB_MEMBER_FAILED = 1 << 2,  /* the same, by health checks, which alone take it back */
	LB_MEMBER_OUT = LB_MEMBER_DOWN | LB_MEMBER_FAILED,
	LB_MEMBER_FLAGS = LB_MEMBER_DRAINED | LB_MEMBER_OUT,
	/* A change is under way; it holds once lb_vip.ring is 1, or 0 without LB_MEMBER_TO_1. */
	LB_MEMBER_CHANGING = 1 << 8,
	LB_MEMBER_TO_1 = 1 << 9,
};

/*
 * Both states of a member that changes are kept until the VIP's element has the new
 * ring, so that whoever finds a change broken off knows which of them is true.
 */
struct lb_member {
	__u32 weight;	   /* 0: no member, yet */
	__u32 flags;	   /* enum lb_member_flag */
	__u32 next_weight; /* with LB_MEMBER_CHANGING; 0: no member any more */
	__u32 next_flags;
};

_Static_assert(LB_VIPS_MAX <= 1 << 23, "a VIP's number has its bits in LB_PREVIOUS_KEY()");
_Static_assert(LB_REALS_MAX < LB_FLOW_REAL, "a real's index has its bits in LB_FLOW()");
_Static_assert(!(LB_BUCKETS & (LB_BUCKETS - 1)), "a bucket is chosen by bits");
_Static_assert(sizeof(struct lb_vip) == 24, "value of the VIPs");
_Static_assert(sizeof(struct lb_real) == 32, "element of lb_reals");
_Static_assert(sizeof(struct lb_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct lb_ring_page) == 3840, "a page and its header fit 4096 bytes");
_Static_assert(sizeof(struct lb_previous_page) == 3840, "a page and its header fit 4096 bytes");

#endif
