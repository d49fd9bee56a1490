/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that are listed, and taken off by that. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "loader/lib/base/fault.h"
#include "loader/lib/host/netlink.h"
#include "loader/lib/offload/flower.h"
#include "loader/lib/offload/flower_message.h"

#define TRIES 8 /* at a list that changes while it is read */
#define ROOM_MIN 128

struct listing {
	const struct slot_flower_place *place;
	struct slot_flower_seen *items;
	size_t count, room;
};

/* Returns @items with room for one more, or NULL: they are as they were. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : ROOM_MIN;

	if (count < *room)
		return items;
	items = reallocarray(items, more, size);
	if (items)
		*room = more;
	return items;
}

static int keep_seen(const struct nlmsghdr *message, void *data)
{
	struct listing *listing = data;
	struct slot_flower_seen seen;
	void *items;

	if (!slot_flower_read(message, listing->place, &seen))
		return MNL_CB_OK;
	items = grow(listing->items, listing->count, &listing->room, sizeof(seen));
	if (!items)
		return MNL_CB_ERROR;
	listing->items = items;
	listing->items[listing->count++] = seen;
	return MNL_CB_OK;
}

static int read_rules(struct listing *listing)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	char buffer[SLOT_NETLINK_SIZE];
	size_t i;
	int err = 0;

	listing->count = 0;
	for (i = 0; i < sizeof(families) && !err; i++)
		err = SLOT_STEP(
			"flower.list",
			slot_netlink_ask(NETLINK_ROUTE,
					 slot_flower_put_list(buffer, listing->place, families[i]),
					 keep_seen, listing));
	return err;
}

int slot_flower_list(const struct slot_flower_place *place, slot_flower_see *see, void *data)
{
	struct listing listing = { .place = place };
	int tries = TRIES;
	size_t i;
	int err;

	do
		err = read_rules(&listing);
	while (err == -EINTR && --tries);
	for (i = 0; i < listing.count && !err; i++)
		err = see(&listing.items[i], data);
	free(listing.items);
	return err;
}

void slot_flower_rules_free(struct slot_flower_rules *rules)
{
	free(rules->items);
	*rules = (struct slot_flower_rules){ 0 };
}

int slot_flower_rules_add(struct slot_flower_rules *rules, const struct slot_flower_rule *rule)
{
	void *items = grow(rules->items, rules->count, &rules->room, sizeof(*rule));

	if (!items)
		return -ENOMEM;
	rules->items = items;
	rules->items[rules->count++] = *rule;
	return 0;
}

/* One that somebody else has taken off meanwhile is gone as well. */
static size_t del_some(const struct slot_flower_place *place, const struct slot_flower_rule *items,
		       size_t count, struct slot_answer *stuck)
{
	struct slot_answer answers[SLOT_NETLINK_BATCH_MAX];
	const struct slot_flower_rule *rules[SLOT_NETLINK_BATCH_MAX];
	size_t gone = 0;
	size_t i;

	for (i = 0; i < count; i++)
		rules[i] = &items[i];
	slot_flower_del(place, rules, count, answers);
	for (i = 0; i < count; i++) {
		if (!answers[i].err || answers[i].err == -ENOENT || answers[i].err == -ENODEV)
			gone++;
		else
			*stuck = answers[i];
	}
	return gone;
}

int slot_flower_rules_del(const struct slot_flower_place *place,
			  const struct slot_flower_rules *rules, size_t *ret_count,
			  struct slot_answer *ret_stuck)
{
	struct slot_answer stuck = { 0 };
	size_t gone = 0;
	size_t first;

	for (first = 0; first < rules->count; first += SLOT_NETLINK_BATCH_MAX) {
		size_t count = rules->count - first;

		if (count > SLOT_NETLINK_BATCH_MAX)
			count = SLOT_NETLINK_BATCH_MAX;
		gone += del_some(place, &rules->items[first], count, &stuck);
	}
	*ret_count = gone;
	*ret_stuck = stuck;
	return stuck.err;
}

struct own_rules {
	__u64 owner;
	struct slot_flower_rules rules;
};

static int keep_own(const struct slot_flower_seen *seen, void *data)
{
	struct own_rules *own = data;

	return seen->rule.owner == own->owner ? slot_flower_rules_add(&own->rules, &seen->rule) : 0;
}

int slot_flower_flush(const struct slot_flower_place *place, __u64 owner, size_t *ret_count)
{
	struct own_rules own = { .owner = owner };
	struct slot_answer stuck;
	int err = slot_flower_list(place, keep_own, &own);

	*ret_count = 0;
	if (!err)
		err = slot_flower_rules_del(place, &own.rules, ret_count, &stuck);
	slot_flower_rules_free(&own.rules);
	return err;
}
