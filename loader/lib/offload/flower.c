/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/flower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/offload/flower_message.h"

typedef struct nlmsghdr *put_fn(void *buffer, const struct slot_flower_place *place,
				const struct slot_flower_rule *rule);
typedef int send_fn(const struct slot_netlink_batch *batch, struct slot_answer *answers);

/* What is done to rules by one message. */
struct verb {
	put_fn *put;
	send_fn *send;
};

struct job {
	const struct slot_flower_place *place;
	const struct verb *verb;
	char *buffer;  /* so many messages as are sent at once */
	mnl_cb_t read; /* as in struct slot_netlink_batch */
	void *data;
};

static int send_add(const struct slot_netlink_batch *batch, struct slot_answer *answers)
{
	return SLOT_STEP("flower.add", slot_netlink_batch(NETLINK_ROUTE, batch, answers));
}

static int send_del(const struct slot_netlink_batch *batch, struct slot_answer *answers)
{
	return SLOT_STEP("flower.del", slot_netlink_batch(NETLINK_ROUTE, batch, answers));
}

static int send_get(const struct slot_netlink_batch *batch, struct slot_answer *answers)
{
	return SLOT_STEP("flower.get", slot_netlink_batch(NETLINK_ROUTE, batch, answers));
}

static const struct verb add_verb = { slot_flower_put_add, send_add };
static const struct verb del_verb = { slot_flower_put_del, send_del };
static const struct verb get_verb = { slot_flower_put_get, send_get };

static bool is_sound(const struct slot_flower_rule *rule)
{
	return (rule->match.family == AF_INET || rule->match.family == AF_INET6) &&
	       (rule->match.proto == IPPROTO_TCP || rule->match.proto == IPPROTO_UDP) &&
	       (!rule->match.no_ends || rule->match.proto == IPPROTO_TCP) && rule->handle &&
	       rule->action_count && rule->action_count <= SLOT_FLOWER_ACTIONS_MAX;
}

/* Each kind once, and nothing behind what sends the packet away. */
static bool are_sound(const struct slot_flower_rule *rule)
{
	unsigned int kinds = 0;
	size_t i;

	for (i = 0; i < rule->action_count; i++) {
		enum slot_flower_action_kind kind = rule->actions[i].kind;

		if (kind >= SLOT_FLOWER_ACTION_COUNT || kinds & 1U << kind ||
		    kinds & 1U << SLOT_FLOWER_REDIRECT)
			return false;
		kinds |= 1U << kind;
	}
	return true;
}

/* One message to the kernel. What it does not take as a whole it took none of. */
static void send_batch(const struct job *job, const struct slot_flower_rule *const *rules,
		       size_t count, struct slot_answer *answers)
{
	struct slot_netlink_batch batch = { job->buffer, 0, count, job->read, job->data };
	size_t i;
	int err;

	for (i = 0; i < count; i++)
		batch.size +=
			job->verb->put(job->buffer + batch.size, job->place, rules[i])->nlmsg_len;
	err = job->verb->send(&batch, answers);
	for (i = 0; i < count && err; i++)
		answers[i] = (struct slot_answer){ .err = err };
}

static void add_words(struct slot_answer *answer)
{
	if (answer->err && !answer->text[0])
		snprintf(answer->text, sizeof(answer->text), "%s", strerror(-answer->err));
}

static int send_all(const struct job *job, const struct slot_flower_rule *const *rules,
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
		int answer = SLOT_STEP("flower.answer", answers[i].err);

		answers[i].err = answer;
		add_words(&answers[i]);
		if (!err)
			err = answer;
	}
	return err;
}

int slot_flower_add(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers)
{
	_cleanup_free_ char *buffer = malloc((size_t)SLOT_NETLINK_BATCH_MAX * SLOT_NETLINK_SIZE);
	const struct job job = { place, &add_verb, buffer, NULL, NULL };
	int err = buffer ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < count && !err; i++)
		err = is_sound(rules[i]) && are_sound(rules[i]) ? 0 : -EINVAL;
	if (!err)
		return send_all(&job, rules, count, ret_answers);
	for (i = 0; i < count; i++) {
		ret_answers[i] = (struct slot_answer){ .err = err };
		add_words(&ret_answers[i]);
	}
	return err;
}

/* --- rules that are there ----------------------------------------------------------------- */

/* Answers that are whole rules: so many fit into a socket's buffer as it is by default. */
#define FIND_MAX 32

struct finding {
	const struct slot_flower_place *place;
	const struct slot_flower_rule *const *rules;
	bool is_there[FIND_MAX];
};

static bool is_same_end(const struct slot_flower_end *a, const struct slot_flower_end *b)
{
	return a->port == b->port && !memcmp(a->address, b->address, sizeof(a->address));
}

bool slot_flower_is_match(const struct slot_flower_match *a, const struct slot_flower_match *b)
{
	return a->family == b->family && a->proto == b->proto &&
	       a->no_fragments == b->no_fragments && a->no_ends == b->no_ends &&
	       is_same_end(&a->source, &b->source) && is_same_end(&a->destination, &b->destination);
}

static bool is_same_action(const struct slot_flower_action *a, const struct slot_flower_action *b)
{
	const struct slot_flower_address *to = &a->address, *other = &b->address;

	return a->kind == b->kind && a->mark == b->mark && a->ifindex == b->ifindex &&
	       !memcmp(to->next_hop_mac, other->next_hop_mac, sizeof(to->next_hop_mac)) &&
	       !memcmp(to->own_mac, other->own_mac, sizeof(to->own_mac)) &&
	       is_same_end(&to->end, &other->end);
}

bool slot_flower_is_rule(const struct slot_flower_rule *a, const struct slot_flower_rule *b)
{
	size_t i;

	if (a->owner != b->owner || a->id != b->id || a->handle != b->handle ||
	    a->action_count != b->action_count || !slot_flower_is_match(&a->match, &b->match))
		return false;
	for (i = 0; i < a->action_count; i++)
		if (!is_same_action(&a->actions[i], &b->actions[i]))
			return false;
	return true;
}

static int compare_rule(const struct nlmsghdr *message, void *data)
{
	struct finding *finding = data;
	size_t i = message->nlmsg_seq - 1;
	struct slot_flower_seen seen;

	if (slot_flower_read(message, finding->place, &seen))
		finding->is_there[i] = slot_flower_is_rule(&seen.rule, finding->rules[i]);
	return MNL_CB_OK;
}

/*
 * Up to FIND_MAX. The kernel says -EINVAL for a qdisc or a chain that is gone, and for a pref
 * that another classifier has: there is no such rule either way.
 */
static void find_rules(const struct slot_flower_place *place,
		       const struct slot_flower_rule *const *rules, size_t count,
		       struct slot_answer *answers)
{
	char buffer[FIND_MAX * SLOT_NETLINK_SIZE];
	struct finding finding = { .place = place, .rules = rules };
	const struct job job = { place, &get_verb, buffer, compare_rule, &finding };
	size_t i;

	send_batch(&job, rules, count, answers);
	for (i = 0; i < count; i++)
		if (answers[i].err == -EINVAL || (!answers[i].err && !finding.is_there[i]))
			answers[i] = (struct slot_answer){ .err = -ENOENT };
}

/* Of those that are found. */
static void del_found(const struct slot_flower_place *place,
		      const struct slot_flower_rule *const *rules, size_t count,
		      struct slot_answer *answers)
{
	char buffer[FIND_MAX * SLOT_NETLINK_SIZE];
	const struct job job = { place, &del_verb, buffer, NULL, NULL };
	const struct slot_flower_rule *found[FIND_MAX];
	struct slot_answer found_answers[FIND_MAX];
	size_t found_count = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (!answers[i].err)
			found[found_count++] = rules[i];
	send_all(&job, found, found_count, found_answers);
	found_count = 0;
	for (i = 0; i < count; i++)
		if (!answers[i].err)
			answers[i] = found_answers[found_count++];
}

static int find_or_del(const struct slot_flower_place *place,
		       const struct slot_flower_rule *const *rules, size_t count, bool is_del,
		       struct slot_answer *answers)
{
	size_t first;
	int err = 0;
	size_t i;

	for (first = 0; first < count; first += FIND_MAX) {
		size_t part = count - first < FIND_MAX ? count - first : FIND_MAX;

		find_rules(place, rules + first, part, answers + first);
		if (is_del)
			del_found(place, rules + first, part, answers + first);
	}
	for (i = 0; i < count; i++) {
		add_words(&answers[i]);
		if (!err)
			err = answers[i].err;
	}
	return err;
}

int slot_flower_find(const struct slot_flower_place *place,
		     const struct slot_flower_rule *const *rules, size_t count,
		     struct slot_answer *ret_answers)
{
	return find_or_del(place, rules, count, false, ret_answers);
}

int slot_flower_del(const struct slot_flower_place *place,
		    const struct slot_flower_rule *const *rules, size_t count,
		    struct slot_answer *ret_answers)
{
	return find_or_del(place, rules, count, true, ret_answers);
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
