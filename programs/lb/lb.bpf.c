/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load balancer: packets to a VIP go to one of its reals, a flow's always to the
 * same. A packet meets, in this order: the filter of addresses, the VIPs, ids that it
 * carries, the flow table, client prefixes, the VIP's ring; then it is encapsulated.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "programs/lb/data/decap.h"
#include "programs/lb/data/icmp.h"
#include "programs/lb/data/ids.h"
#include "programs/lb/data/marks.h"
#include "programs/lb/data/packet.h"
#include "programs/lb/data/run.h"
#include "programs/lb/data/send.h"
#include "programs/lb/data/vip.h"

SLOT_NAME("lb");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

/* From the tuple on, which is the same work for both families. */
static __always_inline int balance(const struct lb_run *run, struct lb_packet *packet)
{
	struct lb_choice choice = {};
	const struct lb_vip *vip;
	int ret;

	ret = read_icmp(run, packet);
	if (ret != LB_GO_ON)
		return ret;
	ret = read_transport(run, packet);
	if (ret != LB_GO_ON)
		return ret;
	ret = send_return(run, packet);
	if (ret != LB_GO_ON)
		return ret;
	vip = find_vip(run, packet);
	if (!vip)
		return LB_NOT_A_VIP;
	if (packet_end(run) - packet_at(run, ETH_HLEN) > lb_config.mtu)
		return answer_too_long(run, packet);
	if (!vip->has_ring)
		return LB_NO_REALS;
	ret = choose_by_id(run, packet, vip, &choice);
	if (ret == LB_GO_ON && !choice.real) {
		ret = choose_by_tuple(run, packet, vip, &choice);
		if (ret != LB_GO_ON)
			return ret;
		/* Said to be rare, or what is kept for the call would cost all packets. */
		if (__builtin_expect(lb_config.hwmark, 0) && can_have_mark(packet, vip))
			lb_offer(run->ctx, mark_vip(vip), mark_real(&choice));
	}
	if (ret != LB_GO_ON)
		return ret;
	return send(run, packet, vip, &choice);
}

static __always_inline int handle_ip4(const struct lb_run *run)
{
	struct lb_packet packet = {};
	int ret = read_ip4(run, &packet);

	return ret == LB_GO_ON ? balance(run, &packet) : ret;
}

static __always_inline int handle_ip6(const struct lb_run *run)
{
	struct lb_packet packet = {};
	int ret = read_ip6(run, &packet);

	return ret == LB_GO_ON ? balance(run, &packet) : ret;
}

static __always_inline int handle(const struct lb_run *run)
{
	struct lb_mac gateway = get_gateway(run);
	int ret = LB_GO_ON;
	struct ethhdr *eth;

	if (!(gateway.first | gateway.last))
		return LB_OFF;
	if (lb_config.decap)
		ret = open_tunnels(run);
	if (ret != LB_GO_ON)
		return ret;
	eth = packet_at(run, 0);
	if ((void *)(eth + 1) > packet_end(run))
		return LB_BAD_HEADER;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return handle_ip4(run);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return handle_ip6(run);
	return LB_NOT_IP;
}

SEC("xdp")
int lb(struct xdp_md *ctx)
{
	struct lb_run run = { .ctx = ctx, .mtu = &lb_config.mtu };
	int end;

	if (!start_run(&run))
		return XDP_PASS;
	end = handle(&run);
	run.count[end & (LB_COUNTERS - 1)]++;
	if (end >= LB_FIRST_DROP)
		return XDP_DROP;
	return end >= LB_FIRST_SENT ? XDP_TX : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
