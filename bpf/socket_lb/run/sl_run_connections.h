/* SPDX-License-Identifier: GPL-2.0-only */
/* A command's TCP connections: what is left of them while it drains. */
#ifndef SL_RUN_CONNECTIONS_H
#define SL_RUN_CONNECTIONS_H

#include "bpf/socket_lb/run/sl_run_sockets.h"

/*
 * sl_run_connections_count - connections that a process below the calling one holds, @except
 * and what is below that apart, and those that wait at a registered socket to be accepted. Returns
 * 0 or -errno; says why.
 */
int sl_run_connections_count(const struct sl_run_sockets *sockets, pid_t except,
			     struct slot_reason *why, size_t *ret_count);

#endif
