/* SPDX-License-Identifier: GPL-2.0-only */
/* The next version, as good as the first. */
#define TRIAL_VERSION "2.0.0"
#define TRIAL_VERDICT XDP_PASS

#include "tests/system/progs/trial.bpf.c"
