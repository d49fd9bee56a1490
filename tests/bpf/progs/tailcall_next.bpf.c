/* SPDX-License-Identifier: GPL-2.0-only */
/* The next version of tailcall: its target transmits. */
#define TAILCALL_VERDICT XDP_TX

#include "tests/bpf/progs/tailcall.bpf.c"
