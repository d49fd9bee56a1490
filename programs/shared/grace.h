/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for packets that are under way. */
#ifndef PROGRAM_GRACE_H
#define PROGRAM_GRACE_H

/*
 * program_grace - wait until no packet is under way that may have seen what was there
 * before: an RCU grace period (docs/kernel-notes.md).
 */
void program_grace(void);

#endif
