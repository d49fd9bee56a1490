/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What socket_lb's BPF side, its control plane and server processes agree on.
 *
 * A VIP is what a group of SO_REUSEPORT sockets is bound to. Up to two processes serve it at a
 * time, the instances 0 and 1: the one that takes new traffic, and one that drains or starts.
 * The number is the process bit of connection ids. A takeover is one update: of the VIP's
 * element of sl_active.
 *
 * Contract: the maps below are pinned under their names. User space writes sl_vips, sl_active,
 * sl_instances and sl_sockets, holding flock(LOCK_EX) on the folder of the pins; the program
 * reads them. The program writes sl_flows and sl_counts. From sl_sockets the kernel itself
 * takes a socket away when it is closed or no longer listens.
 *
 * Order of a takeover of a VIP by a process P (maps/sl_takeover.h does it):
 *   1. P finds an instance n that nobody has: SL_FREE; SL_SERVING without a socket left; or
 *      never announced, of a process that is dead. It is never the one that sl_active names. The
 *      elements of its sockets are deleted, its generation is raised, its owner becomes P and
 *      its state SL_FILLING.
 *   2. P's sockets are bound (UDP) or listen (TCP), and each is put into sl_sockets.
 *   3. sockets, steer and by_worker are written, and the state becomes SL_SERVING: nothing
 *      new comes yet.
 *   4. sl_active becomes n. From here on what is new is P's; the other instance drains. The mark
 *      was_announced is set.
 *   5. The other instance leaves: its state becomes SL_FREE, its sockets are closed.
 * A process that dies anywhere on this way leaves the other one serving; where the active
 * instance has no socket left and the other one is SL_SERVING, the program goes to that one.
 *
 * Version rule: SLOT_MAP_ABI of the program is raised when a map here changes its meaning but
 * not its layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef SOCKET_LB_ABI_H
#define SOCKET_LB_ABI_H

#include <linux/types.h>

/* The maps' names. */
#define SL_VIPS_NAME "sl_vips"
#define SL_ACTIVE_NAME "sl_active"
#define SL_INSTANCES_NAME "sl_instances"
#define SL_SOCKETS_NAME "sl_sockets"
#define SL_FLOWS_NAME "sl_flows"
#define SL_COUNTS_NAME "sl_counts"

#define SL_VIPS_MAX 64
#define SL_INSTANCES 2	   /* of a VIP: one bit of a connection id */
#define SL_SOCKETS_MAX 64  /* of an instance */
#define SL_WORKERS_MAX 256 /* of an instance: as many as the layouts of ids can name */
#define SL_FLOWS_MAX 65536 /* of all VIPs, where no setting says otherwise */

/* --- VIPs ------------------------------------------------------------------------------------ */

/*
 * Key of sl_vips (HASH): what the sockets are bound to, as in the kernel's struct sock; not the
 * packet's destination, so it is the same for a socket bound to any address, and for
 * connections that migrate without a packet.
 */
struct sl_vip_key {
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes, others 0; zeros: any address */
	__be16 port;
	__u8 proto;  /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 family; /* 4 or 6: of the socket. One bound to :: takes IPv4 as well, and is 6 */
};

enum sl_mode {
	SL_TCP,	 /* SYNs to the active instance; the kernel knows whose the connections are */
	SL_FLOW, /* UDP by sl_flows: to the instance that a flow began with, while it is there */
	SL_QUIC, /* UDP by connection ids; Initial and 0-RTT to the active instance */
	SL_MODES,
};

/* Which layout the ids of a VIP have: for people; the program goes by the variants alone. */
enum sl_cid_kind {
	SL_CID_MVFST,	/* the id's own two bits of version: 1, 2, 3 */
	SL_CID_QUIC_LB, /* draft-ietf-quic-load-balancers, plain text */
	SL_CID_CUSTOM,
	SL_CID_KINDS,
};

/*
 * Where a connection id keeps its process bit and worker id. Bits count from 0, the most
 * significant bit of the id's first byte; a number's most significant bit comes first.
 *
 *                      len  worker_bit  worker_bits  process_bit
 * mvfst version 1:      4       18           8            26
 * mvfst version 2:      6       32           8            40
 * mvfst version 3:      7       40           8            48
 * QUIC-LB, server ids
 * of s bytes:         3 + s   8 + 8s         8         16 + 8s
 */
struct sl_cid_variant {
	__u8 len; /* bytes that an id has at least, all its fields in them; 0: such ids name nobody */
	__u8 worker_bit;  /* first bit of the worker id */
	__u8 worker_bits; /* 0 to 8; 0: ids name no worker, the instance's policy chooses */
	__u8 process_bit; /* the instance, 0 or 1 */
};

/* A variant for each value of the id's first three bits: mvfst's version is two of them, QUIC-LB's
 * config rotation all three (7: not routable). */
#define SL_CID_VARIANTS 8
#define SL_CID_VARIANT(first_byte) ((first_byte) >> 5)
#define SL_CID_LEN_MAX 20 /* RFC 9000, 17.2 */

/* Value of sl_vips. */
struct sl_vip {
	__u32 index;	/* below SL_VIPS_MAX; of no other VIP */
	__u8 mode;	/* enum sl_mode */
	__u8 cid_kind;	/* enum sl_cid_kind; SL_QUIC alone */
	__u16 memory_s; /* how long sl_flows is believed: seconds after a flow's last packet
			 * (SL_FLOW), after its first Initial (SL_QUIC) */
	struct sl_cid_variant cid[SL_CID_VARIANTS]; /* SL_QUIC alone */
};

#define SL_FLOW_MEMORY_S 120 /* defaults */
#define SL_QUIC_MEMORY_S 30

/* --- instances ------------------------------------------------------------------------------- */

/*
 * Element of sl_active (ARRAY, one for each VIP's index; BPF_F_MMAPABLE, so that a process can
 * watch it without a call). Only `active` decides: one byte is never seen half written.
 */
struct sl_active {
	__u8 active; /* 0: no instance takes new traffic, it is refused; n + 1: instance n does */
	__u8 pad[3];
	__u32 changes; /* raised by each takeover: who read another number plans again */
};

#define SL_ACTIVE_NONE 0
#define SL_ACTIVE_OF(instance) ((instance) + 1)

enum sl_state {
	SL_FREE,    /* nobody's; its sockets, if there are any, get nothing */
	SL_FILLING, /* a process puts in its sockets; they get nothing yet */
	SL_SERVING, /* gets what is its own; and what is new, where sl_active names it */
	SL_STATES,
};

/* How a socket of an instance is chosen, for what names no worker. */
enum sl_policy {
	SL_BY_HASH, /* steer[hash of addresses and ports % 256]: evenly, or by weights */
	SL_BY_CPU,  /* steer[CPU that the packet came in on % 256] */
	SL_BY_NUMA, /* steer[NUMA node of that CPU % 8 * 32 + hash % 32] */
	SL_POLICIES,
};

#define SL_STEER_SIZE 256
#define SL_STEER_NODES 8
#define SL_STEER_PER_NODE (SL_STEER_SIZE / SL_STEER_NODES)

/* by_worker of a worker that the instance has not. */
#define SL_NO_WORKER 0xff

/* Element of sl_instances (ARRAY, SL_INSTANCE_INDEX()). */
struct sl_instance {
	__u32 generation; /* raised by whoever takes the instance: flows of others are no longer known */
	__u8 state;	  /* enum sl_state */
	__u8 policy;	  /* enum sl_policy */
	__u16 sockets;	    /* positions 0 to sockets - 1 of its part of sl_sockets are in use */
	__u16 workers;	    /* for people */
	__u8 was_announced; /* since it was taken; one that never was dies with its process */
	__u8 pad;
	__u32 pid;	 /* of the process, in its own pid namespace */
	__u64 pid_start; /* its start in clock ticks since boot: field 22 of /proc/PID/stat */
	__u64 pid_ns;	 /* inode of /proc/PID/ns/pid: only there does pid mean anything */
	__u64 taken_s;	 /* when it became SL_FILLING: CLOCK_BOOTTIME, seconds */
	__u8 weights[SL_SOCKETS_MAX];	/* of each position, that steer was made from; 0: none */
	__u8 steer[SL_STEER_SIZE];	/* positions; see enum sl_policy */
	__u8 by_worker[SL_WORKERS_MAX]; /* the position that takes what names this worker */
};

#define SL_INSTANCE_INDEX(vip_index, instance) ((vip_index) * SL_INSTANCES + (instance))

/* Elements of sl_sockets (REUSEPORT_SOCKARRAY; a lookup from user space gives the cookie). */
#define SL_SOCKET_INDEX(vip_index, instance, position)                                             \
	(SL_INSTANCE_INDEX(vip_index, instance) * SL_SOCKETS_MAX + (position))

/* --- flows ----------------------------------------------------------------------------------- */

/* Key of sl_flows (LRU_HASH): of UDP, all of SL_FLOW and the first packets of SL_QUIC. */
struct sl_flow_key {
	__u32 vip; /* its index */
	__be16 client_port;
	__u16 family;	 /* 4 or 6: of the packet */
	__u8 client[16]; /* network byte order; IPv4: the first 4 bytes, others 0 */
	__u8 server[16]; /* the packet's destination: sockets may be bound to any address */
};

struct sl_flow {
	__u32 generation; /* of the instance when the flow began */
	__u32 seen_s;	  /* CLOCK_MONOTONIC; SL_FLOW: last packet; SL_QUIC: first one */
	__u8 instance;
	__u8 position; /* of its socket */
	__u8 pad[2];
};

/* --- counters -------------------------------------------------------------------------------- */

/*
 * Elements of sl_counts (per-CPU array of struct slot_count, SL_COUNT_INDEX()): a row for each
 * VIP's index, and row SL_NO_VIP. Bytes are those from the TCP or UDP header on. Each packet, and
 * each connection that migrates, is counted once among the outcomes; events come on top.
 */
enum sl_counter {
	/* To a socket. */
	SL_BY_ID,    /* QUIC: to the instance that its connection id names */
	SL_BY_FLOW,  /* UDP: to the instance that its flow began with */
	SL_NEW,	     /* UDP: a flow begins, at the active instance */
	SL_UNKNOWN,  /* QUIC: neither id nor flow names an instance; the active one may answer
			 * with a stateless reset */
	SL_SYN,	     /* TCP: a connection begins, at the active instance */
	SL_SEGMENT,  /* TCP: of no connection that the kernel knows; the ACK behind a SYN cookie */
	SL_MIGRATED, /* TCP: a connection of a listener that closed, to another listener */

	/* Left to the kernel's own choice: the group is none of ours. Of row SL_NO_VIP. */
	SL_NOT_OURS,

	/* Refused: the client gets a reset, or ICMP's port unreachable. */
	SL_NO_ACTIVE, /* no instance has been announced */
	SL_NO_SOCKET, /* no instance has a socket left */

	/* Events. */
	SL_OTHER_SOCKET,   /* the socket wanted is gone: another one of the same instance */
	SL_OTHER_INSTANCE, /* the active instance has no socket left: the other one */
	SL_STALE_ID,	   /* a connection id of an instance that is gone */
	SL_BAD_ID,	   /* a connection id that is cut short, or that names nobody */
	SL_BAD_WORKER,	   /* a connection id that names a worker which the instance has not */
	SL_STALE_FLOW,	   /* a flow of an instance that is gone, or that was silent for long */
	SL_NOT_RECORDED,   /* a flow that could not be kept: its next packet begins it again */
	SL_COUNTER_COUNT,
};

#define SL_COUNTS_SIZE 32
#define SL_NO_VIP SL_VIPS_MAX
#define SL_COUNT_INDEX(row, counter) ((row) * SL_COUNTS_SIZE + (counter))

/* Load-time settings. */
struct socket_lb_config {
	__u32 flows_max; /* flows of UDP that are remembered; SL_FLOWS_MAX */
};

_Static_assert(SL_COUNTER_COUNT <= SL_COUNTS_SIZE, "counters fit their row");
_Static_assert(SL_SOCKETS_MAX <= SL_NO_WORKER, "a position is no mark");
_Static_assert(!(SL_SOCKETS_MAX & (SL_SOCKETS_MAX - 1)), "a position is bounded by bits");
_Static_assert(sizeof(struct sl_vip_key) == 20, "key of sl_vips");
_Static_assert(sizeof(struct sl_vip) == 40, "value of sl_vips");
_Static_assert(sizeof(struct sl_active) == 8, "element of sl_active");
_Static_assert(sizeof(struct sl_instance) == 616, "element of sl_instances");
_Static_assert(sizeof(struct sl_flow_key) == 40, "key of sl_flows");
_Static_assert(sizeof(struct sl_flow) == 12, "value of sl_flows");

#endif
