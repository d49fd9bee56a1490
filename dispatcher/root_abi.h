/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the root of a chain and its readers agree on: slots, verdicts and the
 * layout of the counters.
 *
 * Version rule: ROOT_ABI_VERSION is raised whenever the layout or the meaning
 * of anything here changes, and root_layout.c then gets one layout more. A
 * generation is recorded together with the version it was built with, so a
 * reader never has to guess.
 */
#ifndef ROOT_ABI_H
#define ROOT_ABI_H

#include <linux/types.h>

/*
 * ROOT_ABI_TRIAL is for tests: a build that defines it (as a number above any
 * real version) is the next slotd, whose roots count in another layout.
 */
#ifdef ROOT_ABI_TRIAL
#define ROOT_ABI_VERSION ROOT_ABI_TRIAL
#else
#define ROOT_ABI_VERSION 2
#endif
#define ROOT_PROG_NAME "slotd_root"
#define ROOT_COUNTERS_NAME "root_counters"
#define ROOT_TOTALS_NAME "root_totals"

/* Slots 0 to 19, lower runs first. */
#define ROOT_SLOTS 20
/* The counter row of packets that every slot let through. */
#define ROOT_ROW_END ROOT_SLOTS
#define ROOT_ROWS (ROOT_SLOTS + 1)

/*
 * Columns of a row: the XDP verdicts 0 to 4 by their kernel value, then what a
 * packet met that is no verdict. ROOT_COL_DENIED: the program returned
 * something that its reservation does not allow (or no verdict at all).
 * ROOT_COL_SKIPPED: it left out slots behind it (bpf/skip.h). ROOT_COL_LANDED is
 * the other end of that, in the row of the last slot that was left out.
 */
enum root_column {
	ROOT_COL_ABORTED = 0,
	ROOT_COL_DROP = 1,
	ROOT_COL_PASS = 2,
	ROOT_COL_TX = 3,
	ROOT_COL_REDIRECT = 4,
	ROOT_COL_DENIED = 5,
	ROOT_COL_SKIPPED = 6,
	ROOT_COL_LANDED = 7,
	ROOT_COL_COUNT = 8, /* a power of two: the root shifts instead of multiplying */
};

#define ROOT_VERDICTS (ROOT_COL_REDIRECT + 1)
#define ROOT_VERDICT_ALL ((1U << ROOT_VERDICTS) - 1)
/* In the mask of what a program may return: the values of bpf/skip_abi.h. */
#define ROOT_ALLOW_SKIP (1U << ROOT_COL_SKIPPED)

/*
 * One CPU's counters, or the sum over all CPUs. In the map they stand side by
 * side, indexed by CPU, in the one element of an ARRAY, each as the layout of
 * the root's version has it (root_layout.h), in pages of their own, so that CPUs
 * share no cache line: the root addresses it directly, without a lookup. Written by
 * the root on that CPU only, read by user space; plain 64-bit increments, since
 * neither XDP nor TC programs of one chain nest, but atomic ones where they do (sockets).
 *
 * exit[row][column]: packets whose way through the chain ended at slot `row`
 * (or at its end) with that verdict: exactly one increment per packet.
 * went_on[slot][column]: packets that the slot answered with a verdict other
 * than pass and that went on all the same (continue_on), or that it answered
 * with a verdict it may not return and that went on as if passed (denied), or
 * that it sent past slots behind it (skipped). Each of those counts once more as
 * went_on[last][landed], where `last` is the last taken slot that it left out, or
 * the slot that sent it, where it left out none: what a slot saw is what came
 * so far, less what was sent past it and has not landed before it.
 * canary[slot][column]: packets that the canary version of the slot answered, by
 * its answer, pass included. They are part of the other rows as well.
 */
struct root_counters {
	__u64 exit[ROOT_ROWS][ROOT_COL_COUNT];
	__u64 went_on[ROOT_SLOTS][ROOT_COL_COUNT];
	__u64 canary[ROOT_SLOTS][ROOT_COL_COUNT];
};

#endif
