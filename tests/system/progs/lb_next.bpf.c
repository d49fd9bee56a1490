/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's next version: the same, but for its number. */
#define SLOT_PROGRAM_VERSION "9.0.0"

#include "programs/lb/lb.bpf.c"
