/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_connections.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/socket_lb/run/sl_run_room.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

struct connection {
	__u64 inode;
	bool is_held; /* by a process of the command */
};

struct connections {
	const struct sl_run_sockets *sockets;
	struct connection *items; /* by inode, once all are there */
	size_t count;
	size_t queued;
	size_t held;
	int err;
};

static void free_connections(struct connections *all)
{
	free(all->items);
}

/* A connection that is not accepted yet has no inode: it counts at its listener. */
static void see_connection(const struct inet_diag_msg *message, void *data)
{
	struct connections *all = data;
	struct connection *items;

	if (!message->idiag_inode || all->err)
		return;
	items = sl_run_room(all->items, all->count, sizeof(*items));
	if (!items) {
		all->err = -ENOMEM;
		return;
	}
	items[all->count++] = (struct connection){ .inode = message->idiag_inode };
	all->items = items;
}

static void see_listener(const struct inet_diag_msg *message, void *data)
{
	struct connections *all = data;
	const struct sl_run_sockets *sockets = all->sockets;

	for (size_t i = 0; i < sockets->count; i++)
		if (sockets->items[i].is_ours &&
		    sockets->items[i].cookie == program_socket_cookie(message))
			all->queued += message->idiag_rqueue;
}

static int compare_inodes(const void *left, const void *right)
{
	const struct connection *a = left, *b = right;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

/* Each connection once, in however many processes it is open. */
static int see_held(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct connections *all = data;
	struct connection key = { .inode = inode }, *found;

	(void)pid;
	(void)fd;
	if (!all->count)
		return 0;
	found = bsearch(&key, all->items, all->count, sizeof(key), compare_inodes);
	if (found && !found->is_held) {
		found->is_held = true;
		all->held++;
	}
	return 0;
}

static bool is_port_done(const struct sl_run_sockets *sockets, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (sockets->items[i].is_ours && sockets->items[i].vip.proto == IPPROTO_TCP &&
		    sockets->items[i].vip.port == sockets->items[index].vip.port &&
		    sockets->items[i].vip.family == sockets->items[index].vip.family)
			return true;
	return false;
}

static int list_connections(struct connections *all)
{
	const __u32 open = ~(1U << TCP_LISTEN | 1U << TCP_TIME_WAIT | 1U << TCP_CLOSE) & 0xfff;
	const struct sl_run_sockets *sockets = all->sockets;
	int err = 0;

	for (size_t i = 0; !err && i < sockets->count; i++) {
		const struct sl_vip_key *vip = &sockets->items[i].vip;
		struct program_socket_query query = { .family = vip->family == 4 ? AF_INET :
										   AF_INET6,
						      .proto = IPPROTO_TCP,
						      .states = open,
						      .port = vip->port };

		if (!sockets->items[i].is_ours || vip->proto != IPPROTO_TCP ||
		    is_port_done(sockets, i))
			continue;
		err = program_sockets_each(&query, see_connection, all);
		query.states = 1 << TCP_LISTEN;
		err = err ? err : program_sockets_each(&query, see_listener, all);
	}
	return err ? err : all->err;
}

int sl_run_connections_count(const struct sl_run_sockets *sockets, pid_t except,
			     struct slot_reason *why, size_t *ret_count)
{
	__attribute__((cleanup(free_connections))) struct connections all = { .sockets = sockets };
	_cleanup_free_ struct sl_run_tree *tree = NULL;
	int err = list_connections(&all);

	if (err)
		return slot_reason_set(why, err, "cannot list the host's connections: %s",
				       strerror(-err));
	err = sl_run_tree_get(except, why, &tree);
	if (err)
		return err;
	if (all.count)
		qsort(all.items, all.count, sizeof(*all.items), compare_inodes);
	sl_run_tree_sockets(tree, see_held, &all);
	*ret_count = all.held + all.queued;
	return 0;
}
