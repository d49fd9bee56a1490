/* SPDX-License-Identifier: GPL-2.0-only */
/* A version that drops all UDP. */
#define TRIAL_VERSION "2.1.0"
#define TRIAL_VERDICT XDP_DROP

#include "tests/system/progs/trial.bpf.c"
