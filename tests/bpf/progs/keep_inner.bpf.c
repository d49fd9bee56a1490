/* SPDX-License-Identifier: GPL-2.0-only */
/* A version of keep with inner maps of another layout. */
#define KEEP_INNER_WIDE

#include "tests/bpf/progs/keep.bpf.c"
