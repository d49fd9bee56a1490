/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command that took over serves; and what it does not, though it seems so. */
#ifndef SL_RUN_SERVING_H
#define SL_RUN_SERVING_H

#include "bpf/socket_lb/run/sl_run_sockets.h"

/*
 * sl_run_serving_tell - a line for what @sockets have, and one for each thing to mind: what a VIP
 * asks for, sockets of processes below the calling one (@except and what is below that apart) that
 * are at no VIP of @chain, VIPs that go dark with the one before. @ret_lines, zeros before, is for
 * slot_reasons_free().
 */
void sl_run_serving_tell(const struct sl_run_sockets *sockets, pid_t except, const char *chain,
			 struct slot_reasons *ret_lines);

#endif
