/* SPDX-License-Identifier: GPL-2.0-only */
/* A version of keep with a larger map. */
#define KEEP_ENTRIES 16

#include "tests/bpf/progs/keep.bpf.c"
