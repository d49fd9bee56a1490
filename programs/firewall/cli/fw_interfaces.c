/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/cli/fw_interfaces.h"

#include <errno.h>
#include <net/if.h>

int fw_interface_find(const struct program_context *ctx, const char *name, struct slot_reason *why,
		      __u32 *ret_ifindex)
{
	__u32 ifindex;

	if (ctx->slot)
		return ctx->slot->find_interface(ctx->slot, name, why, ret_ifindex);
	ifindex = if_nametoindex(name);
	if (!ifindex)
		return slot_reason_set(why, -ENODEV, "no such interface is here");
	*ret_ifindex = ifindex;
	return 0;
}

int fw_interfaces_set(const struct program_context *ctx, const struct fw_ruleset *set,
		      struct fw_head *head, struct slot_reason *why)
{
	struct slot_reason reason = {};
	size_t i;
	int err;

	for (i = 0; i < set->interface_count; i++) {
		err = fw_interface_find(ctx, set->interfaces[i], &reason, &head->interfaces[i]);
		if (err)
			return slot_reason_set(why, err,
					       "%s \"%s\": %s; rules know interfaces by their "
					       "number, so that it has to be there before",
					       fw_ruleset_interface_word(set), set->interfaces[i],
					       reason.text);
	}
	head->interface_count = (__u32)set->interface_count;
	return 0;
}

bool fw_interface_is_stale(const struct program_context *ctx, const struct fw_ruleset *set,
			   const struct fw_head *head, size_t i, struct slot_reason *ret_now)
{
	struct slot_reason why = {};
	__u32 now = 0;
	int err = fw_interface_find(ctx, set->interfaces[i], &why, &now);

	if ((err && err != -ENODEV) || now == head->interfaces[i])
		return false;
	if (now)
		slot_reason_set(ret_now, 0, "it is %u now", now);
	else
		slot_reason_set(ret_now, 0, "it is not there now");
	return true;
}
