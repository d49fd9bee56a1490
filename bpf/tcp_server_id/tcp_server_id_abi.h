/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tcp_server_id's BPF side and its control plane agree on.
 *
 * Contract: the maps below are pinned under their names, tsi_sockets aside, which is the
 * program's own. User space writes this host's ids, the program reads them; the program writes
 * the counters. Version rule: SLOT_MAP_ABI of the program is raised when a map here changes its
 * meaning but not its layout. Counters keep their numbers; new ones take free ones.
 */
#ifndef TCP_SERVER_ID_ABI_H
#define TCP_SERVER_ID_ABI_H

#include <stdbool.h>

#include <linux/types.h>

/* The maps' names. */
#define TSI_IDS_NAME "tsi_ids"
#define TSI_COUNTS_NAME "tsi_counts"

/*
 * Element 0 of tsi_ids (array): this host's ids, 0: none. 8 bytes, so that none sees half of a
 * change. In this host's byte order, as lb_server_ids of a load balancer with the same.
 */
struct tsi_ids {
	__u32 primary;	/* what clients are told */
	__u32 fallback; /* told where there is no primary one, and right in any case */
};

/* Value of tsi_sockets (sk_storage): what a socket's end is, and what it knows. */
struct tsi_socket {
	__u32 id;	   /* of a client's: what it echoes; 0: nothing yet */
	__u8 is_server;	   /* accepted, not connected */
	__u8 asks;	   /* of a client's without an id: segments that may still ask */
	__u8 is_telling;   /* of a server's: the next segment tells the id */
	__u8 is_confirmed; /* of a server's: the client has echoed what is right */
	__u8 has_room;	   /* in the segment that is being written */
	__u8 pad[3];
};

/* Segments by which a client asks for an id that the SYN-ACK did not bring. */
#define TSI_ASKS 3

#define TSI_COUNTS_SIZE 32

/* Elements of tsi_counts (per-CPU array of struct slot_count, of which bytes stay 0). */
enum tsi_counter {
	/* Of servers. */
	TSI_TOLD,	   /* SYN-ACKs that told the id */
	TSI_TOLD_COOKIE,   /* of these, SYN cookies */
	TSI_TOLD_LATER,	   /* other segments that did, to who asked or was wrong */
	TSI_CONFIRMED,	   /* connections whose client echoes the primary id */
	TSI_CONFIRMED_OLD, /* the fallback id */
	TSI_NOT_ECHOED,	   /* connections that began without an id from the client */
	TSI_ASKED,	   /* segments of clients that asked for the id */
	TSI_WRONG,	   /* segments of clients with an id of another host */
	TSI_DECLINED,	   /* SYNs that said no: their SYN-ACKs tell nothing */
	TSI_NO_IDS,	   /* SYN-ACKs of a host that has no ids */

	/* Of clients. */
	TSI_LEARNED,	   /* connections that know the id from the SYN-ACK */
	TSI_LEARNED_LATER, /* from a later segment */
	TSI_REPLACED,	   /* an id took the place of another one */
	TSI_UNKNOWN,	   /* connections whose SYN-ACK brought none */
	TSI_ECHOED,	   /* segments with the id */
	TSI_ASKS_SENT,	   /* segments that asked for it */
	TSI_DECLINES,	   /* SYNs that said no */

	/* Of both. */
	TSI_NO_ROOM,	/* segments whose other options left no room */
	TSI_NOT_STORED, /* segments into which the kernel would not write the option */
	TSI_BAD_OPTION, /* segments whose option has another length, or runs over the end */
	TSI_NO_STORAGE, /* connections for which there was no memory: they do without */
	TSI_COUNTER_COUNT,
};

/* --- load-time settings ---------------------------------------------------------------------- */

enum tsi_preset {
	TSI_OWN,    /* kind, server_kind, none_kind and magic below */
	TSI_KATRAN, /* Katran's kinds, whatever those say */
} __attribute__((packed));

/* What sockets do that connect. */
enum tsi_client {
	TSI_ECHO,
	TSI_SILENT,  /* nothing */
	TSI_DECLINE, /* they say no in their SYN, so that servers tell them nothing */
} __attribute__((packed));

/* By these names in `settings { }` of slots.conf (bpf/tcp_id_abi.h). */
struct tcp_server_id_config {
	enum tsi_preset preset;
	enum tsi_client client;
	bool server; /* sockets that listen tell the id */
	/*
	 * No other program of the cgroup has a use for header options: callbacks that have done
	 * their work for a connection are turned off.
	 */
	bool alone;
	__u8 kind;	  /* of clients' options */
	__u8 server_kind; /* of servers'; 0: the same */
	__u8 none_kind;	  /* of SYNs that say no; 0: kind, without an id */
	__u8 pad;
	__u16 magic; /* of kinds that have one; host byte order */
};

_Static_assert(TSI_COUNTER_COUNT <= TSI_COUNTS_SIZE, "counters fit their map");
_Static_assert(sizeof(struct tsi_ids) == 8, "value of tsi_ids");
_Static_assert(sizeof(struct tsi_socket) == 12, "value of tsi_sockets");
_Static_assert(sizeof(struct tcp_server_id_config) == 10, "layout of the settings");

#endif
