/* SPDX-License-Identifier: GPL-2.0-only */
/* A version of state that makes its map's value larger, so that the old entries do not fit. */
#define STATE_VERSION "2.0.0"
#define STATE_VALUES 2
#define STATE_MIGRATE "/mnt/state-migrate" /* a tmpfs of the test's own */

#include "tests/system/progs/state.bpf.c"
