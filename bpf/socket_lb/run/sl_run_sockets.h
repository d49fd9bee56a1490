/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command's sockets: found from outside, and registered in its place.
 *
 * The kernel's list (sock_diag) says which sockets are bound to a VIP; only for one that is new
 * there are the descriptors of the command's processes looked through. So a server's connections
 * are never touched, and a look costs the same whether it has ten of them or a million.
 */
#ifndef SL_RUN_SOCKETS_H
#define SL_RUN_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include <sys/socket.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "bpf/socket_lb/run/sl_run_tree.h"
#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/reason.h"

struct sl_run_socket {
	struct sl_vip_key vip;
	__u64 cookie;
	__u64 inode;
	bool is_ours; /* and registered */
	bool is_there;
	unsigned int looks; /* how often it was looked for among the command's, in vain */
};

struct sl_run_sockets {
	struct socketlb *lb;
	struct sl_run_socket *items; /* on all VIPs of the chain, others' as well */
	size_t count;
	struct sl_vip_key wanted[SL_VIPS_MAX]; /* --vip; none: all of the chain */
	size_t wanted_count;
	bool is_busy;		    /* sockets wait for a place: both instances are in use */
	bool is_new;		    /* the last look registered something */
	struct slot_reason trouble; /* why a socket of the command's was left alone; "": none was */
	struct slot_reason advice;  /* what to mind at a VIP that was registered at; "": nothing */
};

/* sl_run_sockets_free - what a look found is forgotten, not closed. */
void sl_run_sockets_free(struct sl_run_sockets *sockets);

/* sl_run_sockets_ask - whether @vip is one of the chain's: 1, 0, or -errno. */
int sl_run_sockets_ask(struct sl_run_sockets *sockets, const struct sl_vip_key *vip);

/*
 * sl_run_sockets_look - register sockets on VIPs that processes below the calling one hold (@except
 * and what is below that apart) and that were not there before; forget those that are closed.
 * Returns 0 or -errno; says why. What is wrong with a single socket is no error: see trouble.
 */
int sl_run_sockets_look(struct sl_run_sockets *sockets, pid_t except, struct slot_reason *why);

/* sl_run_sockets_count - how many are registered. */
size_t sl_run_sockets_count(const struct sl_run_sockets *sockets);

/* sl_run_sockets_tell - the same in words, and at which VIPs: "2 sockets at tcp/0.0.0.0:80". */
void sl_run_sockets_tell(const struct sl_run_sockets *sockets, struct slot_reason *ret_text);

/*
 * sl_run_sockets_fewest - how many @ret_vip has, the VIP that has fewest, of those wanted, else of
 * those that have any. Where there is none, 0, and its family is 0.
 */
size_t sl_run_sockets_fewest(const struct sl_run_sockets *sockets, struct sl_vip_key *ret_vip);

/* sl_run_sockets_has - whether the socket @cookie is at a VIP, and still open. */
bool sl_run_sockets_has(const struct sl_run_sockets *sockets, __u64 cookie);

/* sl_run_sockets_key - what the socket of @message is bound to; @proto: IPPROTO_TCP, IPPROTO_UDP. */
void sl_run_sockets_key(const struct inet_diag_msg *message, __u8 proto,
			struct sl_vip_key *ret_key);

#endif
