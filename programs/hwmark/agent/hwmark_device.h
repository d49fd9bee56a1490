/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device that marks packets: its rules, installed and removed by a queue whose thread
 * reports what became of them, to be taken by the agent's own.
 */
#ifndef HWMARK_DEVICE_H
#define HWMARK_DEVICE_H

#include <pthread.h>

#include "loader/lib/base/reason.h"
#include "programs/hwmark/agent/hwmark_flows.h"
#include "programs/hwmark/hwmark_abi.h"

#define HWMARK_PREF 1000

struct hwmark_device_settings {
	char name[HWMARK_DEVICE_MAX];
	bool is_egress;
	__u16 pref;
	enum slot_flower_mode offload;
	size_t batch;
	size_t flows_max;
};

struct hwmark_device {
	struct hwmark_device_settings set;
	__u64 owner;
	__u64 netns;		      /* cookie of the agent's own */
	__u32 ifindex;		      /* 0: it is not there; the queue's thread reads it, too */
	bool has_place;		      /* for rules */
	char name[HWMARK_DEVICE_MAX]; /* see hwmark_device_name() */
	struct slot_queue *queue;
	int event_fd; /* something was reported */
	pthread_mutex_t lock;
	struct hwmark_flow_list reports;	       /* under @lock, as the next */
	struct slot_answer not_installed, not_removed; /* the latest of each */
};

/* hwmark_device_owner - whose the rules of the slot with maps in @map_dir are: not 0. */
__u64 hwmark_device_owner(const char *map_dir);

/*
 * hwmark_device_check_netns - whether this thread is where the rules of @agent are: nothing of
 * them can be seen or removed elsewhere, so that their marks are still in use. Returns 0,
 * -EXDEV, or -errno; says why.
 */
int hwmark_device_check_netns(const struct hwmark_agent *agent, struct slot_reason *why);

/* hwmark_device_place - where @set's rules are on @ifindex. */
struct slot_flower_place hwmark_device_place(const struct hwmark_device_settings *set,
					     __u32 ifindex);

/*
 * hwmark_device_open - with @device->set and owner; the device need not be there. Not to be moved.
 * hwmark_device_close, also where it fails. Returns 0 or -errno, and says why.
 */
int hwmark_device_open(struct hwmark_device *device, struct slot_reason *why);
/* hwmark_device_close - rules that are there stay. */
void hwmark_device_close(struct hwmark_device *device);

/*
 * hwmark_device_find - see whether it is there, and has a qdisc. One that was found is the same
 * under another name; another of its name is that one when it is gone, and its rules with it.
 * Returns 0, -ENODEV, or -errno; says why.
 */
int hwmark_device_find(struct hwmark_device *device, struct slot_reason *why);

/*
 * hwmark_device_name - what the device that was found is called by now; of one that is gone or was
 * never there @set's name. @device's. In the netns that this thread is in.
 */
const char *hwmark_device_name(struct hwmark_device *device);

/* hwmark_device_take - one flow of which something was reported; NULL: no more. */
struct hwmark_flow *hwmark_device_take(struct hwmark_device *device,
				       enum slot_queue_state *ret_state, int *ret_error);
/*
 * hwmark_device_failure - @error, of which hwmark_device_take() told with @state, in words: those
 * of the latest that was the same.
 */
void hwmark_device_failure(struct hwmark_device *device, enum slot_queue_state state, int error,
			   struct slot_reason *ret_why);

#endif
