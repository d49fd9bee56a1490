/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/socket_lb/run/sl_run_room.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

/* A socket may be handed on by a process that was gone when descriptors were looked through. */
#define LOOKS_MAX 3

struct look {
	struct sl_run_sockets *sockets;
	__u8 proto; /* of the list that is read */
	int err;
	struct slot_reason *why;
};

void sl_run_sockets_free(struct sl_run_sockets *sockets)
{
	free(sockets->items);
}

/* --- VIPs ------------------------------------------------------------------------------------ */

static bool is_same_vip(const struct sl_vip_key *a, const struct sl_vip_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int sl_run_sockets_ask(struct sl_run_sockets *sockets, const struct sl_vip_key *vip)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = vip->port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = vip->port };

	memcpy(&in.sin_addr, vip->addr, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, vip->addr, sizeof(in6.sin6_addr));
	return socketlb_has_vip(sockets->lb,
				vip->family == 4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
				vip->proto);
}

/* Maps that were made anew may have no VIP yet, not even one that is named. */
static int is_wanted(struct sl_run_sockets *sockets, const struct sl_vip_key *vip)
{
	bool is_named = !sockets->wanted_count;

	for (size_t i = 0; !is_named && i < sockets->wanted_count; i++)
		is_named = is_same_vip(&sockets->wanted[i], vip);
	return is_named ? sl_run_sockets_ask(sockets, vip) : 0;
}

/* --- what is there --------------------------------------------------------------------------- */

static struct sl_run_socket *find_socket(struct sl_run_sockets *sockets, __u64 cookie)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].cookie == cookie)
			return &sockets->items[i];
	return NULL;
}

bool sl_run_sockets_has(const struct sl_run_sockets *sockets, __u64 cookie)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].cookie == cookie)
			return true;
	return false;
}

void sl_run_sockets_key(const struct inet_diag_msg *message, __u8 proto, struct sl_vip_key *ret_key)
{
	bool is_ip4 = message->idiag_family == AF_INET;

	*ret_key = (struct sl_vip_key){ .proto = proto,
					.family = is_ip4 ? 4 : 6,
					.port = message->id.idiag_sport };
	memcpy(ret_key->addr, message->id.idiag_src, is_ip4 ? 4 : sizeof(ret_key->addr));
}

static int add_socket(struct sl_run_sockets *sockets, const struct sl_run_socket *socket,
		      struct slot_reason *why)
{
	struct sl_run_socket *items = sl_run_room(sockets->items, sockets->count, sizeof(*items));

	if (!items)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	items[sockets->count++] = *socket;
	sockets->items = items;
	return 0;
}

static void see_bound(const struct inet_diag_msg *message, void *data)
{
	struct look *look = data;
	struct sl_run_sockets *sockets = look->sockets;
	struct sl_run_socket socket = {
		.cookie = program_socket_cookie(message),
		.inode = message->idiag_inode,
		.is_there = true,
	};
	struct sl_run_socket *known = find_socket(sockets, socket.cookie);
	int wanted;

	if (known) {
		known->is_there = true;
		return;
	}
	sl_run_sockets_key(message, look->proto, &socket.vip);
	wanted = look->err ? 0 : is_wanted(sockets, &socket.vip);
	if (wanted < 0)
		look->err = slot_reason_set(look->why, wanted, "%s", socketlb_error(sockets->lb));
	else if (wanted)
		look->err = add_socket(sockets, &socket, look->why);
}

static void forget_closed(struct sl_run_sockets *sockets)
{
	size_t kept = 0;

	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].is_there)
			sockets->items[kept++] = sockets->items[i];
	sockets->count = kept;
}

static int list_bound(struct look *look)
{
	struct sl_run_sockets *sockets = look->sockets;
	int err = 0;

	for (size_t i = 0; i < sockets->count; i++)
		sockets->items[i].is_there = false;
	for (size_t i = 0; !err && !look->err && i < PROGRAM_SERVING_KINDS; i++) {
		look->proto = program_sockets_serving[i].proto;
		err = program_sockets_each(&program_sockets_serving[i], see_bound, look);
	}
	if (err)
		return slot_reason_set(look->why, err, "cannot list the host's sockets: %s",
				       err == -ENOENT ? "the kernel has no inet_diag" :
							strerror(-err));
	if (!look->err)
		forget_closed(sockets);
	return look->err;
}

/* --- what is ours ---------------------------------------------------------------------------- */

static int leave_alone(struct sl_run_sockets *sockets, const struct sl_run_socket *socket,
		       pid_t pid, const char *why)
{
	char vip[SL_VIP_TEXT_MAX];

	sl_vip_format(&socket->vip, vip);
	return slot_reason_set(&sockets->trouble, -EINVAL,
			       "the socket of process %d at %s is left alone: %s", pid, vip, why);
}

static bool has_reuseport(int fd)
{
	socklen_t len = sizeof(int);
	int is_on = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &is_on, &len) && is_on;
}

/* A command cannot know which process bit is its: that takes a handle of its own. */
static void advise(struct sl_run_sockets *sockets, const struct sl_run_socket *socket, int fd)
{
	char vip[SL_VIP_TEXT_MAX];
	struct socketlb_cid cid;

	if (socket->vip.proto != IPPROTO_UDP || *sockets->advice.text ||
	    socketlb_cid_get(sockets->lb, fd, &cid))
		return;
	sl_vip_format(&socket->vip, vip);
	slot_reason_set(
		&sockets->advice, 0,
		"warning: %s is of mode quic, for servers that write the process bit into their "
		"connection ids (libsocketlb); restarts of any other misroute: "
		"slotctl socket_lb vip set %s flow",
		vip, vip);
}

/* Our own descriptor of it is closed at once: the socket is to end when the command closes it. */
static int register_socket(struct sl_run_sockets *sockets, struct sl_run_socket *socket, pid_t pid,
			   int fd)
{
	_cleanup_close_ int own = -1;
	int err = program_socket_take(pid, fd, socket->cookie, &own);

	if (err == -ESRCH || err == -EBADF || err == -ESTALE)
		return 0; /* gone meanwhile */
	if (err)
		return leave_alone(sockets, socket, pid,
				   "it cannot be had (pidfd_getfd): same user, or CAP_SYS_PTRACE");
	if (!has_reuseport(own))
		return leave_alone(sockets, socket, pid, "it has no SO_REUSEPORT");
	err = socketlb_add(sockets->lb, own, SOCKETLB_WORKER_ANY);
	if (err == -EBUSY)
		sockets->is_busy = true;
	else if (err && err != -EEXIST)
		return leave_alone(sockets, socket, pid, socketlb_error(sockets->lb));
	socket->is_ours = !err || err == -EEXIST;
	if (!err)
		advise(sockets, socket, own);
	sockets->is_new |= socket->is_ours;
	return 0;
}

static int see_open(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct look *look = data;
	struct sl_run_sockets *sockets = look->sockets;

	for (size_t i = 0; i < sockets->count; i++) {
		struct sl_run_socket *socket = &sockets->items[i];

		if (socket->inode != inode || socket->is_ours || socket->looks >= LOOKS_MAX)
			continue;
		if (register_socket(sockets, socket, pid, fd) < 0)
			socket->looks = LOOKS_MAX;
	}
	return 0;
}

static bool has_unknown(const struct sl_run_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (!sockets->items[i].is_ours && sockets->items[i].looks < LOOKS_MAX)
			return true;
	return false;
}

/* What waits for a place is the command's, so it is not given up. */
static void count_looks(struct sl_run_sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (!sockets->items[i].is_ours && !sockets->is_busy)
			sockets->items[i].looks++;
}

int sl_run_sockets_look(struct sl_run_sockets *sockets, pid_t except, struct slot_reason *why)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;
	struct look look = { .sockets = sockets, .why = why };
	int err;

	sockets->is_new = false;
	sockets->is_busy = false;
	sockets->trouble.text[0] = '\0';
	err = list_bound(&look);
	if (err || !has_unknown(sockets))
		return err;
	err = sl_run_tree_get(except, why, &tree);
	if (err)
		return err;
	err = sl_run_tree_sockets(tree, see_open, &look);
	count_looks(sockets);
	return err;
}

size_t sl_run_sockets_count(const struct sl_run_sockets *sockets)
{
	size_t count = 0;

	for (size_t i = 0; i < sockets->count; i++)
		count += sockets->items[i].is_ours;
	return count;
}

static bool is_first_at_vip(const struct sl_run_sockets *sockets, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (sockets->items[i].is_ours &&
		    is_same_vip(&sockets->items[i].vip, &sockets->items[index].vip))
			return false;
	return sockets->items[index].is_ours;
}

void sl_run_sockets_tell(const struct sl_run_sockets *sockets, struct slot_reason *ret_text)
{
	size_t count = sl_run_sockets_count(sockets), told = 0;
	char at[SL_VIP_TEXT_MAX];

	slot_reason_set(ret_text, 0, "%zu socket%s", count, count == 1 ? "" : "s");
	for (size_t i = 0; i < sockets->count; i++) {
		if (!is_first_at_vip(sockets, i))
			continue;
		sl_vip_format(&sockets->items[i].vip, at);
		slot_reason_append(ret_text, 0, "%s%s", told++ ? ", " : " at ", at);
	}
}

static size_t count_vip(const struct sl_run_sockets *sockets, const struct sl_vip_key *vip)
{
	size_t count = 0;

	for (size_t i = 0; i < sockets->count; i++)
		count += sockets->items[i].is_ours && is_same_vip(&sockets->items[i].vip, vip);
	return count;
}

static void keep_fewer(const struct sl_run_sockets *sockets, const struct sl_vip_key *vip,
		       size_t *fewest, struct sl_vip_key *ret_vip)
{
	size_t count = count_vip(sockets, vip);

	if (count >= *fewest)
		return;
	*fewest = count;
	*ret_vip = *vip;
}

size_t sl_run_sockets_fewest(const struct sl_run_sockets *sockets, struct sl_vip_key *ret_vip)
{
	size_t fewest = SIZE_MAX;

	*ret_vip = (struct sl_vip_key){};
	for (size_t i = 0; i < sockets->wanted_count; i++)
		keep_fewer(sockets, &sockets->wanted[i], &fewest, ret_vip);
	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].is_ours)
			keep_fewer(sockets, &sockets->items[i].vip, &fewest, ret_vip);
	return fewest == SIZE_MAX ? 0 : fewest;
}
