/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host as `slotctl doctor` sees it: its network namespaces with what is in them, the
 * kernel, slotd's chains and what their programs claim. Pure data; host/look.h fills in what
 * the kernel tells, and whoever knows slotd the rest. What could not be seen is told, too.
 */
#ifndef SLOT_PICTURE_H
#define SLOT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include <net/if.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/config/config.h"
#include "loader/lib/doctor/addr.h"

#define SLOT_PICTURE_NAME_MAX 64
#define SLOT_PICTURE_NOWHERE ((size_t)-1) /* of a chain: its netns was not seen */

enum slot_known {
	SLOT_UNKNOWN,
	SLOT_NO,
	SLOT_YES,
};

/* NETDEV_XDP_ACT_* of linux/netdev.h, which is younger than the headers that this builds with. */
enum slot_xdp_feature {
	SLOT_XDP_BASIC = 1 << 0,
	SLOT_XDP_RX_SG = 1 << 5,
};

struct slot_picture_link {
	unsigned int ifindex;
	char name[IFNAMSIZ];
	char kind[IFNAMSIZ]; /* "dummy", "veth"; empty for most hardware */
	unsigned int mtu;
	bool is_up;
	bool is_loopback;
	bool has_no_ethernet; /* frames without an Ethernet header, as of tun and WireGuard */
	bool has_xdp;	      /* some XDP program runs on it */
	int rp_filter; /* in force, the larger one of the interface's and of all; -1: not known */
	enum slot_known lro;
	enum slot_known gro_hw;
	enum slot_known knows_xdp; /* whether the next is known */
	__u64 xdp_features;	   /* of enum slot_xdp_feature and others */
	unsigned int master;	   /* ifindex, 0: none */
	unsigned int peer;	   /* of a veth or netkit: its ifindex there, 0: none */
	int peer_nsid;		   /* -1: in the same netns */
	size_t peer_netns;	   /* index, SLOT_PICTURE_NOWHERE: not seen */
};

/* An address that the netns takes for its own. */
struct slot_picture_address {
	unsigned int ifindex;
	struct slot_addr addr;
	unsigned int len; /* of its subnet */
	bool is_route;	  /* by a local route of that prefix, not by an address */
};

/* Those that matter: ways to everywhere, and ways to nowhere. */
struct slot_picture_route {
	struct slot_addr prefix;
	unsigned int len;
	bool is_discard; /* blackhole, unreachable, prohibit; else a default route */
	unsigned int ifindex;
	unsigned int mtu;    /* 0: the interface's */
	unsigned int advmss; /* 0: by the MTU */
};

/* Where packets to an address go by the routes of the netns: what the kernel answers. */
struct slot_picture_way {
	struct slot_addr addr;
	bool is_local;
	bool is_discard;
	unsigned int ifindex; /* 0: nowhere */
};

/* A TCP socket that listens, or a UDP socket that is connected to nobody. */
struct slot_picture_listener {
	struct slot_addr addr; /* 0.0.0.0 and ::: all */
	bool is_ip6_only;
	__u8 proto;
	__u16 port;	      /* host byte order */
	unsigned int ifindex; /* 0: on all */
	unsigned int uid;
	__u64 cgroup; /* 0: not known */
	__u64 cookie; /* SO_COOKIE */
	__u32 inode;
};

/* A program that runs for each lookup of a socket, in their order. */
struct slot_picture_lookup {
	__u32 program; /* its id */
	char name[16];
	bool is_slotd;
};

struct slot_picture_netns {
	char name[SLOT_PICTURE_NAME_MAX];
	__u64 dev, ino;	  /* of its file: what it is known by */
	bool is_seen;	  /* else only that it is there */
	bool has_no_ways; /* it could not be asked for them */
	struct slot_picture_link *links;
	size_t link_count;
	struct slot_picture_address *addresses;
	size_t address_count;
	struct slot_picture_route *routes;
	size_t route_count;
	struct slot_picture_way *ways; /* of the addresses that were asked for */
	size_t way_count;
	struct slot_picture_listener *listeners;
	size_t listener_count;
	struct slot_picture_lookup *lookups;
	size_t lookup_count;
};

struct slot_picture_kernel {
	unsigned int major, minor; /* 0: not known */
	enum slot_known btf;
	enum slot_known jit;
	enum slot_known freplace;
	enum slot_known tcx;
	enum slot_known netkit;
};

struct slot_picture_chain {
	char name[SLOT_CHAIN_NAME_MAX];
	size_t netns; /* index, or SLOT_PICTURE_NOWHERE */
	enum slot_hook hook;
	unsigned int ifindex; /* 0: there is no interface */
	bool is_waiting;      /* what it belongs to, an interface, cgroup or netns, is not there */
	bool is_attached;
	bool is_generic;
	char refused[256];		   /* whose program keeps it off its interface, or empty */
	char cgroup[SLOT_CGROUP_PATH_MAX]; /* of sock_ops: its path */
	/* The nearest cgroup at or above it with a program of sock_ops that is no link and not multi. */
	char single[SLOT_CGROUP_PATH_MAX]; /* empty: there is none, or it is not known */
	bool is_override; /* that one lets programs attach below it, in its place */
};

/* As program_claim_kind of programs/cli.h, which the library may not know: slotctl takes one for the other. */
enum slot_claim_kind {
	SLOT_CLAIM_VIP,	     /* packets to it are sent on to reals */
	SLOT_CLAIM_REAL,     /* where packets are sent to */
	SLOT_CLAIM_TUNNEL,   /* tunnels to it end here */
	SLOT_CLAIM_REDIRECT, /* packets to it are handed to a device */
	SLOT_CLAIM_LED,	     /* lookups for it are led to sockets that may be bound elsewhere */
	SLOT_CLAIM_SHARED,   /* sockets bound to it (0: to any address) share what comes there */
	SLOT_CLAIM_ORPHANS, /* some of these drain, and who registered them and was to end them is dead */
	SLOT_CLAIM_SOCKET, /* one that the program may choose; of its address nothing is said */
	SLOT_CLAIM_MUTE, /* clients are heard, but no answer met the program's other half; no address */
};

/* What a program in a chain says of addresses. */
struct slot_picture_claim {
	enum slot_claim_kind kind;
	size_t chain; /* index */
	char program[SLOT_NAME_MAX];
	struct slot_addr addr;
	unsigned int len;
	__u8 proto;	       /* of a VIP, led, shared */
	__u16 port;	       /* of a VIP, led, shared: host byte order; 0: all */
	__u16 last_port;       /* of what is led: of a range, the last one; else 0 */
	bool is_refused;       /* of what is led: where there is no socket */
	__u32 sockets;	       /* of what is led or shared: that are open and take what is new */
	__u32 connections;     /* of what is mute */
	__u32 instance;	       /* of orphans: theirs */
	__u64 cookie;	       /* of a socket */
	bool is_local;	       /* VIP: may be served by this host; real: is this host */
	unsigned int overhead; /* bytes of the outer headers */
	unsigned int mtu;      /* the largest packet with them that the program sends; 0: any */
	unsigned int ifindex;  /* of a redirect: the device */
	bool is_peer;	       /* of a redirect: into the netns of the device's other end */
};

struct slot_picture {
	struct slot_picture_kernel kernel;
	struct slot_picture_netns *netns;
	size_t netns_count;
	struct slot_picture_chain *chains;
	size_t chain_count;
	struct slot_picture_claim *claims;
	size_t claim_count;
	struct slot_reasons unseen; /* what was not looked at, and why: one line each */
};

void slot_picture_free(struct slot_picture *picture);
/* slot_picture_netns_clear - forget what is in it. */
void slot_picture_netns_clear(struct slot_picture_netns *netns);

/* slot_picture_add - append a copy of *@item to *@items, an array of such. Returns 0 or -ENOMEM. */
#define slot_picture_add(items, count, item)                                                       \
	({                                                                                         \
		const __typeof__(**(items)) *same_ = (item);                                       \
		slot_picture_grow((items), count, same_, sizeof(*same_));                          \
	})
int slot_picture_grow(void *items, size_t *count, const void *item, size_t size);

/* All of these return what belongs to the picture, or NULL. */
const struct slot_picture_link *slot_picture_link_find(const struct slot_picture_netns *netns,
						       unsigned int ifindex);
/* slot_picture_address_find - what makes @addr an address of the netns. */
const struct slot_picture_address *slot_picture_address_find(const struct slot_picture_netns *netns,
							     const struct slot_addr *addr);
const struct slot_picture_way *slot_picture_way_find(const struct slot_picture_netns *netns,
						     const struct slot_addr *addr);
const struct slot_picture_netns *slot_picture_chain_netns(const struct slot_picture *picture,
							  const struct slot_picture_chain *chain);
const struct slot_picture_link *slot_picture_chain_link(const struct slot_picture *picture,
							const struct slot_picture_chain *chain);

/*
 * slot_picture_is_repeated - whether an earlier claim than number @claim says the same of the
 * same netns, as on the ports of a bond; @has_ports: also of the same port of the same protocol.
 */
bool slot_picture_is_repeated(const struct slot_picture *picture, size_t claim, bool has_ports);

/* slot_picture_is_joined - whether a veth or netkit of @netns ends in netns number @other. */
bool slot_picture_is_joined(const struct slot_picture_netns *netns, size_t other);

/* slot_picture_accepts - whether a packet for @addr and @port (0: any) is @listener's. */
bool slot_picture_accepts(const struct slot_picture_listener *listener,
			  const struct slot_addr *addr, __u16 port);

/* slot_picture_is_wildcard - whether it listens on all addresses. */
bool slot_picture_is_wildcard(const struct slot_picture_listener *listener);

#endif
