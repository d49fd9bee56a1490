/* SPDX-License-Identifier: GPL-2.0-only */
/* The chain that a command's sockets are to be in. */
#ifndef SL_RUN_CHAIN_H
#define SL_RUN_CHAIN_H

#include "bpf/socket_lb/run/sl_run.h"
#include "bpf/socket_lb/run/sl_run_sockets.h"

/*
 * sl_run_chain_open - open sockets->lb on the chain of @run, and take over its VIPs as those that
 * are wanted. Returns 0, -ENOENT where the chain has not the VIPs that are
 * wanted, or none at all: nothing would come of a start. Or the errors of socketlb_open(). Says why.
 */
int sl_run_chain_open(const struct sl_run *run, struct sl_run_sockets *sockets,
		      struct slot_reason *why);

/*
 * sl_run_chain_follow - whether a newer instance has taken over, as socketlb_is_replaced(): 1, 0, or
 * -errno, and says why. @ret_is_new: no, but the chain has its maps made anew; these are open now,
 * and all sockets are to be looked for and registered again.
 */
int sl_run_chain_follow(const struct sl_run *run, struct sl_run_sockets *sockets,
			struct slot_reason *why, bool *ret_is_new);

#endif
