/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Leaving out slots: what a program returns so that its packet goes on behind a
 * slot further back.
 *
 * Contract: SLOT_SKIP_TO(n) leaves out the slots after the program's own up to
 * and including n; the chain goes on with the first one behind n, or ends with
 * pass where there is none. Only forward: n that is not behind the own slot, or
 * no slot at all (20 and more), is no verdict. The reservation must have "skip" in `allow`;
 * where it has not, or for what is no verdict, the packet meets its denied_as.
 * Version rule: never changes.
 */
#ifndef SLOT_BPF_SKIP_ABI_H
#define SLOT_BPF_SKIP_ABI_H

/* No XDP verdict, and below what the kernel would take for an errno. */
#define SLOT_SKIP_BASE 0x100
#define SLOT_SKIP_LAST 19 /* the last slot of every chain */

#define SLOT_SKIP_TO(n) (SLOT_SKIP_BASE + (n))
/* All slots that are left: the packet passes. */
#define SLOT_SKIP_REST SLOT_SKIP_TO(SLOT_SKIP_LAST)

#endif
