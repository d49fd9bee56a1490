/* SPDX-License-Identifier: GPL-2.0-only */
/* What socket_lb's VIPs and sockets are, for who looks at the host as a whole. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/cli/socket_lb_cli.h"
#include "bpf/socket_lb/maps/sl_instance.h"
#include "bpf/socket_lb/maps/sl_process.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "loader/lib/base/cleanup.h"

/* Those that are open. */
static int claim_sockets(const struct program_claims *claims, const struct sl_maps *maps, __u32 vip,
			 __u32 instance)
{
	int err = 0;

	for (__u32 i = 0; !err && i < SL_SOCKETS_MAX; i++) {
		struct program_claim claim = { .kind = PROGRAM_CLAIM_SOCKET };
		__u32 index = SL_SOCKET_INDEX(vip, instance, i);

		if (!bpf_map_lookup_elem(maps->sockets, &index, &claim.cookie))
			err = claims->add(claims, &claim);
	}
	return err;
}

/* How many take what is new: where those of the active one are gone, the other one's. */
static int count_serving(const struct sl_maps *maps, __u32 vip, struct slot_reason *why,
			 size_t *ret_count)
{
	struct sl_instance other;
	int active = -1, err = sl_active_get(maps, vip, why, &active);

	*ret_count = 0;
	if (err || active < 0)
		return err;
	err = sl_sockets_count(maps, vip, (__u32)active, why, ret_count);
	if (err || *ret_count)
		return err;
	err = sl_instance_get(maps, vip, !active, why, &other);
	if (err || other.state != SL_SERVING)
		return err;
	return sl_sockets_count(maps, vip, !active, why, ret_count);
}

/* Whether @instance, which is not the active one, has sockets that nobody is there to end. */
static int is_orphaned(const struct sl_maps *maps, __u32 vip, __u32 instance,
		       struct slot_reason *why, bool *ret_is_orphaned)
{
	struct sl_instance held;
	struct sl_process process;
	size_t sockets = 0;
	int active = -1, err = sl_instance_get(maps, vip, instance, why, &held);

	err = err ? err : sl_active_get(maps, vip, why, &active);
	err = err ? err : sl_sockets_count(maps, vip, instance, why, &sockets);
	if (err)
		return err;
	process = (struct sl_process){ held.pid, held.pid_start, held.pid_ns };
	*ret_is_orphaned = sockets && held.state == SL_SERVING && active != (int)instance &&
			   sl_process_life(&process) == SL_DEAD;
	return 0;
}

static int claim_instance(const struct program_claims *claims, const struct sl_maps *maps,
			  struct program_claim claim, __u32 vip, struct slot_reason *why)
{
	bool is_lost = false;
	int err = is_orphaned(maps, vip, claim.instance, why, &is_lost);

	claim.kind = PROGRAM_CLAIM_ORPHANS;
	if (!err && is_lost)
		err = claims->add(claims, &claim);
	return err ? err : claim_sockets(claims, maps, vip, claim.instance);
}

static int claim_vip(const struct program_claims *claims, const struct sl_maps *maps,
		     const struct sl_vip_entry *entry, struct slot_reason *why)
{
	struct program_claim claim = {
		.kind = PROGRAM_CLAIM_SHARED,
		.is_ip6 = entry->key.family == 6,
		.len = entry->key.family == 6 ? 128 : 32,
		.proto = entry->key.proto,
		.port = ntohs(entry->key.port),
	};
	size_t count = 0;
	int err = count_serving(maps, entry->vip.index, why, &count);

	memcpy(claim.addr, entry->key.addr, sizeof(claim.addr));
	claim.sockets = (__u32)count;
	err = err ? err : claims->add(claims, &claim);
	for (claim.instance = 0; !err && claim.instance < SL_INSTANCES; claim.instance++)
		err = claim_instance(claims, maps, claim, entry->vip.index, why);
	return err;
}

int sl_cli_claim(const struct program_claims *claims, struct slot_reason *why)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	size_t count = 0;
	int err = sl_maps_open(claims->map_dir, false, why, &maps);

	err = err ? err : sl_vips_get(&maps, why, &vips, &count);
	for (size_t i = 0; !err && i < count; i++)
		err = claim_vip(claims, &maps, &vips[i], why);
	return err;
}
