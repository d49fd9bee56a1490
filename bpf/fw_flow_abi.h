/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Flows that the host began, as fw_egress writes them down and the firewall looks them up.
 *
 * Contract: fw_egress owns the map and is the only one that writes it. Version rule:
 * SLOT_MAP_ABI in fw_egress.bpf.c is raised when a field here changes its meaning.
 */
#ifndef FW_FLOW_ABI_H
#define FW_FLOW_ABI_H

#include <linux/types.h>

#define FW_FLOWS_NAME "fw_flows"
#define FW_FLOWS_DEFAULT 65536

/*
 * Key of fw_flows, BPF_MAP_TYPE_LRU_HASH: the headers of a reply. The value is a __u64: when
 * the host last sent something, nanoseconds of CLOCK_MONOTONIC.
 */
struct fw_flow {
	/*
	 * Host byte order, the source first; of IPv4 both in the first word, the source in its
	 * upper half.
	 */
	__u64 addr[4];
	/*
	 * Of TCP and UDP: source << 16 | destination, host byte order. Of ICMP, of which only
	 * echoes are flows: type << 8 of the echo's reply. Else 0.
	 */
	__u32 ports;
	__u8 proto;
	__u8 is_ip6;
	__u16 pad;
};

_Static_assert(sizeof(struct fw_flow) == 40, "key of fw_flows");

#endif
