/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preflight: a new generation meets test packets before it meets traffic. */
#ifndef SLOT_PREFLIGHT_H
#define SLOT_PREFLIGHT_H

#include "loader/lib/chain/generation.h"

/*
 * slot_preflight_run - run the root of @generation on ordinary frames that no
 * program has a reason to act on (an ethertype for local experiments, IEEE 802),
 * shortest and longest.
 *
 * Canaries get frames of other flows until each has answered, or run on one of
 * their CPUs; the calling thread is back on all of its CPUs afterwards.
 *
 * The generation is loaded, not attached, and has counted nothing yet; what the
 * frames counted is cleared again. Returns 0, -EPROTO when a slot aborts such a
 * frame or answers it with what it may not return, whatever the chain then makes
 * of it, or -errno; says why. Of a chain without counters only the verdict of
 * the whole is known: -EPROTO when that is aborted. Rests on BPF_PROG_TEST_RUN.
 */
int slot_preflight_run(const struct slot_generation *generation, struct slot_reason *why);

#endif
