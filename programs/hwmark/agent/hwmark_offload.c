/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows come and go. */
#include "programs/hwmark/agent/hwmark_offload.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "programs/hwmark/maps/hwmark_entry.h"

#define RETRY_MS 100  /* where a command is at lb's maps */
#define BUSY_MS 10000 /* which is said when it takes so long */

__u64 hwmark_offload_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000 + (__u64)now.tv_nsec / 1000000;
}

static void say(struct hwmark_offload *offload, enum hwmark_trouble which, const char *text)
{
	program_say_kind(&offload->troubles[which], text, hwmark_offload_now());
}

void hwmark_offload_say(struct hwmark_offload *offload, enum hwmark_trouble which,
			const struct slot_reason *why)
{
	say(offload, which, why->text);
}

void hwmark_offload_calm(struct hwmark_offload *offload, enum hwmark_trouble which)
{
	program_say_calm(&offload->troubles[which], hwmark_offload_now());
}

/* --- they come -------------------------------------------------------------------------------- */

static struct slot_flower_match make_match(const struct lb_mark_event *event)
{
	struct slot_flower_match match = {
		.family = event->is_ip6 ? AF_INET6 : AF_INET,
		.proto = event->proto,
		.source.port = event->sport,
		.destination.port = event->dport,
	};

	memcpy(match.source.address, event->src, sizeof(event->src));
	memcpy(match.destination.address, event->dst, sizeof(event->dst));
	return match;
}

static bool is_mode(struct hwmark_offload *offload, const struct lb_mark_event *event)
{
	if ((offload->set.mode == HWMARK_FLOW) == !!event->mark) {
		hwmark_offload_calm(offload, HWMARK_TROUBLE_MODE);
		return true;
	}
	say(offload, HWMARK_TROUBLE_MODE,
	    offload->set.mode == HWMARK_FLOW ?
		    "lb has hwmark = destination, and this slot mode = flow: no flow is offloaded" :
		    "lb has hwmark = flow, and this slot mode = destination: no flow is offloaded");
	return false;
}

/* The flow is here: as it was told, or as it was before the load balancer changed. */
static void meet_again(struct hwmark_offload *offload, struct hwmark_flow *flow,
		       const struct lb_mark_event *event)
{
	const struct hwmark_entry *entry =
		&offload->marks.marks[flow->flow.request.rule.actions[0].mark].entry;

	offload->agent.known++;
	if (entry->real != event->real || entry->epoch != event->epoch || entry->vip != event->vip)
		hwmark_offload_leave(offload, flow, &offload->agent.outdated);
}

/* The mark of @entry, which is the event's, one that has such an entry, or a free one; 0: none. */
static __u32 choose_mark(struct hwmark_offload *offload, const struct lb_mark_event *event,
			 const struct hwmark_entry *entry)
{
	__u32 mark = event->mark;

	if (offload->set.mode == HWMARK_FLOW)
		return hwmark_marks_state(&offload->marks, mark) == HWMARK_MARK_OUT &&
				       mark < offload->marks.count ?
			       mark :
			       0;
	mark = hwmark_marks_find(&offload->marks, entry);
	return mark ? mark : hwmark_marks_take(&offload->marks);
}

static int write_entry(struct hwmark_offload *offload, __u32 mark, const struct hwmark_entry *entry)
{
	struct slot_reason why = { "an entry cannot be written" };
	int err;

	if (hwmark_marks_state(&offload->marks, mark) == HWMARK_MARK_USED) {
		offload->marks.marks[mark].users++;
		return 0;
	}
	err = SLOT_STEP("hwmark.entry", hwmark_entry_write(&offload->maps, mark, entry, &why));
	if (err) {
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, &why);
		hwmark_marks_give(&offload->marks, mark);
		return err;
	}
	hwmark_marks_use(&offload->marks, mark, entry);
	return 0;
}

static void drop_mark(struct hwmark_offload *offload, __u32 mark)
{
	if (hwmark_marks_drop(&offload->marks, mark))
		offload->dying[offload->dying_count++] = mark;
}

static void add_flow(struct hwmark_offload *offload, const struct slot_flower_match *match,
		     __u32 mark)
{
	const struct slot_flower_rule rule = {
		.match = *match,
		.actions[0] = { .kind = SLOT_FLOWER_MARK, .mark = mark },
		.action_count = 1,
		.mode = offload->device.set.offload,
		.owner = offload->device.owner,
		.id = mark,
	};
	struct hwmark_flow *flow = hwmark_flows_add(&offload->flows, &rule);

	/* Both cannot be: there was a place, and the queue has as many. */
	if (!flow || slot_queue_add(offload->device.queue, &flow->flow.request.request)) {
		if (flow)
			hwmark_flows_del(&offload->flows, flow);
		drop_mark(offload, mark);
		return;
	}
	offload->agent.taken++;
}

/* In mode flow lb has chosen one of those that are nobody's. */
static void note_no_mark(struct hwmark_offload *offload)
{
	if (offload->set.mode == HWMARK_FLOW) {
		offload->agent.refused++;
		say(offload, HWMARK_TROUBLE_POOL,
		    "lb has given a flow a mark that stands for another one or is none of this "
		    "slot's: it goes on without (does something else write lb_mark_pool?)");
		return;
	}
	offload->agent.full++;
	say(offload, HWMARK_TROUBLE_MARKS,
	    "no mark is free: further flows go on without (setting marks)");
}

static void offload_flow(struct hwmark_offload *offload, const struct lb_mark_event *event,
			 const struct slot_flower_match *match)
{
	struct hwmark_agent *agent = &offload->agent;
	struct hwmark_entry entry;
	__u32 mark;

	if (hwmark_offload_sync(offload) || !offload->view.generation ||
	    hwmark_entry_make(&offload->view.model, event, offload->set.mode, NULL, &entry) ||
	    hwmark_view_judge(&offload->view, &entry, NULL)) {
		agent->refused++;
		hwmark_marks_give(&offload->marks, event->mark);
		return;
	}
	entry.generation = offload->view.generation;
	mark = choose_mark(offload, event, &entry);
	if (!mark) {
		note_no_mark(offload);
		return;
	}
	if (!write_entry(offload, mark, &entry))
		add_flow(offload, match, mark);
}

/* Counts why not. */
static bool has_room(struct hwmark_offload *offload)
{
	if (hwmark_offload_now() < offload->paused_ms || !offload->device.has_place) {
		offload->agent.paused++;
		return false;
	}
	if (offload->flows.count < offload->flows.max)
		return true;
	offload->agent.full++;
	say(offload, HWMARK_TROUBLE_FULL,
	    "the table of flows is full: further flows go on without a mark (flows=N)");
	return false;
}

int hwmark_offload_event(void *context, void *data, size_t size)
{
	struct hwmark_offload *offload = context;
	const struct lb_mark_event *event = data;
	struct slot_flower_match match;
	struct hwmark_flow *flow;

	if (size != sizeof(*event))
		return 0;
	if (offload->drain) {
		if (event->mark < offload->marks.count)
			offload->drain[event->mark] = false;
		return 0;
	}
	offload->agent.events++;
	match = make_match(event);
	flow = hwmark_flows_find(&offload->flows, &match);
	/* A mark of the other mode is nobody's. */
	if (!is_mode(offload, event)) {
		offload->agent.mismatched++;
		return 0;
	}
	if (flow) {
		meet_again(offload, flow, event);
	} else if (has_room(offload)) {
		offload_flow(offload, event, &match);
		return 0;
	}
	hwmark_marks_give(&offload->marks, event->mark);
	return 0;
}

/* --- they go ---------------------------------------------------------------------------------- */

void hwmark_offload_leave(struct hwmark_offload *offload, struct hwmark_flow *flow, __u64 *count)
{
	if (flow->state == HWMARK_FLOW_LEAVING)
		return;
	flow->state = HWMARK_FLOW_LEAVING;
	if (count)
		++*count;
	slot_queue_cancel(offload->device.queue, &flow->flow.request.request);
}

/* All that is over frees its entries at one blow, and waits once. */
static void free_dying(struct hwmark_offload *offload)
{
	struct slot_reason why = { "entries cannot be freed" };
	int err;

	if (!offload->dying_count)
		return;
	err = SLOT_STEP("hwmark.free", hwmark_entries_free(&offload->maps, offload->dying,
							   offload->dying_count, &why));
	if (err) {
		/* They are tried again with the next ones: no mark stands for two things. */
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, &why);
		return;
	}
	for (size_t i = 0; i < offload->dying_count; i++)
		hwmark_marks_rest(&offload->marks, offload->dying[i], hwmark_offload_now());
	offload->dying_count = 0;
}

static void end_flow(struct hwmark_offload *offload, struct hwmark_flow *flow)
{
	if (flow->is_flushed)
		offload->flush_left--;
	drop_mark(offload, flow->flow.request.rule.actions[0].mark);
	hwmark_flows_del(&offload->flows, flow);
}

/* The device takes others: it is not left alone. */
static void note_taken(struct hwmark_offload *offload)
{
	struct slot_reason why;

	slot_reason_set(&why, 0,
			"somebody else has rules of the same handles or flows at %s, pref %u and "
			"%u: such flows go on without marks (pref=N)",
			slot_device_name(&offload->device), offload->device.set.pref,
			offload->device.set.pref + 1U);
	hwmark_offload_say(offload, HWMARK_TROUBLE_TAKEN, &why);
}

/* One rule that was not taken says little, but for how long to leave the device alone. */
static void note_failure(struct hwmark_offload *offload, int error)
{
	struct slot_reason why;

	if (error == -EEXIST) {
		note_taken(offload);
		return;
	}
	offload->paused_ms = hwmark_offload_now() + slot_device_pause(error);
	/* The device or its qdisc may be gone. */
	offload->find_ms = 0;
	slot_device_failure(&offload->device, SLOT_QUEUE_FAILED, error, &why);
	if (error == -ENOENT)
		slot_reason_append(&why, 0, " (has the kernel cls_flower and act_skbedit?)");
	if (error == -EOPNOTSUPP && offload->device.set.offload == SLOT_FLOWER_SKIP_SW)
		slot_reason_append(&why, 0,
				   " (a device without offload, or with hw-tc-offload off, wants "
				   "offload=both)");
	slot_reason_prefix(&why, 0, "%s takes no rules: ", slot_device_name(&offload->device));
	slot_reason_append(&why, 0, "; flows go on without marks");
	hwmark_offload_say(offload, HWMARK_TROUBLE_RULES, &why);
}

static void note_not_removed(struct hwmark_offload *offload, int error)
{
	struct slot_reason why;

	slot_device_failure(&offload->device, SLOT_QUEUE_ACTIVE, error, &why);
	slot_reason_prefix(
		&why, 0, "rules of %s could not be removed: ", slot_device_name(&offload->device));
	slot_reason_append(&why, 0, "; it is tried again");
	hwmark_offload_say(offload, HWMARK_TROUBLE_REMOVAL, &why);
}

static void take_report(struct hwmark_offload *offload, struct hwmark_flow *flow,
			enum slot_queue_state state, int error)
{
	if (state != SLOT_QUEUE_ACTIVE) {
		if (state == SLOT_QUEUE_FAILED)
			note_failure(offload, error);
		end_flow(offload, flow);
	} else if (error) {
		note_not_removed(offload, error);
	} else if (flow->state == HWMARK_FLOW_WANTED) {
		flow->state = HWMARK_FLOW_ACTIVE;
		flow->flow.seen = offload->looks;
		hwmark_offload_calm(offload, HWMARK_TROUBLE_RULES);
		hwmark_offload_calm(offload, HWMARK_TROUBLE_TAKEN);
	}
}

void hwmark_offload_reports(struct hwmark_offload *offload)
{
	enum slot_queue_state state;
	struct slot_flower_request *request;
	int error;

	while ((request = slot_device_take(&offload->device, &state, &error)))
		take_report(offload, (struct hwmark_flow *)request, state, error);
	free_dying(offload);
}

/* --- the load balancer changes ---------------------------------------------------------------- */

/* One that has ended (hwmark_entry_renew()) is dead as well. */
static void renew(struct hwmark_offload *offload, __u32 mark)
{
	struct hwmark_mark *used = &offload->marks.marks[mark];

	used->is_dead =
		hwmark_view_judge(&offload->view, &used->entry, NULL) ||
		SLOT_STEP("hwmark.renew",
			  hwmark_entry_renew(&offload->maps, mark, offload->view.generation, NULL));
	used->entry.generation = offload->view.generation;
}

void hwmark_offload_renew(struct hwmark_offload *offload)
{
	for (__u32 mark = 1; mark < offload->marks.count; mark++)
		if (offload->marks.marks[mark].state == HWMARK_MARK_USED &&
		    !offload->marks.marks[mark].is_dead)
			renew(offload, mark);
	for (size_t place = 0; place < offload->flows.max; place++) {
		struct hwmark_flow *flow = hwmark_flows_at(&offload->flows, place);

		if (flow && offload->marks.marks[flow->flow.request.rule.actions[0].mark].is_dead)
			hwmark_offload_leave(offload, flow, &offload->agent.outdated);
	}
}

/* A change that takes its time is no trouble; what is stopped half way is. */
static int wait_for_change(struct hwmark_offload *offload, const struct slot_reason *why)
{
	__u64 now = hwmark_offload_now();

	if (!offload->busy_ms)
		offload->busy_ms = now;
	offload->retry_ms = now + RETRY_MS;
	if (now - offload->busy_ms >= BUSY_MS)
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, why);
	return -EBUSY;
}

/* While a command is at lb's maps one event after the other would wait for it. */
int hwmark_offload_sync(struct hwmark_offload *offload)
{
	struct slot_reason why;
	bool is_new = false;
	int err;

	if (offload->busy_ms && hwmark_offload_now() < offload->retry_ms)
		return -EBUSY;
	err = hwmark_view_sync(&offload->view, &offload->maps, &why, &is_new);
	if (err == -EBUSY)
		return wait_for_change(offload, &why);
	offload->busy_ms = 0;
	if (err) {
		slot_reason_append(&why, 0, "; what has a mark keeps it as long as that is sure");
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, &why);
		return err;
	}
	if (is_new)
		hwmark_offload_renew(offload);
	return 0;
}
