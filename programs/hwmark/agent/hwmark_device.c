/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_device.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/eventfd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/hash.h"
#include "loader/lib/host/netns.h"

/* "HWMK", then a hash of where the maps are: agents of other slots may be at the same device. */
__u64 hwmark_device_owner(const char *map_dir)
{
	_cleanup_free_ char *path = realpath(map_dir, NULL);
	const char *name = path ? path : map_dir;

	return (__u64)0x48574d4b << 32 | slot_hash_add(SLOT_HASH_START, name, strlen(name));
}

int hwmark_device_check_netns(const struct hwmark_agent *agent, struct slot_reason *why)
{
	__u64 netns = 0;
	int err;

	if (!agent->owner || !agent->netns)
		return 0;
	err = slot_netns_cookie(&netns);
	if (err)
		return slot_reason_set(why, err, "cannot see which netns this is: %s",
				       strerror(-err));
	if (netns == agent->netns)
		return 0;
	return slot_reason_set(why, -EXDEV,
			       "the slot's rules are at %s in another netns: run this there, or "
			       "'slotctl hwmark flush' there first; where that netns is gone, "
			       "'slotctl apply --reset-map SLOT:" HWMARK_AGENT_NAME "'",
			       agent->device);
}

struct slot_flower_place hwmark_device_place(const struct hwmark_device_settings *set,
					     __u32 ifindex)
{
	return (struct slot_flower_place){
		.ifindex = ifindex,
		.hook = set->is_egress ? SLOT_HOOK_TC_EGRESS : SLOT_HOOK_TC_INGRESS,
		.pref = set->pref,
	};
}

static struct slot_flower_place get_place(const struct hwmark_device *device)
{
	__u32 ifindex = __atomic_load_n(&device->ifindex, __ATOMIC_RELAXED);

	return hwmark_device_place(&device->set, ifindex);
}

/* --- on the queue's thread -------------------------------------------------------------------- */

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	const struct slot_flower_place place = get_place(context);

	slot_flower_install(&place, requests, count, ret_answers);
}

static void remove_rules(void *context, struct slot_queue_request *const *requests, size_t count,
			 struct slot_answer *ret_answers)
{
	const struct slot_flower_place place = get_place(context);

	slot_flower_remove(&place, requests, count, ret_answers);
}

static struct slot_answer *find_failure(struct hwmark_device *device, enum slot_queue_state state)
{
	return state == SLOT_QUEUE_FAILED ? &device->not_installed : &device->not_removed;
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	struct hwmark_device *device = context;
	struct hwmark_flow *flow = (struct hwmark_flow *)request;
	const __u64 one = 1;

	pthread_mutex_lock(&device->lock);
	if (!flow->is_reported)
		TAILQ_INSERT_TAIL(&device->reports, flow, report);
	flow->is_reported = true;
	flow->reported = state;
	flow->error = answer->err;
	if (answer->err)
		*find_failure(device, state) = *answer;
	pthread_mutex_unlock(&device->lock);
	/* Full means that it is readable all the same. */
	if (write(device->event_fd, &one, sizeof(one)) < 0)
		return;
}

static const struct slot_queue_ops ops = {
	.install = install,
	.remove = remove_rules,
	.report = report,
};

/* --- on the agent's --------------------------------------------------------------------------- */

int hwmark_device_open(struct hwmark_device *device, struct slot_reason *why)
{
	const struct slot_queue_settings settings = {
		.pending_max = device->set.flows_max,
		.batch_max = device->set.batch,
		.ops = &ops,
		.context = device,
	};
	int err;

	err = slot_netns_cookie(&device->netns);
	if (err)
		return slot_reason_set(why, err, "cannot see which netns this is: %s",
				       strerror(-err));
	TAILQ_INIT(&device->reports);
	pthread_mutex_init(&device->lock, NULL);
	device->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->event_fd < 0)
		return slot_reason_set(why, -errno, "eventfd: %s", strerror(errno));
	err = slot_queue_new(&settings, &device->queue);
	return err ? slot_reason_set(why, err, "cannot start the thread that installs rules: %s",
				     strerror(-err)) :
		     0;
}

void hwmark_device_close(struct hwmark_device *device)
{
	slot_queue_free(device->queue);
	device->queue = NULL;
	slot_cleanup_close(&device->event_fd);
	device->event_fd = -1;
}

const char *hwmark_device_name(struct hwmark_device *device)
{
	if (!device->ifindex || !if_indextoname(device->ifindex, device->name))
		memcpy(device->name, device->set.name, sizeof(device->name));
	return device->name;
}

/* It is the same one as long as it has its number, whatever its name: rules are at it. */
static __u32 find_ifindex(const struct hwmark_device *device)
{
	char name[IF_NAMESIZE];

	if (device->ifindex && if_indextoname(device->ifindex, name))
		return device->ifindex;
	return if_nametoindex(device->set.name);
}

static const char *hint_at(int err)
{
	switch (err) {
	case -EBUSY:
		return "; its qdisc 'ingress' has no such hook, a 'clsact' in its place has";
	case -EPERM:
		return "; that needs CAP_NET_ADMIN";
	default:
		return "";
	}
}

int hwmark_device_find(struct hwmark_device *device, struct slot_reason *why)
{
	__u32 ifindex = find_ifindex(device);
	struct slot_flower_place place = hwmark_device_place(&device->set, ifindex);
	int err;

	__atomic_store_n(&device->ifindex, ifindex, __ATOMIC_RELAXED);
	device->has_place = false;
	if (!ifindex)
		return slot_reason_set(why, -ENODEV, "there is no device '%s' in this netns",
				       device->set.name);
	err = SLOT_STEP("hwmark.qdisc", slot_flower_open(&place));
	device->has_place = !err;
	return err ? slot_reason_set(why, err, "no rules can be put at %s: %s%s",
				     hwmark_device_name(device), strerror(-err), hint_at(err)) :
		     0;
}

struct hwmark_flow *hwmark_device_take(struct hwmark_device *device,
				       enum slot_queue_state *ret_state, int *ret_error)
{
	struct hwmark_flow *flow;

	pthread_mutex_lock(&device->lock);
	flow = TAILQ_FIRST(&device->reports);
	if (flow) {
		TAILQ_REMOVE(&device->reports, flow, report);
		flow->is_reported = false;
		*ret_state = flow->reported;
		*ret_error = flow->error;
	}
	pthread_mutex_unlock(&device->lock);
	return flow;
}

void hwmark_device_failure(struct hwmark_device *device, enum slot_queue_state state, int error,
			   struct slot_reason *ret_why)
{
	const struct slot_answer *failure = find_failure(device, state);

	pthread_mutex_lock(&device->lock);
	slot_reason_set(ret_why, error, "%s",
			failure->err == error && *failure->text ? failure->text : strerror(-error));
	pthread_mutex_unlock(&device->lock);
}
