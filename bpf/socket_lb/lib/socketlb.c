/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/socket_lb/lib/socketlb_cid.h"
#include "bpf/socket_lb/lib/socketlb_handle.h"
#include "bpf/socket_lb/lib/socketlb_socket.h"
#include "bpf/socket_lb/maps/sl_flows.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "bpf/socket_lb/maps/sl_takeover.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "loader/lib/base/cleanup.h"

/* --- sockets --------------------------------------------------------------------------------- */

static struct served *find_served(struct socketlb *lb, const struct sl_vip_key *key)
{
	for (size_t i = 0; i < lb->served_count; i++)
		if (!memcmp(&lb->served[i].key, key, sizeof(*key)))
			return &lb->served[i];
	return NULL;
}

/* A place is taken by the first socket. */
static int take_place(struct socketlb *lb, const struct sl_vip_key *key, struct served **ret_served)
{
	struct served *served = find_served(lb, key);
	struct sl_process owner;
	int err = 0;

	if (!served) {
		if (lb->served_count == SL_VIPS_MAX)
			return slot_reason_set(&lb->why, -ENOSPC, "more than %d VIPs", SL_VIPS_MAX);
		served = &lb->served[lb->served_count];
		*served = (struct served){ .key = *key };
	}
	if (!served->is_taken) {
		err = sl_vip_get(&lb->maps, key, &lb->why, &served->vip);
		if (err)
			return err;
		lb->served_count += served == &lb->served[lb->served_count];
		err = sl_process_get(0, &owner);
		if (err)
			return slot_reason_set(&lb->why, err, "cannot look into /proc: %s",
					       strerror(-err));
		err = sl_instance_take(&lb->maps, key, &owner, &lb->why, &served->place);
		if (err)
			return err;
		served->is_taken = true;
		served->is_announced = false;
		served->sockets = 0;
	}
	*ret_served = served;
	return 0;
}

/* What an operator set stays: of the own instance, and at a takeover of the one before. */
static int share(struct socketlb *lb, struct served *served)
{
	const struct sl_place *place = &served->place;
	__u32 like = served->is_announced ? place->instance : !place->instance;
	struct sl_share share = { .sockets = served->sockets, .workers = served->workers };
	struct sl_instance instance;
	int err = sl_instance_get(&lb->maps, place->vip, like, &lb->why, &instance);

	if (err)
		return err;
	if (instance.state == SL_SERVING) {
		share.policy = instance.policy;
		share.weights = instance.sockets == served->sockets ? instance.weights : NULL;
	}
	return sl_instance_serve(&lb->maps, place, &share, &lb->why);
}

int socketlb_has_vip(struct socketlb *lb, const struct sockaddr *addr, int proto)
{
	struct sl_vip_key key;
	struct sl_vip vip;
	int err = socketlb_socket_key(addr, proto, &key);

	if (err)
		return 0;
	err = sl_vip_get(&lb->maps, &key, &lb->why, &vip);
	return err == -ENOENT ? 0 : err ? err : 1;
}

int socketlb_count_vips(struct socketlb *lb)
{
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	size_t count = 0;
	int err = sl_vips_get(&lb->maps, &lb->why, &vips, &count);

	return err ? err : (int)count;
}

static int add_socket(struct socketlb *lb, struct served *served, int fd, unsigned int worker)
{
	__u32 position = 0;
	__u64 cookie = 0;
	int err = sl_socket_cookie(fd, &lb->why, &cookie);

	if (err)
		return err;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &lb->program, sizeof(lb->program)))
		return slot_reason_set(&lb->why, -errno, "cannot attach '%s' to a socket: %s",
				       lb->program_path, strerror(errno));
	err = sl_socket_add(&lb->maps, &served->place, fd, &lb->why, &position);
	if (err)
		return err;
	served->workers[position] = (__u8)(worker == SOCKETLB_WORKER_ANY ? position : worker);
	served->cookies[position] = cookie;
	if (position >= served->sockets)
		served->sockets = (__u16)(position + 1);
	return 0;
}

/* give_back - a place that no socket came into would hold up the next process. */
static void give_back(struct socketlb *lb, struct served *served)
{
	struct slot_reason why; /* what failed before is what is told */

	if (!served->sockets)
		served->is_taken = sl_instance_leave(&lb->maps, &served->place, &why) != 0;
}

int socketlb_add(struct socketlb *lb, int fd, unsigned int worker)
{
	struct served *served = NULL;
	struct sl_vip_key key;
	int err;

	if (worker != SOCKETLB_WORKER_ANY && worker >= SL_NO_WORKER)
		return slot_reason_set(&lb->why, -ENOSPC, "worker %u: the last one is %d", worker,
				       SL_NO_WORKER - 1);
	err = socketlb_handle_check(lb);
	err = err ? err : socketlb_socket_check(fd, &lb->why, &key);
	err = err ? err : take_place(lb, &key, &served);
	if (!served)
		return err;
	err = add_socket(lb, served, fd, worker);
	if (err) {
		give_back(lb, served);
		return err;
	}
	return served->is_announced ? share(lb, served) : 0;
}

/* --- the takeover ---------------------------------------------------------------------------- */

static bool is_new(const struct served *served)
{
	return served->is_taken && !served->is_announced;
}

static int announce_vip(struct socketlb *lb, struct served *served)
{
	int err = served->was_announced ? sl_announce_first(&lb->maps, &served->place, &lb->why) :
					  sl_announce(&lb->maps, &served->place, &lb->why);

	served->is_announced = !err;
	served->was_announced &= err != 0;
	return err;
}

/* All serve before the first is announced: who is replaced sees so that more is to come. */
int socketlb_announce(struct socketlb *lb)
{
	size_t taken = 0;
	int err = socketlb_handle_check(lb);

	for (size_t i = 0; !err && i < lb->served_count; i++) {
		taken += lb->served[i].is_taken;
		if (is_new(&lb->served[i]))
			err = share(lb, &lb->served[i]);
	}
	if (!err && !taken)
		return slot_reason_set(&lb->why, -ENOENT, "cannot announce: no socket was added");
	for (size_t i = 0; !err && i < lb->served_count; i++) {
		if (!is_new(&lb->served[i]))
			continue;
		err = announce_vip(lb, &lb->served[i]);
	}
	return err;
}

int socketlb_flows(struct socketlb *lb, uint64_t *ret_flows)
{
	uint64_t flows = 0;
	int stale = socketlb_handle_check(lb);

	if (stale)
		return stale;
	for (size_t i = 0; i < lb->served_count; i++) {
		const struct served *served = &lb->served[i];
		size_t count = 0;
		int err = 0;

		if (served->is_taken && served->key.proto == IPPROTO_UDP)
			err = sl_flows_count(&lb->maps, &served->vip, served->place.instance,
					     &lb->why, &count);
		if (err)
			return err;
		flows += count;
	}
	*ret_flows = flows;
	return 0;
}

/* In maps that the chain has no more a place is nobody's; a socket stays in the way there. */
static int leave_vip(struct socketlb *lb, const struct served *served, bool is_stale)
{
	return is_stale ? socketlb_handle_take_out(lb, served, &lb->why) :
			  sl_instance_leave(&lb->maps, &served->place, &lb->why);
}

int socketlb_leave(struct socketlb *lb)
{
	bool is_stale = socketlb_handle_look(lb);
	int err = 0;

	for (size_t i = 0; i < lb->served_count; i++) {
		struct served *served = &lb->served[i];
		int failed = 0;

		if (served->is_taken)
			failed = leave_vip(lb, served, is_stale);
		served->is_taken = failed != 0;
		err = err ? err : failed;
	}
	if (!err)
		lb->served_count = 0;
	return err;
}

int socketlb_cid_get(struct socketlb *lb, int fd, struct socketlb_cid *ret_cid)
{
	const struct served *served;
	struct sl_vip_key key;
	int err = socketlb_socket_check(fd, &lb->why, &key);

	if (err)
		return err;
	served = find_served(lb, &key);
	if (!served || !served->is_taken)
		return slot_reason_set(&lb->why, -ENOENT,
				       "a connection id names an instance: add the socket first");
	if (served->vip.mode != SL_QUIC)
		return slot_reason_set(&lb->why, -ENOTSUP, "the VIP's mode is not quic");
	socketlb_cid_set(&served->vip, served->place.instance, ret_cid);
	return 0;
}
