/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preflight: a new generation meets test packets before it meets traffic. */
#ifndef SLOT_PREFLIGHT_H
#define SLOT_PREFLIGHT_H

#include "loader/lib/chain/generation.h"

/*
 * slot_preflight_run - run the root of @generation on what no program has a reason to act on.
 *
 * Of XDP and TC: ordinary frames (an ethertype for local experiments, IEEE 802), shortest
 * and longest. Of sk_lookup: lookups between documentation addresses (RFC 5737, 3849). Of
 * sk_reuseport: a datagram and a connection, which also loses its listener, to groups on the
 * loopback of a netns of their own. Of sock_ops: a connection there, in a cgroup of its own;
 * the programs of the cgroups above meet that one, too.
 *
 * Canaries get frames of other flows until each has answered, or run on one of
 * their CPUs; the calling thread is back on all of its CPUs afterwards.
 *
 * The generation is loaded, not attached, and has counted nothing yet; what the
 * tests counted is cleared again. Returns 0, -EPROTO when a slot aborts such a
 * frame or answers it with what it may not return, whatever the chain then makes
 * of it, or -errno; says why. Of a chain without counters only the verdict of
 * the whole is known: -EPROTO when that is aborted, which no chain of sockets is. Where this
 * host has no place for a run of sockets, it is left out, and @note says so; else that stays.
 * Rests on BPF_PROG_TEST_RUN, for sk_lookup of Linux 5.13.
 */
int slot_preflight_run(const struct slot_generation *generation, struct slot_reason *note,
		       struct slot_reason *why);

#endif
