/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent from start to end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/agent/hwmark_offload.h"
#include "programs/shared/maps.h"
#include "programs/shared/signals.h"

#define TICK_MS 100	   /* changes of the load balancer are seen so soon, */
#define TELL_MS 250	   /* what goes on is told, */
#define FIND_MS 1000	   /* a device that is not there looked for, */
#define LENT_MS 5000	   /* and whether the maps are still the load balancer's */
#define LOCK_WAIT_MS 500   /* commands that only look are there for less */
#define VIEW_WAIT_MS 10000 /* of an agent that begins, for a command that changes lb */
#define LOOK_MIN_MS 1000
#define LOOK_MAX_MS 10000

static const struct program_map wanted_map = {
	.name = LB_MARKS_WANTED_NAME,
	.type = BPF_MAP_TYPE_RINGBUF,
};

static int open_ring(struct hwmark_offload *offload, struct slot_reason *why)
{
	int err = program_map_open(offload->view.lb_dir, &wanted_map, true, why, &offload->ring_fd);

	if (err)
		return err;
	offload->ring = ring_buffer__new(offload->ring_fd, hwmark_offload_event, offload, NULL);
	return offload->ring ? 0 :
			       slot_reason_set(why, -errno, "cannot read map '%s': %s",
					       wanted_map.name, strerror(errno));
}

void hwmark_offload_drain(struct hwmark_offload *offload, bool *is_in)
{
	offload->drain = is_in;
	ring_buffer__consume(offload->ring);
	offload->drain = NULL;
}

/* There is no other view to go on with: a command may take its time. */
static int read_view(struct hwmark_offload *offload, struct slot_reason *why)
{
	const __u64 end = hwmark_offload_now() + VIEW_WAIT_MS;
	bool is_new;
	int err;

	do
		err = hwmark_view_sync(&offload->view, &offload->maps, why, &is_new);
	while (err == -EBUSY && hwmark_offload_now() < end);
	return err;
}

static int open_maps(struct hwmark_offload *offload, struct slot_reason *why)
{
	const char *map_dir = offload->set.map_dir;
	int err = hwmark_maps_open(map_dir, true, why, &offload->maps);

	err = err ? err : hwmark_view_find(map_dir, &offload->maps, why, &offload->view);
	err = err ? err : read_view(offload, why);
	if (!err && offload->set.mode == HWMARK_FLOW)
		err = hwmark_pool_open(offload->view.lb_dir, why, &offload->pool);
	return err ? err : open_ring(offload, why);
}

static int make_tables(struct hwmark_offload *offload, struct slot_reason *why)
{
	__u32 marks = offload->maps.marks;

	offload->dying = calloc(marks, sizeof(*offload->dying));
	if (!offload->dying || hwmark_marks_new(marks, &offload->marks) ||
	    hwmark_flows_new(offload->device.set.flows_max, offload->device.owner, &offload->flows))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return 0;
}

static void tell(struct hwmark_offload *offload)
{
	struct hwmark_agent *agent = &offload->agent;
	struct slot_queue_stats stats;
	struct slot_reason why;

	_Static_assert(sizeof(agent->latency) == sizeof(stats.latency), "the same buckets");
	slot_queue_stats(offload->device.queue, &stats);
	agent->owner = offload->device.owner;
	agent->netns = offload->device.netns;
	memcpy(agent->device, slot_device_name(&offload->device), sizeof(agent->device));
	if (offload->device.ifindex)
		agent->ifindex = offload->device.ifindex;
	agent->is_egress = offload->device.set.is_egress;
	agent->offload = offload->device.set.offload;
	agent->pref = offload->device.set.pref;
	agent->flows_max = (__u32)offload->flows.max;
	agent->flows = (__u32)offload->flows.count;
	agent->marks = offload->marks.used;
	agent->pending = stats.pending;
	agent->installed = stats.installed;
	agent->failed = stats.failed;
	agent->cancelled = stats.cancelled;
	agent->removed = stats.removed;
	agent->not_removed = stats.not_removed;
	memcpy(agent->latency, stats.latency, sizeof(agent->latency));
	if (hwmark_agent_set(&offload->maps, agent, &why))
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, &why);
}

/* An agent before this one may have had another device: no rule there may outlive its entry. */
static int leave_device(struct hwmark_offload *offload, struct slot_reason *why)
{
	const struct slot_device *device = &offload->device;
	struct slot_device_settings set = device->set;
	struct slot_flower_place place;
	struct hwmark_agent before;
	size_t count = 0;
	int err = hwmark_agent_get(&offload->maps, why, &before);

	err = err ? err : hwmark_device_check_netns(&before, why);
	if (err || !before.owner ||
	    (before.owner == device->owner && before.ifindex == device->ifindex &&
	     before.is_egress == set.is_egress && before.pref == set.pref))
		return err;
	set.is_egress = before.is_egress;
	set.pref = before.pref;
	place = slot_device_place(&set, before.ifindex);
	err = slot_flower_flush(&place, before.owner, &count);
	return err ? slot_reason_set(why, err, "cannot remove the rules that are at %s: %s",
				     before.device, strerror(-err)) :
		     0;
}

/* Each of its words is news: it comes and goes seldom. */
static void look_for_device(struct hwmark_offload *offload)
{
	struct program_trouble *trouble = &offload->troubles[HWMARK_TROUBLE_DEVICE];
	struct slot_reason why;

	if (!slot_device_find(&offload->device, &why)) {
		program_say_over(trouble);
		return;
	}
	slot_reason_append(&why, 0, "; flows go on without marks");
	program_say_state(trouble, why.text, hwmark_offload_now());
}

/* What a flush asked for of an agent that is gone is carried out by this one. */
static int resume_flush(struct hwmark_offload *offload, struct slot_reason *why)
{
	struct hwmark_agent before;
	int err = hwmark_agent_get(&offload->maps, why, &before);

	offload->flush_number = offload->agent.flushing = offload->agent.flushed =
		err ? 0 : before.flushed;
	return err;
}

static int begin(struct hwmark_offload *offload, struct slot_reason *why)
{
	int err = resume_flush(offload, why);

	look_for_device(offload);
	err = err ? err : leave_device(offload, why);
	err = err ? err : hwmark_offload_adopt(offload, why);
	if (err)
		return err;
	tell(offload);
	if (offload->device.ifindex)
		fprintf(stderr, "flows are offloaded to %s; %zu are there already\n",
			slot_device_name(&offload->device), offload->flows.count);
	else
		fprintf(stderr, "flows are offloaded to %s as soon as it is there\n",
			slot_device_name(&offload->device));
	return 0;
}

int hwmark_offload_open(struct hwmark_offload *offload, struct slot_reason *why)
{
	int err;

	offload->maps = (struct hwmark_maps)HWMARK_MAPS_CLOSED;
	offload->lock_fd = offload->signal_fd = offload->ring_fd = offload->device.event_fd = -1;
	offload->device.owner = slot_device_owner(HWMARK_TAG, offload->set.map_dir);
	err = hwmark_lock(offload->set.map_dir, LOCK_WAIT_MS, why, &offload->lock_fd);
	signal(SIGPIPE, SIG_IGN);
	err = err ? err : program_signals_open(0, why, &offload->signal_fd);
	err = err ? err : open_maps(offload, why);
	err = err ? err : make_tables(offload, why);
	err = err ? err : slot_device_open(&offload->device, why);
	return err ? err : begin(offload, why);
}

void hwmark_offload_close(struct hwmark_offload *offload)
{
	slot_device_close(&offload->device);
	ring_buffer__free(offload->ring);
	slot_cleanup_close(&offload->ring_fd);
	hwmark_pool_close(&offload->pool);
	hwmark_view_free(&offload->view);
	slot_flows_free(&offload->flows);
	hwmark_marks_free(&offload->marks);
	free(offload->dying);
	hwmark_maps_close(&offload->maps);
	slot_cleanup_close(&offload->signal_fd);
	slot_cleanup_close(&offload->lock_fd);
}

/* --- step by step ----------------------------------------------------------------------------- */

static void find_device(struct hwmark_offload *offload, __u64 now)
{
	__u32 before = offload->device.ifindex;

	offload->find_ms = now + FIND_MS;
	look_for_device(offload);
	/* Rules went with the device that they were of. */
	if (before != offload->device.ifindex)
		offload->look_ms = now;
}

static void look(struct hwmark_offload *offload, __u64 now)
{
	__u64 pause = offload->set.age_ms / 4;

	if (pause < LOOK_MIN_MS)
		pause = LOOK_MIN_MS;
	offload->look_ms = now + (pause > LOOK_MAX_MS ? LOOK_MAX_MS : pause);
	hwmark_offload_look(offload);
}

/* What was asked for before it is carried out is carried out with it. */
static void flush(struct hwmark_offload *offload)
{
	struct slot_reason why;
	__u64 number = 0;

	if (offload->flush_left)
		return;
	offload->agent.flushed = offload->flush_number;
	if (hwmark_flush_get(&offload->maps, &why, &number) || number == offload->flush_number)
		return;
	offload->flush_number = offload->agent.flushing = number;
	for (size_t place = 0; place < offload->flows.max; place++) {
		struct hwmark_flow *flow = hwmark_flows_at(&offload->flows, place);

		if (!flow)
			continue;
		flow->is_flushed = true;
		offload->flush_left++;
		hwmark_offload_leave(offload, flow, NULL);
	}
	/* Others that are ours are nobody's. */
	offload->look_ms = 0;
}

/* Another version of a program may have begun with maps of its own. */
static int check_maps(const struct hwmark_offload *offload)
{
	const struct hwmark_maps *maps = &offload->maps;
	const char *own = offload->set.map_dir, *lb = offload->view.lb_dir;
	const struct program_map_use used[] = {
		{ maps->entries, own, HWMARK_ENTRIES_NAME },
		{ maps->agent, own, HWMARK_AGENT_NAME },
		{ maps->flush, own, HWMARK_FLUSH_NAME },
		{ maps->generation, own, LB_GENERATION_NAME },
		{ offload->ring_fd, lb, LB_MARKS_WANTED_NAME },
		{ offload->pool.pools ? offload->pool.fd : -1, lb, LB_MARK_POOL_NAME },
	};
	int err = hwmark_view_check_lent(&offload->view, maps);

	return err ? err : program_maps_check(used, sizeof(used) / sizeof(used[0]));
}

/* Marks mean something else, or are read elsewhere: whoever begins anew puts that right. */
static int check_slot(struct hwmark_offload *offload, struct slot_reason *why)
{
	const struct hwmark_offload_settings *set = &offload->set;
	int err = check_maps(offload);

	if (err == -ENOENT || err == -ESTALE)
		return slot_reason_set(why, -ENOENT,
				       "the slot's maps are others now: start the agent again");
	if (err) {
		slot_reason_set(why, err,
				"cannot see whether the slot's maps are still the same: %s; it is "
				"tried again",
				strerror(-err));
		hwmark_offload_say(offload, HWMARK_TROUBLE_MAPS, why);
	}
	if (set->is_mode && !set->is_mode(set->context))
		return slot_reason_set(
			why, -ESTALE,
			"the slot's setting mode is another one now: start the agent again");
	return 0;
}

static void calm_down(struct hwmark_offload *offload)
{
	if (offload->flows.count < offload->flows.max)
		hwmark_offload_calm(offload, HWMARK_TROUBLE_FULL);
	if (offload->marks.free_count)
		hwmark_offload_calm(offload, HWMARK_TROUBLE_MARKS);
	hwmark_offload_calm(offload, HWMARK_TROUBLE_POOL);
}

static int do_due(struct hwmark_offload *offload, struct slot_reason *why)
{
	__u64 now = hwmark_offload_now();
	int err;

	if (now >= offload->lent_ms) {
		err = check_slot(offload, why);
		if (err)
			return err;
		/* Whoever was asked may have taken some time. */
		now = hwmark_offload_now();
		offload->lent_ms = now + LENT_MS;
	}
	if (!hwmark_offload_sync(offload))
		hwmark_offload_calm(offload, HWMARK_TROUBLE_MAPS);
	if (now >= offload->find_ms)
		find_device(offload, now);
	flush(offload);
	if (now >= offload->look_ms)
		look(offload, now);
	hwmark_marks_wake(&offload->marks, now);
	if (offload->pool.pools)
		offload->agent.in_pools = hwmark_pool_fill(&offload->pool, &offload->marks);
	if (now >= offload->tell_ms) {
		offload->tell_ms = now + TELL_MS;
		tell(offload);
		calm_down(offload);
	}
	return 0;
}

static void clear(int fd)
{
	__u64 number;

	if (read(fd, &number, sizeof(number)) < 0)
		return;
}

int hwmark_offload_step(struct hwmark_offload *offload, struct slot_reason *why)
{
	struct pollfd fds[] = {
		{ .fd = ring_buffer__epoll_fd(offload->ring), .events = POLLIN },
		{ .fd = offload->device.event_fd, .events = POLLIN },
		{ .fd = offload->signal_fd, .events = POLLIN },
	};
	int err = do_due(offload, why);

	if (err)
		return err;
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), TICK_MS) < 0 && errno != EINTR)
		return slot_reason_set(why, -errno, "poll: %s", strerror(errno));
	offload->is_over = fds[2].revents & POLLIN;
	clear(offload->device.event_fd);
	hwmark_offload_reports(offload);
	ring_buffer__consume(offload->ring);
	return 0;
}
