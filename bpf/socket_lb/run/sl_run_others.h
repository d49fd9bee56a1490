/* SPDX-License-Identifier: GPL-2.0-only */
/* Who else is at the chain's VIPs: what a newer one does not take over, and whose it cannot. */
#ifndef SL_RUN_OTHERS_H
#define SL_RUN_OTHERS_H

#include "bpf/socket_lb/run/sl_run_sockets.h"

/*
 * sl_run_others_left - once announced: VIPs that those whom @lb took over from serve on, as @lb
 * has no socket there. They go dark with who serves them. "": there are none. Linux 5.8.
 */
void sl_run_others_left(struct socketlb *lb, struct slot_reason *ret_text);

/*
 * sl_run_others_users - append that VIPs of @sockets have sockets of another user than the caller,
 * which the kernel lets nobody else bind beside. Nothing where there are none.
 */
void sl_run_others_users(struct sl_run_sockets *sockets, struct slot_reason *text);

#endif
