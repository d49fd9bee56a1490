/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/lib/socketlb_cid.h"
#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "bpf/socket_lb/lib/socketlb_socket.h"
#include "bpf/socket_lb/maps/sl_flows.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "bpf/socket_lb/maps/sl_takeover.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "loader/lib/base/cleanup.h"

#define WAIT_MS 50 /* between two looks */

/* A VIP that this handle has, or had, sockets of. */
struct served {
	struct sl_vip_key key;
	struct sl_vip vip;
	struct sl_place place;
	__u8 workers[SL_SOCKETS_MAX]; /* of each position */
	__u16 sockets;		      /* positions in use */
	bool is_taken;
	bool is_announced;
};

struct socketlb {
	struct sl_maps maps;
	int program;
	char *program_path;
	char *map_dir;
	bool has_paths; /* which the caller set: they are not looked for */
	struct served served[SL_VIPS_MAX];
	size_t served_count;
	struct slot_reason why;
};

/* --- the handle ------------------------------------------------------------------------------ */

struct socketlb *socketlb_new(void)
{
	struct socketlb *lb = calloc(1, sizeof(*lb));

	if (!lb)
		return NULL;
	lb->maps = (struct sl_maps)SL_MAPS_CLOSED;
	lb->program = -1;
	return lb;
}

void socketlb_free(struct socketlb *lb)
{
	if (!lb)
		return;
	sl_maps_close(&lb->maps);
	slot_cleanup_close(&lb->program);
	free(lb->program_path);
	free(lb->map_dir);
	free(lb);
}

const char *socketlb_error(const struct socketlb *lb)
{
	return lb->why.text;
}

int socketlb_set_paths(struct socketlb *lb, const char *program, const char *map_dir)
{
	_cleanup_free_ char *program_path = strdup(program);
	_cleanup_free_ char *dir = strdup(map_dir);

	if (!program_path || !dir)
		return slot_reason_set(&lb->why, -ENOMEM, "out of memory");
	free(lb->program_path);
	free(lb->map_dir);
	lb->program_path = TAKE_PTR(program_path);
	lb->map_dir = TAKE_PTR(dir);
	lb->has_paths = true;
	return 0;
}

/* Each time anew, as a slot may be renamed between two tries. */
static int find_paths(struct socketlb *lb, const char *chain)
{
	_cleanup_free_ char *program_path = NULL;
	_cleanup_free_ char *dir = NULL;
	int err = socketlb_paths_find(chain, &lb->why, &program_path, &dir);

	if (err)
		return err;
	free(lb->program_path);
	free(lb->map_dir);
	lb->program_path = TAKE_PTR(program_path);
	lb->map_dir = TAKE_PTR(dir);
	return 0;
}

static int open_pins(struct socketlb *lb, int *ret_program, struct sl_maps *ret_maps)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	_cleanup_close_ int program = bpf_obj_get_opts(lb->program_path, &opts);
	int err;

	if (program < 0)
		return slot_reason_set(&lb->why, program, "cannot open program '%s': %s",
				       lb->program_path, strerror(-program));
	err = sl_maps_open(lb->map_dir, true, &lb->why, ret_maps);
	if (!err)
		*ret_program = TAKE_FD(program);
	return err;
}

int socketlb_open(struct socketlb *lb, const char *chain)
{
	struct sl_maps maps = SL_MAPS_CLOSED;
	int program = -1, err = 0;

	if (!lb->has_paths)
		err = find_paths(lb, chain);
	err = err ? err : open_pins(lb, &program, &maps);
	if (err)
		return err;
	sl_maps_close(&lb->maps);
	slot_cleanup_close(&lb->program);
	lb->maps = maps;
	lb->program = program;
	return 0;
}

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
		err = sl_vip_get(&lb->maps, key, &lb->why, &served->vip);
		if (err)
			return err;
		lb->served_count++;
	}
	if (!served->is_taken) {
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
	int err;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &lb->program, sizeof(lb->program)))
		return slot_reason_set(&lb->why, -errno, "cannot attach '%s' to a socket: %s",
				       lb->program_path, strerror(errno));
	err = sl_socket_add(&lb->maps, &served->place, fd, &lb->why, &position);
	if (err)
		return err;
	served->workers[position] = (__u8)(worker == SOCKETLB_WORKER_ANY ? position : worker);
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
	err = socketlb_socket_check(fd, &lb->why, &key);
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

/* All serve before the first is announced: who is replaced sees so that more is to come. */
int socketlb_announce(struct socketlb *lb)
{
	size_t taken = 0;
	int err = 0;

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
		err = sl_announce(&lb->maps, &lb->served[i].place, &lb->why);
		lb->served[i].is_announced = !err;
	}
	return err;
}

enum standing {
	STANDING_OURS,
	STANDING_SHARED, /* ours, and the other instance serves: not yet, or no longer announced */
	STANDING_THEIRS,
};

/* How a VIP stands, and whose its other instance is; where ours was lost, who has that. */
struct look {
	enum standing standing;
	struct sl_process other;
};

static struct sl_process owner_of(const struct sl_instance *instance)
{
	return (struct sl_process){ instance->pid, instance->pid_start, instance->pid_ns };
}

/* Who died after its takeover left its VIP with nobody: it is taken back. */
static int look_at_place(struct socketlb *lb, const struct served *served, struct look *ret_look)
{
	const struct sl_place *place = &served->place;
	struct sl_instance own, other;
	bool is_active = true;
	size_t sockets = 0;
	int active = -1;
	int err = sl_instance_get(&lb->maps, place->vip, place->instance, &lb->why, &own);

	err = err ? err : sl_active_get(&lb->maps, place->vip, &lb->why, &active);
	if (err)
		return err;
	*ret_look = (struct look){ STANDING_THEIRS, owner_of(&own) };
	if (own.generation != place->generation)
		return 0;
	err = sl_instance_get(&lb->maps, place->vip, !place->instance, &lb->why, &other);
	if (!err && other.state == SL_SERVING)
		err = sl_sockets_count(&lb->maps, place->vip, !place->instance, &lb->why, &sockets);
	if (err)
		return err;
	ret_look->other = owner_of(&other);
	if (active == (int)!place->instance && sockets)
		return 0;
	if (active == (int)!place->instance)
		err = sl_announce_again(&lb->maps, place, &lb->why, &is_active);
	if (!err && is_active)
		ret_look->standing = sockets ? STANDING_SHARED : STANDING_OURS;
	return err;
}

/*
 * is_held - whether the one that has VIPs of ours is about to take @look's as well. An elder that
 * still drains there, another process, is no reason to wait.
 */
static bool is_held(const struct look *look, const struct look *looks, size_t count)
{
	if (look->standing != STANDING_SHARED)
		return false;
	for (size_t i = 0; i < count; i++)
		if (looks[i].standing == STANDING_THEIRS && looks[i].other.pid == look->other.pid &&
		    looks[i].other.pid_start == look->other.pid_start &&
		    looks[i].other.pid_ns == look->other.pid_ns)
			return true;
	return false;
}

int socketlb_is_replaced(struct socketlb *lb)
{
	struct look looks[SL_VIPS_MAX];
	size_t count = 0;
	int is_replaced = 0;

	for (size_t i = 0; i < lb->served_count; i++) {
		int err = 0;

		if (!lb->served[i].is_announced)
			continue;
		err = look_at_place(lb, &lb->served[i], &looks[count]);
		if (err)
			return err;
		is_replaced |= looks[count++].standing == STANDING_THEIRS;
	}
	for (size_t i = 0; is_replaced && i < count; i++)
		is_replaced = !is_held(&looks[i], looks, count);
	return is_replaced;
}

static int64_t read_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int socketlb_wait(struct socketlb *lb, int timeout_ms)
{
	int64_t end_ms = read_clock_ms() + timeout_ms;

	for (;;) {
		int is_replaced = socketlb_is_replaced(lb);
		int64_t left_ms = timeout_ms < 0 ? WAIT_MS : end_ms - read_clock_ms();

		if (is_replaced || left_ms <= 0)
			return is_replaced;
		poll(NULL, 0, left_ms < WAIT_MS ? (int)left_ms : WAIT_MS);
	}
}

int socketlb_flows(struct socketlb *lb, uint64_t *ret_flows)
{
	uint64_t flows = 0;

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

int socketlb_leave(struct socketlb *lb)
{
	int err = 0;

	for (size_t i = 0; i < lb->served_count; i++) {
		struct served *served = &lb->served[i];
		int failed = 0;

		if (served->is_taken)
			failed = sl_instance_leave(&lb->maps, &served->place, &lb->why);
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
