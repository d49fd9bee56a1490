/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load balancer says of addresses: its VIPs, its reals, the ends of its tunnels. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"

#define MTU_DEFAULT 1500 /* of the setting mtu */
#define IP4_HEADER 20
#define IP6_HEADER 40
#define UDP_HEADER 8

static void set_address(struct program_claim *claim, const struct lb_prefix *prefix)
{
	claim->is_ip6 = prefix->addr.is_ip6;
	claim->len = prefix->len;
	memcpy(claim->addr, prefix->addr.bytes, claim->is_ip6 ? 16 : 4);
}

static int claim_vip(const struct program_claims *claims, const struct lb_model_vip *vip)
{
	struct program_claim claim = {
		.kind = PROGRAM_CLAIM_VIP,
		.is_local = vip->set.flags & LB_LOCAL_VIP,
		.proto = vip->name.proto,
		.port = vip->name.port,
	};

	set_address(&claim, &vip->name.prefix);
	return claims->add(claims, &claim);
}

/* Bytes around a packet on its way from @vip to @real. */
static __u16 outer_size(const struct lb_model_vip *vip, const struct lb_real *real)
{
	__u16 size = real->flags & LB_REAL_IP6 ? IP6_HEADER : IP4_HEADER;

	if (vip->set.encap == LB_IPIP)
		return size;
	return vip->set.encap == LB_GUE ? size + UDP_HEADER : 0;
}

/* Of the VIPs that use a real the one with the largest outer headers counts. */
static void measure_reals(const struct lb_model *model, __u16 *sizes)
{
	for (size_t n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];

		for (size_t i = 0; vip->is_used && i < vip->count; i++) {
			__u32 index = vip->reals[i].real;
			__u16 size = outer_size(vip, &model->reals[index]);

			if (size > sizes[index])
				sizes[index] = size;
		}
	}
}

static unsigned int get_mtu(const struct program_claims *claims)
{
	const char *text = claims->setting(claims, "mtu");
	unsigned long mtu = text ? strtoul(text, NULL, 0) : 0;

	return mtu && mtu <= 65535 ? (unsigned int)mtu : MTU_DEFAULT;
}

static int claim_reals(const struct program_claims *claims, const struct lb_model *model)
{
	_cleanup_free_ __u16 *sizes = calloc(LB_REAL_INDEXES, sizeof(*sizes));
	unsigned int mtu = get_mtu(claims);
	int err = sizes ? 0 : -ENOMEM;

	if (sizes)
		measure_reals(model, sizes);
	for (__u32 i = 1; !err && i < LB_REAL_INDEXES; i++) {
		const struct lb_real *real = &model->reals[i];
		struct program_claim claim = { .kind = PROGRAM_CLAIM_REAL,
					       .is_local = real->flags & LB_REAL_LOCAL,
					       .mtu = mtu };
		struct lb_prefix prefix = { .addr = lb_model_host(real) };

		if (!real->users)
			continue;
		prefix.len = prefix.addr.is_ip6 ? 128 : 32;
		set_address(&claim, &prefix);
		claim.overhead = sizes[i];
		err = claims->add(claims, &claim);
	}
	return err;
}

static int claim_tunnels(const struct program_claims *claims, const struct lb_model *model)
{
	int err = 0;

	for (size_t i = 0; !err && i < model->tunnel_count; i++) {
		struct lb_prefix prefix = { .addr = model->tunnels[i] };
		struct program_claim claim = { .kind = PROGRAM_CLAIM_TUNNEL };

		prefix.len = prefix.addr.is_ip6 ? 128 : 32;
		set_address(&claim, &prefix);
		claim.overhead = (claim.is_ip6 ? IP6_HEADER : IP4_HEADER) + UDP_HEADER;
		err = claims->add(claims, &claim);
	}
	return err;
}

int lb_claim(const struct program_claims *claims, struct slot_reason *why)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	int err = lb_look(claims->map_dir, why, &lb);

	if (err)
		return err;
	for (size_t i = 0; !err && i < LB_VIPS_MAX; i++)
		if (lb.current.vips[i].is_used)
			err = claim_vip(claims, &lb.current.vips[i]);
	err = err ? err : claim_reals(claims, &lb.current);
	err = err ? err : claim_tunnels(claims, &lb.current);
	return err ? slot_reason_set(why, err, "out of memory") : 0;
}
