/* SPDX-License-Identifier: GPL-2.0-only */
/* The next version of state, its map as before. */
#define STATE_VERSION "1.1.0"
#define STATE_VALUES 1

#include "tests/system/progs/state.bpf.c"
