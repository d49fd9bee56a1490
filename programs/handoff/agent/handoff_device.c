/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_device.h"

#include <errno.h>
#include <string.h>

#include "loader/lib/base/fault.h"

#define TAG 0x48444f46 /* "HDOF" */
#define NS_PER_MS 1000000ULL
#define SETTLE_NS (2000 * NS_PER_MS) /* a step is not followed by another one any more */
#define DRAIN_MS 5000
#define FOLLOW_MAX 1024 /* rules that are read in a row */

static void say(struct handoff_device *device, const struct slot_reason *why, __u64 now_ns)
{
	program_say_trouble(&device->trouble, why->text, now_ns / NS_PER_MS);
}

/* --- begin and end ---------------------------------------------------------------------------- */

/* No rule of another agent's may outlive what it was made for. */
static int flush(const struct slot_flower_place *place, __u64 owner, struct slot_reason *why)
{
	size_t count = 0;
	int err = place->ifindex ?
			  SLOT_STEP("handoff.flush", slot_flower_flush(place, owner, &count)) :
			  0;

	return err ? slot_reason_set(why, err, "cannot take off the rules of device %u: %s",
				     place->ifindex, strerror(-err)) :
		     0;
}

static int see_any(const struct handoff_key *key, const struct handoff_offload *offload, void *data)
{
	(void)key;
	(void)offload;
	*(bool *)data = true;
	return 1;
}

/* In another netns nothing is seen of rules that are still there. */
static int check_netns(const struct handoff_device *device, const struct handoff_told *told,
		       struct slot_reason *why)
{
	bool is_any = false;
	int err;

	handoff_offloads_each(device->offloads, see_any, &is_any);
	if (!is_any || !told->owner || !told->netns)
		return 0;
	err = slot_device_check_netns(told->netns, why);
	return err == -EXDEV ?
		       slot_reason_set(why, err,
				       "connections of this slot are sent on by %s in another "
				       "netns: run the agent there; where that netns is gone, "
				       "'slotctl apply --reset-map SLOT:" HANDOFF_OFFLOADS_NAME "'",
				       told->device) :
		       err;
}

static int flush_before(const struct handoff_device *device, struct slot_reason *why)
{
	struct slot_device_settings set = device->at.set;
	struct slot_flower_place place;
	struct handoff_told told;
	int err = handoff_told_get(device->offloads, &told);

	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", HANDOFF_TOLD_NAME,
				       strerror(-err));
	err = check_netns(device, &told, why);
	if (err || !told.owner)
		return err;
	set.pref = told.pref;
	place = slot_device_place(&set, told.ifindex);
	return flush(&place, told.owner, why);
}

static int flush_all(struct handoff_device *device, struct slot_reason *why)
{
	const struct slot_flower_place place =
		slot_device_place(&device->at.set, device->at.ifindex);
	int err = flush_before(device, why);

	if (!err && device->at.queue)
		err = flush(&place, device->at.owner, why);
	if (err)
		return err;
	err = SLOT_STEP("handoff.clear", handoff_offloads_clear(device->offloads));
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", HANDOFF_OFFLOADS_NAME,
				     strerror(-err)) :
		     0;
}

static int start_device(struct handoff_device *device, const char *map_dir, struct slot_reason *why)
{
	int err;

	device->at.owner = slot_device_owner(TAG, map_dir);
	err = handoff_flows_new(device->at.set.flows_max, device->at.owner, &device->flows);
	if (err)
		return slot_reason_set(why, err, "out of memory");
	err = slot_device_open(&device->at, why);
	if (err)
		return err;
	if (slot_device_find(&device->at, why)) {
		slot_reason_append(why, 0, "; connections are sent on without it");
		say(device, why, 0);
	}
	device->told->owner = device->at.owner;
	device->told->netns = device->at.netns;
	device->told->pref = device->at.set.pref;
	return 0;
}

static void tell_name(struct handoff_device *device)
{
	_Static_assert(sizeof(device->told->device) == sizeof(device->at.name), "the same names");
	memcpy(device->told->device, slot_device_name(&device->at), sizeof(device->told->device));
	if (device->at.ifindex)
		device->told->ifindex = device->at.ifindex;
}

int handoff_device_open(struct handoff_device *device, const char *map_dir, struct slot_reason *why)
{
	int err = 0;

	device->at.set = device->set.at;
	if (*device->set.at.name)
		err = start_device(device, map_dir, why);
	err = err ? err : flush_all(device, why);
	if (!err && device->at.queue)
		tell_name(device);
	return err;
}

static void leave_all(struct handoff_device *device)
{
	for (size_t place = 0; place < device->flows.max; place++) {
		struct handoff_flow *flow = handoff_flows_at(&device->flows, place);

		if (flow)
			slot_queue_cancel(device->at.queue, &flow->flow.request.request);
	}
}

void handoff_device_close(struct handoff_device *device)
{
	if (device->at.queue) {
		leave_all(device);
		slot_queue_drain(device->at.queue, DRAIN_MS);
		for (size_t done = 0; done < device->flows.max; done += FOLLOW_MAX)
			handoff_device_follow(device, 0);
	}
	slot_device_close(&device->at);
	slot_flows_free(&device->flows);
}

/* --- they come -------------------------------------------------------------------------------- */

/* Somebody may have made a step just before the table said that a device may be at it. */
static bool is_still_so(struct handoff_device *device, const struct handoff_flow *flow)
{
	const struct handoff_offload offload = { .id = flow->id };
	struct handoff_rule rule;

	return !SLOT_STEP("handoff.offload",
			  handoff_offloads_set(device->offloads, &flow->key, &offload)) &&
	       !handoff_rules_get(device->rules, &flow->key, &rule) &&
	       handoff_flow_holds(flow, &rule);
}

/* What others see of it and cannot be taken away now is tried again: somebody waits for that. */
static void forget(struct handoff_device *device, struct handoff_flow *flow)
{
	flow->is_leaving = flow->is_over = true;
	if (!SLOT_STEP("handoff.forget", handoff_offloads_del(device->offloads, &flow->key)))
		handoff_flows_del(&device->flows, flow);
}

void handoff_device_want(struct handoff_device *device, const struct handoff_key *key,
			 const struct handoff_rule *rule, __u64 now_ns)
{
	struct handoff_flow *flow;

	if (!device->at.has_place || now_ns < device->paused_ns ||
	    rule->ingress != HANDOFF_REDIRECT || rule->use.seen ||
	    now_ns < rule->since_ns + SETTLE_NS || rule->use.in_bytes <= device->set.above ||
	    handoff_flows_find(&device->flows, key))
		return;
	flow = handoff_flows_add(&device->flows, key, rule, device->at.ifindex);
	if (!flow) {
		device->told->full++;
		return;
	}
	flow->flow.request.rule.mode = device->at.set.offload;
	flow->flow.request.rule.owner = device->at.owner;
	flow->flow.request.rule.id = rule->id;
	flow->last_ns = now_ns;
	if (!is_still_so(device, flow)) {
		forget(device, flow);
	} else if (slot_queue_add(device->at.queue, &flow->flow.request.request)) {
		device->told->full++;
		forget(device, flow);
	}
}

__u64 handoff_device_last(const struct handoff_device *device, const struct handoff_key *key)
{
	const struct handoff_flow *flow =
		device->at.queue ? handoff_flows_find(&device->flows, key) : NULL;

	return flow ? flow->last_ns : 0;
}

/* --- they go ---------------------------------------------------------------------------------- */

static void leave(struct handoff_device *device, struct handoff_flow *flow, __u64 *count)
{
	++*count;
	flow->is_leaving = true;
	slot_queue_cancel(device->at.queue, &flow->flow.request.request);
}

static void note_failure(struct handoff_device *device, int error, __u64 now_ns)
{
	struct slot_reason why;

	slot_device_failure(&device->at, SLOT_QUEUE_FAILED, error, &why);
	slot_reason_prefix(&why, 0, "%s does not take a rule: ", slot_device_name(&device->at));
	slot_reason_append(&why, 0, "; connections are sent on without");
	device->paused_ns = now_ns + slot_device_pause(error) * NS_PER_MS;
	say(device, &why, now_ns);
}

static void note_not_removed(struct handoff_device *device, int error, __u64 now_ns)
{
	struct slot_reason why;

	slot_device_failure(&device->at, SLOT_QUEUE_ACTIVE, error, &why);
	slot_reason_prefix(&why, 0,
			   "a rule of %s could not be removed: ", slot_device_name(&device->at));
	slot_reason_append(&why, 0, "; it is tried again");
	say(device, &why, now_ns);
}

static void take_reports(struct handoff_device *device, __u64 now_ns)
{
	struct slot_flower_request *request;
	enum slot_queue_state state;
	int error;

	while ((request = slot_device_take(&device->at, &state, &error))) {
		if (state == SLOT_QUEUE_FAILED)
			note_failure(device, error, now_ns);
		else if (error)
			note_not_removed(device, error, now_ns);
		if (state != SLOT_QUEUE_ACTIVE)
			forget(device, (struct handoff_flow *)request);
	}
}

static void follow(struct handoff_device *device, struct handoff_flow *flow)
{
	struct handoff_rule rule;

	if (flow->is_over)
		forget(device, flow);
	else if (!flow->is_leaving && (handoff_rules_get(device->rules, &flow->key, &rule) ||
				       !handoff_flow_holds(flow, &rule)))
		leave(device, flow, &device->told->changed);
}

void handoff_device_follow(struct handoff_device *device, __u64 now_ns)
{
	struct handoff_flow *flow;
	size_t left = FOLLOW_MAX;

	if (device->at.queue)
		take_reports(device, now_ns);
	for (size_t places = device->flows.max; places && left && device->flows.count; places--) {
		device->next = (device->next + 1) % device->flows.max;
		flow = handoff_flows_at(&device->flows, device->next);
		if (!flow)
			continue;
		follow(device, flow);
		left--;
	}
}

/* --- looks ------------------------------------------------------------------------------------ */

struct look {
	struct handoff_device *device;
	__u64 now_ns;
};

static int see_rule(const struct slot_flower_seen *seen, void *data)
{
	const struct look *look = data;
	struct handoff_device *device = look->device;
	__u64 last_ns = look->now_ns - seen->idle_ms * NS_PER_MS;
	struct handoff_offload offload;
	struct handoff_flow *flow;

	if (seen->rule.owner != device->at.owner)
		return 0;
	flow = handoff_flows_of(&device->flows, seen->rule.handle);
	if (!flow || !slot_flower_is_rule(&flow->flow.request.rule, &seen->rule))
		return 0;
	flow->flow.seen = device->looks;
	if (seen->packets && last_ns > flow->last_ns)
		flow->last_ns = last_ns;
	offload = (struct handoff_offload){
		.id = flow->id,
		.packets = seen->packets,
		.bytes = seen->bytes,
		.is_active = !flow->is_leaving,
	};
	handoff_offloads_set(device->offloads, &flow->key, &offload);
	return 0;
}

/* What could not be taken off is tried again. */
static void end_unseen(struct handoff_device *device)
{
	for (size_t place = 0; place < device->flows.max; place++) {
		struct handoff_flow *flow = handoff_flows_at(&device->flows, place);

		if (!flow || slot_queue_state(device->at.queue, &flow->flow.request.request) !=
				     SLOT_QUEUE_ACTIVE)
			continue;
		if (flow->is_leaving)
			slot_queue_cancel(device->at.queue, &flow->flow.request.request);
		else if (flow->flow.seen && flow->flow.seen != device->looks)
			leave(device, flow, &device->told->vanished);
		else
			flow->flow.seen = device->looks;
	}
}

static void tell(struct handoff_device *device)
{
	struct handoff_told *told = device->told;
	struct slot_queue_stats stats;

	slot_queue_stats(device->at.queue, &stats);
	tell_name(device);
	told->pending = stats.pending;
	told->active = stats.active;
	told->installed = stats.installed;
	told->failed = stats.failed;
	told->cancelled = stats.cancelled;
	told->removed = stats.removed;
	told->not_removed = stats.not_removed;
}

void handoff_device_look(struct handoff_device *device, __u64 now_ns)
{
	struct look look = { .device = device, .now_ns = now_ns };
	struct slot_flower_place place;
	struct slot_reason why;
	int err;

	if (!device->at.queue)
		return;
	device->looks++;
	err = slot_device_find(&device->at, &why);
	place = slot_device_place(&device->at.set, device->at.ifindex);
	if (!err) {
		err = slot_flower_list(&place, see_rule, &look);
		if (err)
			slot_reason_set(&why, err, "cannot list the rules of %s: %s",
					slot_device_name(&device->at), strerror(-err));
	}
	if (err && err != -ENODEV)
		say(device, &why, now_ns);
	if (!err || err == -ENODEV)
		end_unseen(device);
	if (!err && now_ns >= device->paused_ns)
		program_say_over(&device->trouble);
	tell(device);
}
