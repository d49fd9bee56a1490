/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hwmark: packets of which the device already told, by a mark, where they go. What the
 * mark's entry says of a packet is compared with the packet; then it is encapsulated as the
 * load balancer would and sent, with its settings, and counted as its VIP's and real's. Whatever
 * is not so passes as it came, to the load balancer in a slot behind.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"
#include "programs/hwmark/data/entry.h"
#include "programs/hwmark/data/mark.h"
#include "programs/hwmark/data/refresh.h"
#include "programs/lb/data/outer.h"

SLOT_NAME("hwmark");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

static __always_inline void count(int counter)
{
	__u32 zero = 0;
	struct hwmark_counts *counts = bpf_map_lookup_elem(&hwmark_counts, &zero);

	if (counts)
		counts->count[counter & (LB_COUNTERS - 1)]++;
}

/* The load balancer's settings in force; NULL where it is off. */
static __always_inline const struct lb_control *find_control(void)
{
	__u32 zero = 0, *active = bpf_map_lookup_elem(&lb_active, &zero), number;
	const struct lb_control *control;

	if (!active)
		return NULL;
	number = *active & 1;
	control = bpf_map_lookup_elem(&lb_control, &number);
	if (!control ||
	    !(*(const __u32 *)control->gateway | *(const __u16 *)(control->gateway + 4)))
		return NULL;
	return control;
}

static __always_inline bool is_live(const struct hwmark_entry *entry)
{
	__u32 zero = 0, *generation = bpf_map_lookup_elem(&lb_generation, &zero);

	return generation && entry->generation == *generation;
}

/* The entry's real; NULL where it is gone, or another has its index. */
static __always_inline const struct lb_real *find_real(const struct hwmark_entry *entry)
{
	__u32 index = entry->real;
	const struct lb_real *real = bpf_map_lookup_elem(&lb_reals, &index);

	if (!real || !(real->flags & LB_REAL_USED) || real->epoch != entry->epoch)
		return NULL;
	return real;
}

/*
 * The VIP and the real count as the load balancer counts them. Only here is asked whether the
 * entry still holds: a packet that ends its flow does so in any case, as who owns the entry may
 * be about to renew it.
 */
static __always_inline int send_to(struct lb_run *run, const struct hwmark_entry *entry,
				   const struct lb_packet *packet)
{
	__u32 zero = 0, vip = entry->vip, index = entry->real;
	struct hwmark_counts *counts = bpf_map_lookup_elem(&hwmark_counts, &zero);
	const struct lb_real *real = find_real(entry);
	int end;

	run->control = find_control();
	if (!run->control)
		return HWMARK_OFF;
	if (!counts || !real || !is_live(entry))
		return HWMARK_STALE;
	run->count = counts->count;
	if (is_refresh(&counts->clock, entry, packet))
		return HWMARK_REFRESH;
	end = send_outer(run, packet, real, entry->encap);
	if (end != LB_SENT4 && end != LB_SENT6)
		return HWMARK_NOT_SENT;
	count_sent(packet, vip, index);
	counts->count[end]++;
	return end;
}

/* Each family by itself: what differs between them is known on the whole way. */
static __always_inline int handle_ip4(struct lb_run *run, const struct hwmark_entry *entry)
{
	struct lb_packet packet = {};
	int ret = check_ip4(entry, packet_at(run, ETH_HLEN), packet_end(run), &packet);

	return ret == LB_GO_ON ? send_to(run, entry, &packet) : ret;
}

static __always_inline int handle_ip6(struct lb_run *run, const struct hwmark_entry *entry)
{
	struct lb_packet packet = {};
	int ret = check_ip6(entry, packet_at(run, ETH_HLEN), packet_end(run), &packet);

	return ret == LB_GO_ON ? send_to(run, entry, &packet) : ret;
}

static __always_inline int handle(struct lb_run *run, __u32 mark)
{
	const struct hwmark_entry *entry = bpf_map_lookup_elem(&hwmark_entries, &mark);
	struct lb_link *link = packet_at(run, 0);

	if (!entry || !entry->generation || entry->encap >= LB_REWRITE)
		return HWMARK_UNKNOWN;
	if ((void *)link + LINK_LEN > packet_end(run))
		return HWMARK_CUT;
	if (packet_end(run) - packet_at(run, ETH_HLEN) > hwmark_config.mtu)
		return HWMARK_TOO_LONG;
	if (link->proto == bpf_htons(ETH_P_IP))
		return handle_ip4(run, entry);
	if (link->proto == bpf_htons(ETH_P_IPV6))
		return handle_ip6(run, entry);
	return HWMARK_NOT_IP;
}

SEC("xdp")
int hwmark(struct xdp_md *ctx)
{
	struct lb_run run = { .ctx = ctx, .mtu = &hwmark_config.mtu };
	__s64 mark = read_mark(ctx);
	int ret;

	if (!mark)
		return XDP_PASS;
	ret = mark < 0 ? (int)MARK_FAILURE(mark) : handle(&run, mark);
	if (ret >= (int)HWMARK_SENT4)
		return XDP_TX;
	count(ret);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
