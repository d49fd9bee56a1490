/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The flows of UDP that socket_lb remembers. */
#ifndef SL_FLOWS_H
#define SL_FLOWS_H

#include <stddef.h>

#include "bpf/socket_lb/maps/sl_maps.h"
#include "bpf/socket_lb/socket_lb_abi.h"

/* sl_flows_each - show @see every flow that is remembered, in no order. */
int sl_flows_each(const struct sl_maps *maps,
		  void (*see)(const struct sl_flow_key *key, const struct sl_flow *flow,
			      void *data),
		  void *data, struct slot_reason *why);

/*
 * sl_flows_count - flows of UDP that began with the instance since it was taken, and were heard
 * of within the VIP's memory. What is left to drain, as far as flows tell it: connections of
 * QUIC that are past their handshake are known by their ids, to the server alone.
 */
int sl_flows_count(const struct sl_maps *maps, const struct sl_vip *vip, __u32 instance,
		   struct slot_reason *why, size_t *ret_count);

#endif
