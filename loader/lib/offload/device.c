/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/offload/device.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/hash.h"
#include "loader/lib/host/netns.h"

#define BATCH 64
#define PAUSE_MS 1000	    /* after a rule that was not taken, */
#define PAUSE_LONG_MS 30000 /* by a device or kernel that takes none at all */

__u64 slot_device_owner(__u32 tag, const char *map_dir)
{
	_cleanup_free_ char *path = realpath(map_dir, NULL);
	const char *name = path ? path : map_dir;

	return (__u64)tag << 32 | slot_hash_add(SLOT_HASH_START, name, strlen(name));
}

static int read_netns(struct slot_reason *why, __u64 *ret_netns)
{
	int err = slot_netns_cookie(ret_netns);

	return err ? slot_reason_set(why, err, "cannot see which netns this is: %s",
				     strerror(-err)) :
		     0;
}

int slot_device_check_netns(__u64 netns, struct slot_reason *why)
{
	__u64 own = 0;
	int err = read_netns(why, &own);

	if (err)
		return err;
	return own == netns ? 0 : -EXDEV;
}

struct slot_flower_place slot_device_place(const struct slot_device_settings *set, __u32 ifindex)
{
	return (struct slot_flower_place){
		.ifindex = ifindex,
		.hook = set->is_egress ? SLOT_HOOK_TC_EGRESS : SLOT_HOOK_TC_INGRESS,
		.pref = set->pref,
	};
}

static struct slot_flower_place get_place(const struct slot_device *device)
{
	__u32 ifindex = __atomic_load_n(&device->ifindex, __ATOMIC_RELAXED);

	return slot_device_place(&device->set, ifindex);
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

static struct slot_answer *find_failure(struct slot_device *device, enum slot_queue_state state)
{
	return state == SLOT_QUEUE_FAILED ? &device->not_installed : &device->not_removed;
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	struct slot_flower_request *flow = (struct slot_flower_request *)request;
	struct slot_device *device = context;
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

int slot_device_open(struct slot_device *device, struct slot_reason *why)
{
	const struct slot_queue_settings settings = {
		.pending_max = device->set.queue_max ? device->set.queue_max :
						       device->set.flows_max,
		.batch_max = device->set.batch ? device->set.batch : BATCH,
		.ops = &ops,
		.context = device,
	};
	int err = read_netns(why, &device->netns);

	if (err)
		return err;
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

void slot_device_close(struct slot_device *device)
{
	slot_queue_free(device->queue);
	device->queue = NULL;
	slot_cleanup_close(&device->event_fd);
	device->event_fd = -1;
}

const char *slot_device_name(struct slot_device *device)
{
	if (!device->ifindex || !if_indextoname(device->ifindex, device->name))
		memcpy(device->name, device->set.name, sizeof(device->name));
	return device->name;
}

/*
 * It is the same one as long as it has its number, whatever its name: rules are at it. The C
 * library's functions for this do not tell a device that is gone from a socket that is not there.
 */
static int find_ifindex(const struct slot_device *device, __u32 *ret_ifindex)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_ifindex = (int)device->ifindex };

	_Static_assert(SLOT_DEVICE_NAME_MAX == IFNAMSIZ, "a name is a name");
	if (fd < 0)
		return -errno;
	*ret_ifindex = device->ifindex;
	if (device->ifindex && !ioctl(fd, SIOCGIFNAME, &request))
		return 0;
	if (device->ifindex && errno != ENODEV)
		return -errno;
	memcpy(request.ifr_name, device->set.name, sizeof(request.ifr_name));
	*ret_ifindex = ioctl(fd, SIOCGIFINDEX, &request) ? 0 : (__u32)request.ifr_ifindex;
	return *ret_ifindex || errno == ENODEV ? 0 : -errno;
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

int slot_device_find(struct slot_device *device, struct slot_reason *why)
{
	struct slot_flower_place place;
	__u32 ifindex = 0;
	int err = find_ifindex(device, &ifindex);

	device->has_place = false;
	if (err)
		return slot_reason_set(why, err, "cannot see whether there is a device '%s': %s",
				       device->set.name, strerror(-err));
	__atomic_store_n(&device->ifindex, ifindex, __ATOMIC_RELAXED);
	if (!ifindex)
		return slot_reason_set(why, -ENODEV, "there is no device '%s' in this netns",
				       device->set.name);
	place = slot_device_place(&device->set, ifindex);
	err = SLOT_STEP("device.qdisc", slot_flower_open(&place));
	device->has_place = !err;
	return err ? slot_reason_set(why, err, "no rules can be put at %s: %s%s",
				     slot_device_name(device), strerror(-err), hint_at(err)) :
		     0;
}

struct slot_flower_request *slot_device_take(struct slot_device *device,
					     enum slot_queue_state *ret_state, int *ret_error)
{
	struct slot_flower_request *flow;

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

void slot_device_failure(struct slot_device *device, enum slot_queue_state state, int error,
			 struct slot_reason *ret_why)
{
	const struct slot_answer *failure = find_failure(device, state);

	pthread_mutex_lock(&device->lock);
	slot_reason_set(ret_why, error, "%s",
			failure->err == error && *failure->text ? failure->text : strerror(-error));
	pthread_mutex_unlock(&device->lock);
}

__u64 slot_device_pause(int error)
{
	return error == -EOPNOTSUPP || error == -ENOENT ? PAUSE_LONG_MS : PAUSE_MS;
}
