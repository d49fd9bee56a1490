/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What the BPF side of handoff and handoff_out and user space agree on: the table of rules for
 * connections that were handed over.
 *
 * Contract: the maps below are pinned under their names in the folder of handoff's slot;
 * handoff_out borrows the table and has counters of its own. User space makes, replaces and
 * removes entries (maps/handoff_rules.h); the programs read them and write what they count.
 * One process makes the steps of one connection; what the programs set and count between its
 * reading an entry and replacing it is lost, so an end may be seen later or not. The agent removes
 * others' entries only as it has read them (handoff_rules_remove_over()).
 * An entry is replaced whole, so a packet meets the rule as it was or as it is. A program that
 * still holds an entry which was replaced or removed may read what another update wrote there
 * meanwhile: that packet is lost, as no host has a connection of both, and nothing else happens.
 * Version rule: SLOT_MAP_ABI of the programs is raised when a map here changes its meaning but
 * not its layout. Counters keep their numbers; new ones take free ones.
 *
 * Addresses and ports are in network byte order, IPv4 as ::ffff:a.b.c.d; all else in the host's.
 */
#ifndef HANDOFF_ABI_H
#define HANDOFF_ABI_H

#include <linux/types.h>

#define HANDOFF_RULES_NAME "handoff_rules"
#define HANDOFF_COUNTS_NAME "handoff_counts"
#define HANDOFF_OUT_COUNTS_NAME "out_counts"
#define HANDOFF_OFFLOADS_NAME "handoff_offloads"
#define HANDOFF_TOLD_NAME "handoff_told"
#define HANDOFF_MOVES_NAME "handoff_moves"

/* Rules there is room for: what the setting `rules_max` is unless it is given. */
#define HANDOFF_RULES_DEFAULT 65536

/* The third word of an IPv4 address in 16 bytes, as it stands there; the first two are 0. */
#define HANDOFF_MAPPED_WORD 2

/* Key of handoff_rules (HASH). The same for both directions of a connection. */
struct handoff_key {
	__be32 client[4]; /* from here packets come in */
	__be32 local[4];  /* the connection's own address at this host */
	__be16 client_port;
	__be16 local_port;
};

/* What becomes of packets that come in. */
enum handoff_ingress {
	HANDOFF_PASS,
	HANDOFF_BLOCK,	  /* dropped until the deadline; after it they pass */
	HANDOFF_REDIRECT, /* sent to the target */
	HANDOFF_INGRESS_COUNT,
};

/* What becomes of packets that go out. */
enum handoff_egress {
	HANDOFF_NONE,
	HANDOFF_REWRITE, /* they come from the source */
	HANDOFF_EGRESS_COUNT,
};

/* Where the connection is now, and the way there. Of the family that the key is of. */
struct handoff_target {
	__be32 address[4];
	__be16 port;
	__u8 next_hop_mac[6]; /* of the target, or of the router to it */
	__u8 own_mac[6];      /* of the interface that the packet leaves by */
	__u16 pad;
	__u32 ifindex; /* that interface; 0: the one that it came in by */
};

/* The address that the client knows. Of the family that the key is of. */
struct handoff_source {
	__be32 address[4];
	__be16 port;
	__u16 pad;
};

/*
 * enum handoff_seen: bits of handoff_use.seen, set by the programs. Those of the client are taken
 * back when it goes on: others may have sent what was seen.
 */
enum handoff_seen {
	HANDOFF_CLIENT_FIN = 1 << 0,
	HANDOFF_CLIENT_RST = 1 << 1,
	HANDOFF_LOCAL_FIN = 1 << 2, /* this host's, as it went out */
	HANDOFF_LOCAL_RST = 1 << 3,
	HANDOFF_REUSED =
		1 << 4, /* the client began anew with its port: what came in passes since */
	HANDOFF_CLIENT_SYN = 1 << 5, /* after an end: maybe the client begins anew */
	HANDOFF_ANSWERED = 1 << 6,   /* this host's stack answered it */
};

/* Of one rule, since it is there: an update takes them along. Frames, from Ethernet on. */
struct handoff_use {
	__u64 in_packets; /* that passed or were sent to the target */
	__u64 in_bytes;
	__u64 out_packets; /* that went out */
	__u64 out_bytes;
	__u64 blocked; /* packets */
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE, of the last packet; 0: none yet */
	__u32 seen;    /* enum handoff_seen */
	/* Sequence numbers, in the host's order */
	__u32 fin_end; /* HANDOFF_CLIENT_FIN: what is behind it */
	__u32 syn_ack; /* HANDOFF_ANSWERED: what acknowledges the answer */
	__u32 pad;
};

/* Value of handoff_rules. */
struct handoff_rule {
	__u64 id;		      /* of the handoff whose rule it is, not 0 */
	__u64 since_ns;		      /* of its last step, CLOCK_MONOTONIC */
	__u64 deadline_ns;	      /* HANDOFF_BLOCK: until then, CLOCK_MONOTONIC; 0: none */
	__u32 ingress;		      /* enum handoff_ingress */
	__u32 egress;		      /* enum handoff_egress */
	struct handoff_target target; /* HANDOFF_REDIRECT */
	struct handoff_source source; /* HANDOFF_REWRITE */
	struct handoff_use use;
};

/* Connections that a device may send on at one time. */
#define HANDOFF_OFFLOADS_MAX 16384

/*
 * Value of handoff_offloads (HASH, by struct handoff_key): a device may send on what comes in of
 * the connection, before the program sees it. The agent writes it before it asks the device, and
 * then looks at the rule again; and takes it away when the device does it no longer. Whoever makes
 * another step looks here after it.
 */
struct handoff_offload {
	__u64 id;      /* of the rule that it was made for */
	__u64 packets; /* that the device's rule sent on, as the agent last saw */
	__u64 bytes;
	__u32 is_active; /* 0: it is being asked for, or taken off */
	__u32 pad;
};

#define HANDOFF_DEVICE_MAX 16 /* IFNAMSIZ */

/*
 * Element of handoff_told (ARRAY of one): what the agent says of itself, counts since it began.
 * It alone writes it, once a second; what is there stays for commands that come later.
 */
struct handoff_told {
	__u64 looks; /* at all rules; 0: no agent ever ran */
	__u64 owner; /* of rules at a device, see loader/lib/offload/flower.h; 0: never any */
	__u64 netns; /* cookie of that where the device is */
	char device[HANDOFF_DEVICE_MAX];
	__u32 ifindex;
	__u16 pref;
	__u16 pad;
	__u32 rules; /* at the last look */
	__u32 late;  /* that were over then, and more than may be removed at one time */
	/* Rules that were removed: the connection */
	__u64 ended;   /* was ended by this host's RST, by both sides, or by a new one, */
	__u64 half;    /* by one side that was seen, or the client's RST, */
	__u64 idle;    /* had no packets, */
	__u64 expired; /* or was blocked until after the deadline */
	/* Rules of the device, which are not removed ones of the table */
	__u64 pending; /* now */
	__u64 active;  /* now */
	__u64 full;    /* wanted, and no place for it: counted at each look */
	__u64 installed;
	__u64 failed;
	__u64 cancelled;
	__u64 removed;
	__u64 not_removed;
	__u64 changed;	/* taken off for a step of the connection's */
	__u64 vanished; /* gone by another's hand */
	/* Clients of a block that has ended, or of a rule that soon is: asked a few times; */
	__u64 asked;
	__u64 not_asked; /* and those that the kernel did not let be asked */
};

/*
 * Elements of handoff_moves (ARRAY of __u64, BPF_F_MMAPABLE): what became of connections that were
 * to move, since the slot has the map. Each process that moves them adds to it, atomically, in the
 * map's own memory. Of a process that was killed what was on its way is in `begun` alone.
 */
enum handoff_move {
	HANDOFF_MOVES_BEGUN, /* blocked, to be given */
	HANDOFF_MOVES_GIVEN, /* another host serves it */

	/* Begun, and served on by who had it, */
	HANDOFF_MOVES_KEPT_STEP,    /* as it could not be blocked, captured or offered; */
	HANDOFF_MOVES_KEPT_CHANGED, /* changed meanwhile, or there is no way to it: at the commit; */
	HANDOFF_MOVES_KEPT_REFUSED, /* was refused by the other host; */
	HANDOFF_MOVES_KEPT_SILENT,  /* that host did not answer in time; */
	HANDOFF_MOVES_KEPT_LINK,    /* or the link or a process ended. */

	/* Not begun, */
	HANDOFF_MOVES_NOT_NOW,	  /* as its socket is amid something: it may be tried again; */
	HANDOFF_MOVES_NOT_LINKED, /* without a link; */
	HANDOFF_MOVES_NOT_MOVED,  /* or for another reason. */

	HANDOFF_MOVES_TAKEN,	      /* from its home */
	HANDOFF_MOVES_BACK,	      /* here is its home */
	HANDOFF_MOVES_REFUSED,	      /* what another host offered */
	HANDOFF_MOVES_REFUSED_DEVICE, /* of these: home, while a device still sends it on */

	HANDOFF_MOVES_LOST,  /* given or taken, and nobody has it */
	HANDOFF_MOVES_RESET, /* clients that were told so by RST from here */
	HANDOFF_MOVES_ASKED, /* clients that were asked, as nobody may have it */
	HANDOFF_MOVES_COUNT,
};

#define HANDOFF_MOVES_SIZE 32

/*
 * Elements of handoff_counts (per-CPU array of struct slot_count): packets that come in, those
 * of a connection with a rule once each, and TCP that could not be looked up. Others are not
 * counted.
 */
enum handoff_counter {
	HANDOFF_IN_REDIRECT, /* to the target, by the interface that it came in by */
	HANDOFF_IN_AWAY,     /* to the target, by another interface */

	/* They go on in the chain. */
	HANDOFF_IN_PASS,     /* HANDOFF_PASS */
	HANDOFF_IN_EXPIRED,  /* blocked, but the deadline is over */
	HANDOFF_IN_REUSED,   /* of a client that had ended the connection, and begins anew */
	HANDOFF_IN_FAMILY,   /* the target is of the other family */
	HANDOFF_IN_OPTIONS,  /* TCP behind options of IPv4; no rule was looked for */
	HANDOFF_IN_FRAGMENT, /* part of a fragmented packet of TCP; likewise */
	HANDOFF_IN_CUT,	     /* cut short, or the header contradicts itself; likewise */

	/* Dropped. */
	HANDOFF_IN_BLOCKED = 16,
	HANDOFF_IN_EARLY, /* a SYN so soon after the connection's end that both may be on their way */
	HANDOFF_COUNTER_COUNT,
};

#define HANDOFF_COUNTS_SIZE 32
#define HANDOFF_FIRST_DROP HANDOFF_IN_BLOCKED

/*
 * Elements of out_counts (per-CPU array of struct slot_count): packets that go out, of
 * connections with a rule, and TCP that could not be looked up.
 */
enum handoff_out_counter {
	HANDOFF_OUT_REWRITE,
	HANDOFF_OUT_NONE,    /* HANDOFF_NONE: as it came */
	HANDOFF_OUT_FAMILY,  /* the source is of the other family: as it came */
	HANDOFF_OUT_OPTIONS, /* as of packets that come in */
	HANDOFF_OUT_FRAGMENT,
	HANDOFF_OUT_CUT,

	/* Dropped. */
	HANDOFF_OUT_BROKEN = 16, /* the kernel refused a part of the rewrite */
	HANDOFF_OUT_COUNTER_COUNT,
};

#define HANDOFF_OUT_COUNTS_SIZE 32
#define HANDOFF_OUT_FIRST_DROP HANDOFF_OUT_BROKEN

/* Load-time settings, by these names in `settings { }` of slots.conf. */
struct handoff_config {
	__u32 rules_max; /* rules there is room for, one for each connection */
};

struct handoff_out_config {
	__u32 rules_max; /* as in the slot whose table it is */
};

_Static_assert(sizeof(struct handoff_key) == 36, "key of handoff_rules");
_Static_assert(sizeof(struct handoff_target) == 36, "no hidden padding");
_Static_assert(sizeof(struct handoff_source) == 20, "no hidden padding");
_Static_assert(sizeof(struct handoff_use) == 64, "no hidden padding");
_Static_assert(sizeof(struct handoff_rule) == 152, "value of handoff_rules");
_Static_assert(sizeof(struct handoff_offload) == 32, "value of handoff_offloads");
_Static_assert(sizeof(struct handoff_told) % 8 == 0, "no hidden padding");
_Static_assert(HANDOFF_MOVES_COUNT <= HANDOFF_MOVES_SIZE, "counters fit their map");
_Static_assert(HANDOFF_COUNTER_COUNT <= HANDOFF_COUNTS_SIZE, "counters fit their map");
_Static_assert(HANDOFF_OUT_COUNTER_COUNT <= HANDOFF_OUT_COUNTS_SIZE, "counters fit their map");

#endif
