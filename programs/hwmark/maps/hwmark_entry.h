/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of hwmark_entries, made of what the load balancer tells of a flow and held against
 * what it says of VIPs and reals. Pure.
 */
#ifndef HWMARK_ENTRY_H
#define HWMARK_ENTRY_H

#include "loader/lib/base/reason.h"
#include "programs/hwmark/hwmark_abi.h"
#include "programs/lb/model/lb_model.h"

/*
 * hwmark_entry_make - the entry of the flow in @event, or with HWMARK_DESTINATION of all flows
 * of its VIP's address and port to its real; of the event's generation. Of a VIP of all ports it
 * is all of them while no other VIP has one of them at that address, else the event's. Returns 0,
 * or -ESTALE as hwmark_entry_check(); says why.
 */
int hwmark_entry_make(const struct lb_model *model, const struct lb_mark_event *event,
		      enum hwmark_mode mode, struct slot_reason *why,
		      struct hwmark_entry *ret_entry);

/*
 * hwmark_entry_check - whether by @model packets of @entry still may go where it says: its VIP
 * has that number, is sent so, has that real, needs to know no more than the flow, and has all
 * ports where the entry has. Whoever
 * finds it so may write the entry again with the generation that @model was read in, where the
 * ring is still the entry's (hwmark_view_judge()). Returns 0,
 * or -ESTALE and says what is not so.
 */
int hwmark_entry_check(const struct lb_model *model, const struct hwmark_entry *entry,
		       struct slot_reason *why);

/*
 * hwmark_entry_find_vip - the VIP that the load balancer finds for packets to @name, an address
 * with a port, or 0 for those ports that no other VIP has; NULL: none.
 */
const struct lb_model_vip *hwmark_entry_find_vip(const struct lb_model *model,
						 const struct lb_vip_name *name);

/* hwmark_entry_vip - the address, protocol and port that @entry stands for. */
struct lb_vip_name hwmark_entry_vip(const struct hwmark_entry *entry);

#endif
