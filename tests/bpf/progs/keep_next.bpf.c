/* SPDX-License-Identifier: GPL-2.0-only */
/* The next version of keep, its maps as before. */
#define KEEP_VERSION 2

#include "tests/bpf/progs/keep.bpf.c"
