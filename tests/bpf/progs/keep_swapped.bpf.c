/* SPDX-License-Identifier: GPL-2.0-only */
/* A version of keep with two members of a value in each other's place. */
#define KEEP_SWAPPED

#include "tests/bpf/progs/keep.bpf.c"
