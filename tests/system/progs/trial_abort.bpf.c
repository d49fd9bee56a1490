/* SPDX-License-Identifier: GPL-2.0-only */
/* A version that aborts on all UDP. */
#define TRIAL_VERSION "2.2.0"
#define TRIAL_VERDICT XDP_ABORTED

#include "tests/system/progs/trial.bpf.c"
