/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device with rules of flower (flower.h), by which an agent has it act on flows: what it is
 * called and whether it is there, whose the rules are, and a queue (queue.h) that installs and
 * removes them, whose thread reports what became of them. All of it is for the agent's one thread,
 * in the netns that it is in.
 */
#ifndef SLOT_DEVICE_H
#define SLOT_DEVICE_H

#include <pthread.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/offload/flower_request.h"

#define SLOT_DEVICE_NAME_MAX 16 /* IFNAMSIZ */

struct slot_device_settings {
	char name[SLOT_DEVICE_NAME_MAX];
	bool is_egress;
	__u16 pref;
	enum slot_flower_mode offload;
	__u32 batch;	 /* rules of one call of the queue's; 0: 64 */
	__u32 flows_max; /* rules at one time */
	__u32 queue_max; /* that wait for the device; 0: all */
};

struct slot_device {
	struct slot_device_settings set;
	__u64 owner;			 /* of its rules */
	__u64 netns;			 /* cookie of the agent's own */
	__u32 ifindex;			 /* 0: it is not there; the queue's thread reads it, too */
	bool has_place;			 /* for rules */
	char name[SLOT_DEVICE_NAME_MAX]; /* see slot_device_name() */
	struct slot_queue *queue;
	int event_fd; /* something was reported; -1: closed */
	pthread_mutex_t lock;
	struct slot_flower_reports reports;	       /* under @lock, as the next */
	struct slot_answer not_installed, not_removed; /* the latest of each */
};

/*
 * slot_device_owner - whose the rules of the slot with maps in @map_dir are, of agents of the
 * kind @tag: not 0. Agents of other slots may be at the same device.
 */
__u64 slot_device_owner(__u32 tag, const char *map_dir);

/*
 * slot_device_check_netns - whether this thread is in the netns of the cookie @netns: rules that
 * are elsewhere can be neither seen nor removed. Returns 0, -EXDEV, or -errno and says why.
 */
int slot_device_check_netns(__u64 netns, struct slot_reason *why);

/* slot_device_place - where @set's rules are on @ifindex. Pure. */
struct slot_flower_place slot_device_place(const struct slot_device_settings *set, __u32 ifindex);

/*
 * slot_device_open - with @device->set and owner, and event_fd -1; the device need not be there.
 * Not to be moved. slot_device_close, also where it fails. Returns 0 or -errno; says why.
 */
int slot_device_open(struct slot_device *device, struct slot_reason *why);
/* slot_device_close - rules that are there stay. */
void slot_device_close(struct slot_device *device);

/*
 * slot_device_find - see whether it is there, and has a qdisc. One that was found is the same
 * under another name; another of its name is that one when it is gone, and its rules with it.
 * Where that cannot be seen (-EMFILE, -ENOMEM), its number stays what it was. Returns 0, -ENODEV,
 * or -errno; says why.
 */
int slot_device_find(struct slot_device *device, struct slot_reason *why);

/*
 * slot_device_name - what the device that was found is called by now; of one that is gone or was
 * never there @set's name. @device's.
 */
const char *slot_device_name(struct slot_device *device);

/*
 * slot_device_take - one request of which something was reported (queue.h), with the error where
 * there was one; NULL: no more.
 */
struct slot_flower_request *slot_device_take(struct slot_device *device,
					     enum slot_queue_state *ret_state, int *ret_error);
/*
 * slot_device_failure - @error, of which slot_device_take() told with @state, in words: those of
 * the latest that was the same.
 */
void slot_device_failure(struct slot_device *device, enum slot_queue_state state, int error,
			 struct slot_reason *ret_why);

/* slot_device_pause - for how many ms to leave a device alone that refused with @error. Pure. */
__u64 slot_device_pause(int error);

#endif
