/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_device.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <net/if.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/hash.h"

#define NS_PER_MS 1000000ULL
#define PAUSE_NS (1000 * NS_PER_MS)	  /* after a rule that was not taken, */
#define PAUSE_LONG_NS (30000 * NS_PER_MS) /* by a device that takes none at all */
#define SETTLE_NS (2000 * NS_PER_MS)	  /* a step is not followed by another one any more */
#define BATCH 64
#define DRAIN_MS 5000

/* "HDOF", then a hash of where the maps are: agents of other slots may be at the same device. */
static __u64 make_owner(const char *map_dir)
{
	_cleanup_free_ char *path = realpath(map_dir, NULL);
	const char *of = path ? path : map_dir;

	return (__u64)0x48444f46 << 32 | slot_hash_add(SLOT_HASH_START, of, strlen(of));
}

static struct slot_flower_place make_place(const struct handoff_device *device)
{
	return (struct slot_flower_place){
		.ifindex = __atomic_load_n(&device->ifindex, __ATOMIC_RELAXED),
		.hook = SLOT_HOOK_TC_INGRESS,
		.pref = device->set.pref,
	};
}

static void say(struct handoff_device *device, const struct slot_reason *why, __u64 now_ns)
{
	program_say_trouble(&device->trouble, why->text, now_ns / NS_PER_MS);
}

/* --- on the queue's thread -------------------------------------------------------------------- */

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	const struct slot_flower_place place = make_place(context);

	slot_flower_install(&place, requests, count, ret_answers);
}

static void remove_rules(void *context, struct slot_queue_request *const *requests, size_t count,
			 struct slot_answer *ret_answers)
{
	const struct slot_flower_place place = make_place(context);

	slot_flower_remove(&place, requests, count, ret_answers);
}

/* What became of which one its state says; the request may be another's by now. */
static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	struct handoff_device *device = context;

	(void)request;
	(void)state;
	if (!answer->err)
		return;
	pthread_mutex_lock(&device->lock);
	device->failure = *answer;
	pthread_mutex_unlock(&device->lock);
}

static const struct slot_queue_ops ops = {
	.install = install,
	.remove = remove_rules,
	.report = report,
};

/* --- begin and end ---------------------------------------------------------------------------- */

static int find_device(struct handoff_device *device, struct slot_reason *why)
{
	__u32 ifindex = if_nametoindex(device->set.name);
	struct slot_flower_place place;
	int err;

	__atomic_store_n(&device->ifindex, ifindex, __ATOMIC_RELAXED);
	if (!ifindex)
		return slot_reason_set(why, -ENODEV, "there is no device '%s' in this netns",
				       device->set.name);
	place = make_place(device);
	err = SLOT_STEP("handoff.qdisc", slot_flower_open(&place));
	return err ? slot_reason_set(why, err, "no rules can be put at %s: %s", device->set.name,
				     strerror(-err)) :
		     0;
}

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

static int flush_all(struct handoff_device *device, struct slot_reason *why)
{
	const struct slot_flower_place place = make_place(device);
	struct slot_flower_place before = place;
	struct handoff_told told;
	int err = handoff_told_get(device->offloads, &told);

	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", HANDOFF_TOLD_NAME,
				       strerror(-err));
	before.ifindex = told.ifindex;
	before.pref = told.pref;
	if (told.owner)
		err = flush(&before, told.owner, why);
	if (!err && *device->set.name)
		err = flush(&place, device->told->owner, why);
	if (err)
		return err;
	err = SLOT_STEP("handoff.clear", handoff_offloads_clear(device->offloads));
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", HANDOFF_OFFLOADS_NAME,
				     strerror(-err)) :
		     0;
}

static int start_queue(struct handoff_device *device, struct slot_reason *why)
{
	const struct slot_queue_settings settings = {
		.pending_max = device->set.queue_max,
		.batch_max = BATCH,
		.ops = &ops,
		.context = device,
	};
	int err = handoff_flows_new(device->set.flows_max, &device->flows);

	err = err ? err : slot_queue_new(&settings, &device->queue);
	return err ? slot_reason_set(why, err, "cannot start the thread that installs rules: %s",
				     strerror(-err)) :
		     0;
}

int handoff_device_open(struct handoff_device *device, const char *map_dir, struct slot_reason *why)
{
	int err;

	pthread_mutex_init(&device->lock, NULL);
	if (!*device->set.name)
		return flush_all(device, why);
	device->told->owner = make_owner(map_dir);
	memcpy(device->told->device, device->set.name, sizeof(device->told->device));
	device->told->pref = device->set.pref;
	if (!find_device(device, why)) {
		device->told->ifindex = device->ifindex;
	} else {
		slot_reason_append(why, 0, "; connections are sent on without it");
		say(device, why, 0);
	}
	err = flush_all(device, why);
	return err ? err : start_queue(device, why);
}

static void leave_all(struct handoff_device *device)
{
	for (__u32 handle = 1; handle <= device->flows.max; handle++) {
		struct handoff_flow *flow = handoff_flows_at(&device->flows, handle);

		if (flow)
			slot_queue_cancel(device->queue, &flow->request.request);
	}
}

void handoff_device_close(struct handoff_device *device)
{
	if (device->queue) {
		leave_all(device);
		slot_queue_drain(device->queue, DRAIN_MS);
		handoff_device_follow(device, 0);
	}
	slot_queue_free(device->queue);
	device->queue = NULL;
	handoff_flows_free(&device->flows);
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

/* Of what is not to be forgotten for now handoff_device_follow() sees to it: somebody waits. */
static void forget(struct handoff_device *device, struct handoff_flow *flow)
{
	if (!SLOT_STEP("handoff.forget", handoff_offloads_del(device->offloads, &flow->key)))
		handoff_flows_del(&device->flows, flow);
}

void handoff_device_want(struct handoff_device *device, const struct handoff_key *key,
			 const struct handoff_rule *rule, __u64 now_ns)
{
	struct handoff_flow *flow;

	if (!device->queue || !device->ifindex || now_ns < device->paused_ns ||
	    rule->ingress != HANDOFF_REDIRECT || rule->use.seen ||
	    now_ns < rule->since_ns + SETTLE_NS || rule->use.in_bytes <= device->set.above ||
	    handoff_flows_find(&device->flows, key))
		return;
	flow = handoff_flows_add(&device->flows, key, rule, device->ifindex);
	if (!flow) {
		device->told->full++;
		return;
	}
	flow->request.rule.mode = device->set.offload;
	flow->request.rule.owner = device->told->owner;
	flow->request.rule.id = rule->id;
	flow->last_ns = now_ns;
	if (!is_still_so(device, flow)) {
		forget(device, flow);
	} else if (slot_queue_add(device->queue, &flow->request.request)) {
		device->told->full++;
		forget(device, flow);
	}
}

__u64 handoff_device_last(const struct handoff_device *device, const struct handoff_key *key)
{
	const struct handoff_flow *flow = device->queue ? handoff_flows_find(&device->flows, key) :
							  NULL;

	return flow ? flow->last_ns : 0;
}

/* --- they go ---------------------------------------------------------------------------------- */

static void leave(struct handoff_device *device, struct handoff_flow *flow, __u64 *count)
{
	++*count;
	flow->is_leaving = true;
	slot_queue_cancel(device->queue, &flow->request.request);
}

static void note_failure(struct handoff_device *device, __u64 now_ns)
{
	struct slot_reason why;
	int err;

	pthread_mutex_lock(&device->lock);
	err = device->failure.err;
	slot_reason_set(&why, err, "%s does not take a rule: %s; connections are sent on without",
			device->set.name, device->failure.text);
	pthread_mutex_unlock(&device->lock);
	device->paused_ns =
		now_ns + (err == -EOPNOTSUPP || err == -ENOENT ? PAUSE_LONG_NS : PAUSE_NS);
	say(device, &why, now_ns);
}

/* Neither refused before it was the queue's, nor at its end. */
static bool is_queued(enum slot_queue_state state)
{
	return state >= SLOT_QUEUE_PENDING && state <= SLOT_QUEUE_REMOVING;
}

static void follow(struct handoff_device *device, struct handoff_flow *flow, __u64 now_ns)
{
	enum slot_queue_state state = slot_queue_state(device->queue, &flow->request.request);
	struct handoff_rule rule;

	if (state == SLOT_QUEUE_FAILED && !flow->is_leaving) {
		flow->is_leaving = true;
		note_failure(device, now_ns);
	}
	if (!is_queued(state))
		forget(device, flow);
	else if (!flow->is_leaving && (handoff_rules_get(device->rules, &flow->key, &rule) ||
				       !handoff_flow_holds(flow, &rule)))
		leave(device, flow, &device->told->changed);
}

void handoff_device_follow(struct handoff_device *device, __u64 now_ns)
{
	for (__u32 handle = 1; device->flows.count && handle <= device->flows.max; handle++) {
		struct handoff_flow *flow = handoff_flows_at(&device->flows, handle);

		if (flow)
			follow(device, flow, now_ns);
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

	if (seen->rule.owner != device->told->owner)
		return 0;
	flow = handoff_flows_at(&device->flows, seen->rule.handle);
	if (!flow || !slot_flower_is_rule(&flow->request.rule, &seen->rule))
		return 0;
	flow->seen = device->looks;
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
	for (__u32 handle = 1; handle <= device->flows.max; handle++) {
		struct handoff_flow *flow = handoff_flows_at(&device->flows, handle);

		if (!flow ||
		    slot_queue_state(device->queue, &flow->request.request) != SLOT_QUEUE_ACTIVE)
			continue;
		if (flow->is_leaving)
			slot_queue_cancel(device->queue, &flow->request.request);
		else if (flow->seen && flow->seen != device->looks)
			leave(device, flow, &device->told->vanished);
		else
			flow->seen = device->looks;
	}
}

static void tell(struct handoff_device *device)
{
	struct handoff_told *told = device->told;
	struct slot_queue_stats stats;

	slot_queue_stats(device->queue, &stats);
	if (device->ifindex)
		told->ifindex = device->ifindex;
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

	if (!device->queue)
		return;
	device->looks++;
	err = find_device(device, &why);
	place = make_place(device);
	if (!err) {
		err = slot_flower_list(&place, see_rule, &look);
		if (err)
			slot_reason_set(&why, err, "cannot list the rules of %s: %s",
					device->set.name, strerror(-err));
	}
	if (err && err != -ENODEV)
		say(device, &why, now_ns);
	if (!err || err == -ENODEV)
		end_unseen(device);
	if (!err && now_ns >= device->paused_ns)
		program_say_over(&device->trouble);
	tell(device);
}
