/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is behind struct socketlb_cid. */
#ifndef SOCKETLB_CID_H
#define SOCKETLB_CID_H

#include "bpf/socket_lb/lib/socketlb.h"
#include "bpf/socket_lb/socket_lb_abi.h"

struct cid_layout {
	struct sl_cid_variant variants[SL_CID_VARIANTS];
	__u8 kind; /* enum sl_cid_kind */
	__u8 process;
	__u8 pad[6];
};

_Static_assert(sizeof(struct cid_layout) == sizeof(struct socketlb_cid), "the room that it has");

/* socketlb_cid_set - how ids of @vip are laid out, for the instance @process of it. */
void socketlb_cid_set(const struct sl_vip *vip, unsigned int process, struct socketlb_cid *ret_cid);

#endif
