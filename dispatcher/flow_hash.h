/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The function of a root that tells which flow a packet is of (flow_hash.bpf.c). */
#ifndef ROOT_FLOW_HASH_H
#define ROOT_FLOW_HASH_H

#include "dispatcher/root.h"

/*
 * slot_flow_hash_body - int flow_hash(struct xdp_md *): 32 bits, spread evenly
 * over flows. One function without maps and calls; lives as long as the process.
 */
struct root_body slot_flow_hash_body(void);

#endif
