/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command that is given up had, of the sockets that it should have had. */
#ifndef SL_RUN_LACK_H
#define SL_RUN_LACK_H

#include "bpf/socket_lb/run/sl_run_sockets.h"

/*
 * sl_run_lack - say which VIP of @sockets has not the @workers sockets (0: any) that were
 * waited for, how many it has, and where else processes below the calling one serve, @except and what is
 * below that apart.
 */
void sl_run_lack(const struct sl_run_sockets *sockets, unsigned int workers, pid_t except,
		 struct slot_reason *ret_text);

/*
 * sl_run_lack_end - what to say of a command that ended with @status before it served: behind
 * that, if there is one, what the kernel may have refused it for.
 */
void sl_run_lack_end(struct sl_run_sockets *sockets, int status, struct slot_reason *ret_text);

#endif
