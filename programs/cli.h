/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one shape of a program's command line, `slotctl NAME COMMAND [ARG...]`.
 *
 * A program's commands work on the pinned maps of the slot it runs in, and on
 * nothing else. Data goes to the context's stream, words go to stderr, one
 * clear line for each thing that is wrong.
 */
#ifndef PROGRAM_CLI_H
#define PROGRAM_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

/* What a command returns, which is also the exit status. */
enum program_exit {
	PROGRAM_OK = 0,
	PROGRAM_FAILED = 1,
	PROGRAM_USAGE = 2, /* the arguments make no sense; the caller shows the usage line */
};

/* What slotd knows of the slot that a command works on. */
struct program_slot {
	/*
	 * What the running slot's setting @name was given as; NULL: it was not, so that the
	 * program's own default holds. Returns 0, or -errno where that is not to be known.
	 */
	int (*setting)(const struct program_slot *slot, const char *name, const char **ret_value);
	/*
	 * As setting, of the slot with the name @beside in the same chain; @ret_value stays until
	 * the next call. -ENOENT where there is none.
	 */
	int (*setting_of)(const struct program_slot *slot, const char *beside, const char *name,
			  const char **ret_value);
	/*
	 * What was told of settings is forgotten, so that they are asked for again, by who does not
	 * wait longer than @timeout_ms for the answer.
	 */
	void (*forget)(const struct program_slot *slot, unsigned int timeout_ms);
	/*
	 * The number of the interface @name where the slot's packets come in. Returns 0,
	 * -ENODEV where there is none, or -errno where that is not to be known; says why.
	 */
	int (*find_interface)(const struct program_slot *slot, const char *name,
			      struct slot_reason *why, __u32 *ret_ifindex);
	/*
	 * The name, of up to IFNAMSIZ bytes, of the interface whose chain the slot is in. Returns
	 * 0, -EXDEV where that is not in this thread's netns, or -errno.
	 */
	int (*interface)(const struct program_slot *slot, char *ret_name);
};

struct program_context {
	/* Folder of the slot's pinned maps, one pin a map, named as the map, '_' for '.'. */
	const char *map_dir;
	const struct program_slot *slot; /* NULL: slotd was not asked (--map-dir) */
	bool json;			 /* data as one JSON document */
	const char *chain;		 /* --chain; NULL: not given */
	char *const *words; /* the whole command line, for a command that starts itself again */
	/* Given only to the commands that program_cli names for them. */
	unsigned int watch_s; /* --watch: again and again, so far apart; 0: once */
	const char *diff;     /* --diff: what a file would change; NULL: not asked for */
	bool once;	      /* --once */
	bool counters;	      /* --counters */
	FILE *out;
};

struct program_command {
	const char *name;
	/* @argv: the @argc words behind the command's name. Returns enum program_exit. */
	int (*run)(const struct program_context *ctx, int argc, char **argv);
	const char *args; /* for the usage line, "" for none */
	const char *summary;
};

/*
 * What a program says of addresses, for who looks at the host as a whole (slotctl doctor):
 * a claim of an address is held against what the host does with it.
 */
enum program_claim_kind {
	PROGRAM_CLAIM_VIP,	/* packets to it are sent on to reals */
	PROGRAM_CLAIM_REAL,	/* where packets are sent to */
	PROGRAM_CLAIM_TUNNEL,	/* tunnels to it end here */
	PROGRAM_CLAIM_REDIRECT, /* packets to it are handed to a device */
	PROGRAM_CLAIM_LED,	/* lookups for it are led to sockets that may be bound elsewhere */
	PROGRAM_CLAIM_SHARED,	/* sockets bound to it (0: to any address) share what comes there */
	PROGRAM_CLAIM_ORPHANS, /* some of these drain, and who registered them and was to end them is dead */
	PROGRAM_CLAIM_SOCKET, /* one that the program may choose; of its address nothing is said */
	PROGRAM_CLAIM_MUTE, /* clients are heard, but no answer met the program's other half; no address */
};

struct program_claim {
	enum program_claim_kind kind;
	bool is_ip6;
	bool is_local;	      /* VIP: may be served by this host; real: is this host */
	__u8 addr[16];	      /* network byte order; IPv4: the first 4 */
	__u8 len;	      /* bits of the prefix; 32 or 128: one address */
	__u8 proto;	      /* of a VIP, led, shared: IPPROTO_TCP, IPPROTO_UDP */
	__u16 port;	      /* of a VIP, led, shared: host byte order; 0: all */
	__u16 last_port;      /* of what is led: of a range, the last one; else 0 */
	bool is_refused;      /* of what is led: where there is no socket */
	__u32 sockets;	      /* of what is led or shared: that are open and take what is new */
	__u32 connections;    /* of what is mute */
	__u32 instance;	      /* of orphans: theirs */
	__u64 cookie;	      /* of a socket: SO_COOKIE */
	__u16 overhead;	      /* of a real, a tunnel: most bytes of outer headers */
	unsigned int mtu;     /* of a real: the largest packet with them that is sent; 0: any */
	unsigned int ifindex; /* of a redirect: the device */
	bool is_peer;	      /* of a redirect: into the netns of the device's other end */
};

struct program_claims {
	const char *map_dir;
	/* The slot's setting of this name, NULL where it is not given or not to be known. */
	const char *(*setting)(const struct program_claims *claims, const char *name);
	/* Takes a copy. Returns 0 or -errno, which ends it. */
	int (*add)(const struct program_claims *claims, const struct program_claim *claim);
	void *data; /* theirs */
};

/*
 * Servers' ids, loaded by one command into all programs that go by them (slotctl server-id):
 * those that balance by an id, and on the servers those that tell or compare it.
 */
enum program_id_role {
	PROGRAM_ID_PRIMARY,  /* what the server tells its clients */
	PROGRAM_ID_FALLBACK, /* the one before, which its clients may still have */
	PROGRAM_ID_SPARE,    /* more of them, which somebody else gives to clients */
};

struct program_id {
	__u32 id; /* not 0 */
	enum program_id_role role;
	bool is_here; /* of this host */
	bool is_ip6;
	__u8 addr[16];	/* of the real, network byte order; IPv4: the first 4 */
	char where[24]; /* where the file says so, to follow its name: ":3" */
};

struct program_ids {
	const char *map_dir;
	const char *path;	       /* of the file they come from */
	const struct program_id *list; /* by id */
	size_t count;
	bool is_dry; /* judge, and tell what would change, but change nothing */
	/*
	 * One difference: @what ("add", "del", "primary", "fallback") becomes of id @id. Of the
	 * last two @before was it, 0: none.
	 */
	void (*tell)(const struct program_ids *ids, const char *what, __u32 id, __u32 before);
	void *data; /* theirs */
};

struct program_cli {
	const char *name;
	const char *summary;
	const struct program_command *commands; /* ends with one whose name is NULL */
	const char *watch_command;		/* which takes --watch; NULL: none */
	const char *diff_command;		/* which takes --diff; NULL: none */
	const char *once_command;		/* which takes --once; NULL: none */
	/* Each claim of the maps in claims->map_dir; NULL: it has none. Returns 0 or -errno; says why. */
	int (*claim)(const struct program_claims *claims, struct slot_reason *why);
	const char *anew; /* what servers' sockets need once its maps are new; NULL: it has none */
	const char *counters_command; /* which takes --counters; NULL: none */
	const char *offline_command;  /* which needs no maps and no slotd; NULL: none */
	/*
	 * Of offline_command, where it reads options itself: their usage. The words behind its
	 * name come to it as they are. NULL: it has slotctl's alone.
	 */
	const char *options;
	/*
	 * Make @ids those in the maps in ids->map_dir; NULL: it knows no servers' ids. Returns 0
	 * or -errno; says why. Where it fails half-way ids that stay are there all the while,
	 * and it may be called again.
	 */
	int (*sync_ids)(const struct program_ids *ids, struct slot_reason *why);
	/*
	 * The folder, the caller's to free, where its maps in @chain are pinned (NULL: in the only
	 * chain that has some), without slotd; NULL: it knows none. Returns 0 or -errno; says why.
	 */
	int (*find_maps)(const char *chain, struct slot_reason *why, char **ret_map_dir);
};

extern const struct program_cli firewall_cli;
extern const struct program_cli decap_cli;
extern const struct program_cli tc_decap_cli;
extern const struct program_cli tc_redirect_cli;
extern const struct program_cli lb_hc_cli;
extern const struct program_cli socket_lb_cli;
extern const struct program_cli fw_egress_cli;
extern const struct program_cli sk_steer_cli;
extern const struct program_cli tcp_server_id_cli;
extern const struct program_cli lb_cli;
extern const struct program_cli hwmark_cli;
extern const struct program_cli handoff_cli;
extern const struct program_cli handoff_out_cli;

#endif
