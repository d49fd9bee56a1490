/* SPDX-License-Identifier: GPL-2.0-only */
/* A command's sockets that take what comes, but at no VIP: restarts lose what comes there. */
#ifndef SL_RUN_STRAYS_H
#define SL_RUN_STRAYS_H

#include "bpf/socket_lb/run/sl_run_sockets.h"

/* Held by @pid, the first process of the command that was found to have it. */
struct sl_run_stray {
	struct sl_vip_key at;
	__u64 inode;
	pid_t pid;
};

struct sl_run_strays {
	const struct sl_run_sockets *sockets;
	__u8 proto; /* of the list that is read */
	struct sl_run_stray *items;
	size_t count; /* of all processes' */
	size_t held;  /* the first ones, which the command holds */
};

/*
 * sl_run_strays_get - those of processes below the calling one, @except and what is below that
 * apart, that are at none of the VIPs that @sockets is of. What cannot be listed is left out.
 * @ret_strays, zeros before, is for sl_run_strays_free() in any case.
 */
void sl_run_strays_get(const struct sl_run_sockets *sockets, pid_t except,
		       struct sl_run_strays *ret_strays);
void sl_run_strays_free(struct sl_run_strays *strays);

/*
 * sl_run_strays_tell - a line for people who think that all of it is served: the listeners, and
 * UDP at the port of a VIP, that are no VIP of @chain. "": there is none, or VIPs were named.
 */
void sl_run_strays_tell(const struct sl_run_sockets *sockets, pid_t except, const char *chain,
			struct slot_reason *ret_text);

#endif
