/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/offload/flower_message.h"

typedef struct nlmsghdr *put_fn(void *buffer, const struct slot_flower_place *place,
				const struct slot_flower_rule *rule);

struct job {
	const struct slot_flower_place *place;
	put_fn *put;
	char *buffer; /* SLOT_NETLINK_BATCH_MAX messages */
};

static bool is_sound(const struct slot_flower_rule *rule)
{
	return (rule->match.family == AF_INET || rule->match.family == AF_INET6) &&
	       (rule->match.proto == IPPROTO_TCP || rule->match.proto == IPPROTO_UDP) &&
	       rule->handle && rule->action_count && rule->action_count <= SLOT_FLOWER_ACTIONS_MAX;
}

/* One message to the kernel. What it does not take as a whole it took none of. */
static void send_batch(const struct job *job, const struct slot_flower_rule *const *rules,
		       size_t count, struct slot_answer *answers)
{
	size_t size = 0;
	size_t i;
	int err;

	for (i = 0; i < count; i++)
		size += job->put(job->buffer + size, job->place, rules[i])->nlmsg_len;
	err = slot_netlink_batch(NETLINK_ROUTE, job->buffer, size, count, answers);
	for (i = 0; i < count && err; i++)
		answers[i] = (struct slot_answer){ .err = err };
}

static void add_words(struct slot_answer *answer)
{
	if (answer->err && !answer->text[0])
		snprintf(answer->text, sizeof(answer->text), "%s", strerror(-answer->err));
}

static int send_sound(const struct job *job, const struct slot_flower_rule *const *rules,
		      size_t count, struct slot_answer *answers)
{
	size_t done = 0;
	int err = 0;
	size_t i;

	while (done < count) {
		size_t part = count - done;

		if (part > SLOT_NETLINK_BATCH_MAX)
			part = SLOT_NETLINK_BATCH_MAX;
		send_batch(job, rules + done, part, answers + done);
		done += part;
	}
	for (i = 0; i < count; i++) {
		add_words(&answers[i]);
		if (!err)
			err = answers[i].err;
	}
	return err;
}

static int send_rules(const struct slot_flower_place *place, put_fn *put,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	_cleanup_free_ char *buffer = malloc((size_t)SLOT_NETLINK_BATCH_MAX * SLOT_NETLINK_SIZE);
	const struct job job = { place, put, buffer };
	int err = buffer ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < count && !err; i++)
		err = is_sound(rules[i]) ? 0 : -EINVAL;
	if (!err)
		return send_sound(&job, rules, count, answers);
	for (i = 0; i < count; i++) {
		answers[i] = (struct slot_answer){ .err = err };
		add_words(&answers[i]);
	}
	return err;
}

int slot_flower_add(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers)
{
	return send_rules(place, slot_flower_put_add, rules, count, ret_answers);
}

int slot_flower_del(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers)
{
	return send_rules(place, slot_flower_put_del, rules, count, ret_answers);
}

struct listing {
	const struct slot_flower_place *place;
	slot_flower_see *see;
	void *data;
	int result; /* of @see */
};

static int show_rule(const struct nlmsghdr *message, void *data)
{
	struct listing *listing = data;
	struct slot_flower_seen seen;

	if (slot_flower_read(message, listing->place, &seen))
		listing->result = listing->see(&seen, listing->data);
	return listing->result ? MNL_CB_STOP : MNL_CB_OK;
}

int slot_flower_list(const struct slot_flower_place *place, slot_flower_see *see, void *data)
{
	static const __u8 families[] = { AF_INET, AF_INET6 };
	struct listing listing = { place, see, data, 0 };
	char buffer[SLOT_NETLINK_SIZE];
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(families) && !err; i++) {
		err = slot_netlink_ask(NETLINK_ROUTE,
				       slot_flower_put_list(buffer, place, families[i]), show_rule,
				       &listing);
		if (!err)
			err = listing.result;
	}
	return err;
}

struct own_rules {
	__u64 owner;
	struct slot_flower_rule *items;
	size_t count;
	size_t room;
};

static int keep_own(const struct slot_flower_seen *seen, void *data)
{
	struct own_rules *own = data;
	struct slot_flower_rule *items;
	size_t room = own->room ? own->room * 2 : SLOT_NETLINK_BATCH_MAX;

	if (seen->rule.owner != own->owner)
		return 0;
	if (own->count == own->room) {
		items = reallocarray(own->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		own->items = items;
		own->room = room;
	}
	own->items[own->count++] = seen->rule;
	return 0;
}

/* One that somebody else has taken off meanwhile is gone as well. */
static int del_own(const struct slot_flower_place *place, const struct own_rules *own,
		   size_t *ret_count)
{
	struct slot_answer answers[SLOT_NETLINK_BATCH_MAX];
	const struct slot_flower_rule *rules[SLOT_NETLINK_BATCH_MAX];
	size_t first;
	int err = 0;

	for (first = 0; first < own->count; first += SLOT_NETLINK_BATCH_MAX) {
		size_t i;

		for (i = 0; i < SLOT_NETLINK_BATCH_MAX && first + i < own->count; i++)
			rules[i] = &own->items[first + i];
		slot_flower_del(place, rules, i, answers);
		while (i--) {
			if (!answers[i].err || answers[i].err == -ENOENT)
				(*ret_count)++;
			else
				err = answers[i].err;
		}
	}
	return err;
}

int slot_flower_flush(const struct slot_flower_place *place, __u64 owner, size_t *ret_count)
{
	struct own_rules own = { .owner = owner };
	int err = slot_flower_list(place, keep_own, &own);

	*ret_count = 0;
	if (!err)
		err = del_own(place, &own, ret_count);
	free(own.items);
	return err;
}

int slot_flower_open(const struct slot_flower_place *place)
{
	enum slot_qdisc qdisc;
	int err = slot_qdisc_find(place->ifindex, &qdisc);

	if (!err && qdisc == SLOT_QDISC_NONE) {
		err = slot_clsact_add_qdisc(place->ifindex);
		/* somebody else was first, with either */
		if (err == -EEXIST)
			err = slot_qdisc_find(place->ifindex, &qdisc);
		else
			qdisc = SLOT_QDISC_CLSACT;
	}
	if (err)
		return err;
	return slot_qdisc_has(qdisc, place->hook) ? 0 : -EBUSY;
}
