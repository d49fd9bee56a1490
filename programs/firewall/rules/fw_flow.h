/* SPDX-License-Identifier: GPL-2.0-only */
/* The flow that a packet which comes in belongs to: data/flow.h and data/reply.h. Pure. */
#ifndef FW_FLOW_H
#define FW_FLOW_H

#include "bpf/fw_flow_abi.h"
#include "programs/firewall/rules/fw_trace.h"

/* fw_flow_is_known - whether there is enough of it to tell: later parts lack ports. */
bool fw_flow_is_known(const struct fw_packet *packet);

/* fw_flow_is_error - an ICMP error, which is about the flow of the packet that it quotes. */
bool fw_flow_is_error(const struct fw_packet *packet);

/* fw_flow_get - the key of fw_flows; of a packet whose flow is known, and that is no error. */
struct fw_flow fw_flow_get(const struct fw_packet *packet);

#endif
