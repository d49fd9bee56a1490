/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another destination as keys of act_pedit: no system call. */
#ifndef SLOT_FLOWER_EDITS_H
#define SLOT_FLOWER_EDITS_H

#include <linux/tc_act/tc_pedit.h>

#include "loader/lib/host/netlink.h"
#include "loader/lib/offload/flower.h"

/* Words of a packet: two MAC addresses, an address of IPv6, a port. */
#define SLOT_FLOWER_EDITS_MAX 8

/* As the kernel has them, in two lists. */
struct slot_flower_edits {
	struct tc_pedit_sel sel;
	struct tc_pedit_key keys[SLOT_FLOWER_EDITS_MAX];
	__u16 headers[SLOT_FLOWER_EDITS_MAX]; /* enum pedit_header_type */
};

/* slot_flower_edits_make - those that give packets of @match the destination @address. */
void slot_flower_edits_make(const struct slot_flower_match *match,
			    const struct slot_flower_address *address,
			    struct slot_flower_edits *ret_edits);

/* slot_flower_edits_put - write them into @request, among the options of an act_pedit. */
void slot_flower_edits_put(struct nlmsghdr *request, const struct slot_flower_edits *edits);

/*
 * slot_flower_edits_read - where an act_pedit with @options sends packets of @match. Returns false
 * where it does more, less or something else: then @ret_address is as it was.
 */
bool slot_flower_edits_read(const struct nlattr *options, const struct slot_flower_match *match,
			    struct slot_flower_address *ret_address);

#endif
