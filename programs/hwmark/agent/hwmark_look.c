/* SPDX-License-Identifier: GPL-2.0-only */
/* The device's rules, as they are: which are idle, which are gone, which another agent left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "programs/hwmark/agent/hwmark_offload.h"
#include "programs/shared/grace.h"

/* --- own rules that nobody needs -------------------------------------------------------------- */

struct strays {
	struct hwmark_offload *offload;
	struct slot_flower_rules rules;
	size_t active, in_hw; /* own ones that somebody needs */
};

static void free_strays(struct strays *strays)
{
	slot_flower_rules_free(&strays->rules);
}

static int add_stray(struct strays *strays, const struct slot_flower_rule *rule)
{
	return slot_flower_rules_add(&strays->rules, rule);
}

static int del_strays(const struct strays *strays, struct slot_reason *why)
{
	struct slot_device *device = &strays->offload->device;
	const struct slot_flower_place place = slot_device_place(&device->set, device->ifindex);
	struct slot_answer stuck;
	size_t count;
	int err = slot_flower_rules_del(&place, &strays->rules, &count, &stuck);

	return err ? slot_reason_set(why, err, "cannot remove a rule of %s: %s",
				     slot_device_name(device), stuck.text) :
		     0;
}

/* --- while it runs ---------------------------------------------------------------------------- */

/* The program ended its entry, as its client began anew. */
static bool has_ended(const struct hwmark_offload *offload, const struct hwmark_flow *flow)
{
	return hwmark_entry_is_free(&offload->maps, flow->flow.request.rule.actions[0].mark);
}

static int see_rule(const struct slot_flower_seen *seen, void *data)
{
	struct strays *strays = data;
	struct hwmark_offload *offload = strays->offload;
	struct hwmark_flow *flow;

	if (seen->rule.owner != offload->device.owner)
		return 0;
	flow = hwmark_flows_of(&offload->flows, seen->rule.handle);
	if (!flow || !slot_flower_is_rule(&flow->flow.request.rule, &seen->rule))
		return add_stray(strays, &seen->rule);
	flow->flow.seen = offload->looks;
	if (flow->state != HWMARK_FLOW_ACTIVE)
		return 0;
	strays->active++;
	strays->in_hw += seen->is_in_hw;
	if (seen->idle_ms >= offload->set.age_ms)
		hwmark_offload_leave(offload, flow, &offload->agent.aged);
	else if (has_ended(offload, flow))
		hwmark_offload_leave(offload, flow, &offload->agent.ended);
	return 0;
}

/* What was active before the look, and was not seen. What could not be removed is tried again. */
static void end_unseen(struct hwmark_offload *offload)
{
	for (size_t place = 0; place < offload->flows.max; place++) {
		struct hwmark_flow *flow = hwmark_flows_at(&offload->flows, place);

		if (!flow)
			continue;
		if (flow->state == HWMARK_FLOW_LEAVING)
			slot_queue_cancel(offload->device.queue, &flow->flow.request.request);
		else if (flow->state == HWMARK_FLOW_ACTIVE && flow->flow.seen != offload->looks)
			hwmark_offload_leave(offload, flow, &offload->agent.vanished);
	}
}

/* XDP sees packets before the kernel's own rules do, at whichever hook. */
static void check_hardware(struct hwmark_offload *offload, const struct strays *strays)
{
	struct slot_reason why;

	if (strays->in_hw)
		hwmark_offload_calm(offload, HWMARK_TROUBLE_SOFT);
	if (strays->in_hw || !strays->active || !offload->set.is_meta)
		return;
	slot_reason_set(&why, 0,
			"no rule of %s is in hardware, and with mark_from = meta the kernel's own "
			"mark nothing for hwmark: XDP comes before them",
			slot_device_name(&offload->device));
	hwmark_offload_say(offload, HWMARK_TROUBLE_SOFT, &why);
}

void hwmark_offload_look(struct hwmark_offload *offload)
{
	_cleanup_(free_strays) struct strays strays = { .offload = offload };
	struct slot_flower_place place =
		slot_device_place(&offload->device.set, offload->device.ifindex);
	struct slot_reason why;
	int err;

	offload->looks++;
	err = offload->device.ifindex ? slot_flower_list(&place, see_rule, &strays) : 0;
	if (err) {
		slot_reason_set(&why, err, "cannot list the rules of %s: %s",
				slot_device_name(&offload->device), strerror(-err));
		hwmark_offload_say(offload, HWMARK_TROUBLE_LIST, &why);
		return;
	}
	hwmark_offload_calm(offload, HWMARK_TROUBLE_LIST);
	check_hardware(offload, &strays);
	end_unseen(offload);
	if (del_strays(&strays, &why))
		hwmark_offload_say(offload, HWMARK_TROUBLE_REMOVAL, &why);
	else
		hwmark_offload_calm(offload, HWMARK_TROUBLE_REMOVAL);
}

/* --- when it begins --------------------------------------------------------------------------- */

static bool is_of_entry(const struct hwmark_offload *offload, const struct slot_flower_match *match,
			const struct hwmark_entry *entry)
{
	if (match->proto != entry->proto || (match->family == AF_INET6) != entry->is_ip6 ||
	    memcmp(match->destination.address, entry->dst, sizeof(entry->dst)) != 0 ||
	    !match->source.port || !match->destination.port)
		return false;
	if (offload->set.mode == HWMARK_DESTINATION)
		return !entry->sport && (!entry->dport || entry->dport == match->destination.port);
	return entry->dport == match->destination.port && entry->sport == match->source.port &&
	       !memcmp(match->source.address, entry->src, sizeof(entry->src));
}

/* A rule as this agent would have made it, whose entry is as it would be. */
static bool is_sound(const struct hwmark_offload *offload, const struct slot_flower_rule *rule,
		     struct hwmark_entry *ret_entry)
{
	__u32 mark = rule->actions[0].mark;

	if (rule->action_count != 1 || rule->actions[0].kind != SLOT_FLOWER_MARK ||
	    rule->mode != offload->device.set.offload || rule->match.no_fragments || !mark ||
	    mark >= offload->marks.count ||
	    hwmark_entry_get(&offload->maps, mark, NULL, ret_entry) || !ret_entry->generation ||
	    !is_of_entry(offload, &rule->match, ret_entry) ||
	    hwmark_view_judge(&offload->view, ret_entry, NULL))
		return false;
	return offload->set.mode == HWMARK_DESTINATION ||
	       hwmark_marks_state(&offload->marks, mark) == HWMARK_MARK_OUT;
}

/* The queue takes it as installed. */
static int adopt_flow(struct hwmark_offload *offload, struct hwmark_flow *flow,
		      const struct hwmark_entry *entry)
{
	__u32 mark = flow->flow.request.rule.actions[0].mark;

	if (hwmark_marks_state(&offload->marks, mark) == HWMARK_MARK_USED)
		offload->marks.marks[mark].users++;
	else
		hwmark_marks_use(&offload->marks, mark, entry);
	flow->state = HWMARK_FLOW_ACTIVE;
	flow->flow.seen = offload->looks;
	return slot_queue_adopt(offload->device.queue, &flow->flow.request.request);
}

static int adopt_rule(const struct slot_flower_seen *seen, void *data)
{
	struct strays *strays = data;
	struct hwmark_offload *offload = strays->offload;
	struct hwmark_entry entry;
	struct hwmark_flow *flow;

	if (seen->rule.owner != offload->device.owner)
		return 0;
	flow = hwmark_flows_of(&offload->flows, seen->rule.handle);
	if (flow && slot_flower_is_rule(&flow->flow.request.rule, &seen->rule))
		return 0;
	if (!is_sound(offload, &seen->rule, &entry))
		return add_stray(strays, &seen->rule);
	flow = hwmark_flows_add(&offload->flows, &seen->rule);
	return flow ? adopt_flow(offload, flow, &entry) : add_stray(strays, &seen->rule);
}

static bool is_used(const void *context, __u32 mark)
{
	return hwmark_marks_state(context, mark) == HWMARK_MARK_USED;
}

/* Rules may have given it a moment ago, if anything ever stood at its entry. */
static void settle_mark(struct hwmark_offload *offload, __u32 mark)
{
	static const __u32 zeros[4];
	struct hwmark_entry entry;

	if (!hwmark_entry_get(&offload->maps, mark, NULL, &entry) &&
	    !memcmp(entry.dst, zeros, sizeof(zeros)))
		hwmark_marks_give(&offload->marks, mark);
	else
		hwmark_marks_rest(&offload->marks, mark, hwmark_offload_now());
}

/*
 * What is in a pool, or taken from one and not told of yet, is not free; both are looked at in
 * this order, so that a mark on its way from one to the other is seen. What was told while no
 * agent ran is of then.
 */
static int settle_marks(struct hwmark_offload *offload, struct slot_reason *why)
{
	_cleanup_free_ bool *is_in = calloc(offload->marks.count, sizeof(*is_in));

	if (!is_in)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	if (offload->pool.pools)
		hwmark_pool_look(&offload->pool, offload->marks.count, is_in);
	program_grace();
	hwmark_offload_drain(offload, is_in);
	for (__u32 mark = 1; mark < offload->marks.count; mark++)
		if (!is_in[mark])
			settle_mark(offload, mark);
	if (!offload->marks.free_count)
		offload->paused_ms = hwmark_offload_now() + HWMARK_REST_MS;
	return 0;
}

int hwmark_offload_adopt(struct hwmark_offload *offload, struct slot_reason *why)
{
	_cleanup_(free_strays) struct strays strays = { .offload = offload };
	struct slot_flower_place place =
		slot_device_place(&offload->device.set, offload->device.ifindex);
	int err = offload->device.ifindex ? slot_flower_list(&place, adopt_rule, &strays) : 0;

	if (err)
		return slot_reason_set(why, err, "cannot list the rules of %s: %s",
				       slot_device_name(&offload->device), strerror(-err));
	err = del_strays(&strays, why);
	SLOT_FAULT("hwmark.strays");
	if (err)
		return err;
	/* Entries without a rule are free. */
	hwmark_entries_clear(&offload->maps, is_used, &offload->marks);
	SLOT_FAULT("hwmark.clear");
	err = settle_marks(offload, why);
	if (!err)
		hwmark_offload_renew(offload);
	return err;
}
