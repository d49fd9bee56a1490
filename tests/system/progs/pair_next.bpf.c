/* SPDX-License-Identifier: GPL-2.0-only */
/* The next version of pair. */
#define PAIR_VERSION 2
#define PAIR_RELEASE "2.0.0"

#include "tests/system/progs/pair.bpf.c"
