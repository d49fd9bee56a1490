/* SPDX-License-Identifier: GPL-2.0-only */
/* How a packet gets to its real. */
#ifndef LB_DATA_SEND_H
#define LB_DATA_SEND_H

#include "programs/lb/data/choose.h"
#include "programs/lb/data/outer.h"
#include "programs/lb/data/rewrite.h"

/* send - to @choice, in the VIP's way. */
static __always_inline int send(const struct lb_run *run, const struct lb_packet *packet,
				const struct lb_vip *vip, const struct lb_choice *choice)
{
	count_sent(packet, vip->number, choice->index);
	if (vip->flags & LB_LOCAL_VIP && choice->real->flags & LB_REAL_LOCAL)
		return LB_LOCAL;
	if (vip->encap == LB_REWRITE)
		return send_rewritten(run, packet, choice->real);
	return send_outer(run, packet, choice->real, vip->encap);
}

#endif
