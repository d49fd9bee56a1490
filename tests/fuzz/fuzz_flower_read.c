/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a message about a rule of flower: none beyond them is read, and what is read as a
 * rule that could be added is the same when it is written and read again.
 */
#include <string.h>

#include <netinet/in.h>

#include "loader/lib/offload/flower_message.h"
#include "tests/fuzz/fuzz.h"

static const struct slot_flower_place place = { 3, SLOT_HOOK_TC_INGRESS, 0, 100 };

/* Of an address of IPv4 only the first word is written. */
static bool is_of_family(const struct slot_flower_end *end, __u8 family)
{
	return family == AF_INET6 || !(end->address[1] | end->address[2] | end->address[3]);
}

static bool can_be_added(const struct slot_flower_rule *rule)
{
	return (rule->match.proto == IPPROTO_TCP || rule->match.proto == IPPROTO_UDP) &&
	       rule->action_count && is_of_family(&rule->match.source, rule->match.family) &&
	       is_of_family(&rule->match.destination, rule->match.family);
}

static void check_again(const struct slot_flower_rule *rule)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct slot_flower_seen again;

	require(slot_flower_read(slot_flower_put_add(buffer, &place, rule), &place, &again),
		"what is written can be read");
	require(slot_flower_is_rule(&again.rule, rule), "it is the same rule");
	require(again.rule.mode == rule->mode, "carried out by the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_flower_seen seen;
	struct nlmsghdr *message;

	if (size < sizeof(*message) || size > UINT32_MAX)
		return 0;
	/* of its size, so that ASan sees what is read beyond */
	message = malloc(size);
	if (!message)
		return 0;
	memcpy(message, data, size);
	message->nlmsg_len = (__u32)size;
	if (slot_flower_read(message, &place, &seen)) {
		require(seen.rule.action_count <= SLOT_FLOWER_ACTIONS_MAX, "actions are bounded");
		require(seen.rule.handle, "it has a handle");
		if (can_be_added(&seen.rule))
			check_again(&seen.rule);
	}
	free(message);
	return 0;
}
