/* SPDX-License-Identifier: GPL-2.0-only */
/* slotd's answers as people read them. Pure but for the stream written to. */
#ifndef SLOTCTL_VIEW_H
#define SLOTCTL_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "loader/slotctl/table.h"

/*
 * slot_view_chain - GET slots as a chain: a headline, the slots in the order in
 * which packets meet them along a drawn line, and what came out at its end.
 * Slots that nobody reserved are left out unless @all. Returns 0 or -ENOMEM.
 */
int slot_view_chain(const json_t *answer, bool all, const struct slot_look *look, FILE *out);

/*
 * slot_view_mode - how @chain is attached, and to what: "driver", "cgroup /sys/fs/cgroup/web",
 * "netns /run/netns/blue", "jump /sys/fs/bpf/slotd/sk_reuseport/web/jump".
 */
void slot_view_mode(const json_t *chain, FILE *out);

/* slot_view_others - a line for each program of others at the hook of @chain, where there are any. */
void slot_view_others(const json_t *chain, FILE *out);

/* slot_view_slot - one slot with everything that is known of it. Returns 0 or -ENOMEM. */
int slot_view_slot(const json_t *slot, const struct slot_look *look, FILE *out);

/* slot_view_verify - what verify found out about an object. Returns 0 or -ENOMEM. */
int slot_view_verify(const json_t *report, const struct slot_look *look, FILE *out);

/* slot_view_state - "running", "disabled", "empty" (no object), "pending" (not applied yet), "free". */
const char *slot_view_state(const json_t *slot);

/*
 * slot_view_stats - GET stats as totals, or, with @is_watch, as rates per second
 * since the answer @before. A rate without a before (NULL, another clock, a
 * counter that started again) shows as "-". Returns 0 or -ENOMEM.
 */
int slot_view_stats(const json_t *answer, const json_t *before, bool is_watch,
		    const struct slot_look *look, FILE *out);

/* slot_view_plan - the steps of a plan or a result that do something, or "no changes". */
int slot_view_plan(const json_t *plan, const struct slot_look *look, FILE *out);

/* slot_view_result - what a change did: its steps, the generation and the time it took. */
int slot_view_result(const json_t *result, const struct slot_look *look, FILE *out);

/* slot_view_doctor - what doctor found, finding by finding, and what it did not look at. */
int slot_view_doctor(const json_t *answer, const struct slot_look *look, FILE *out);

#endif
