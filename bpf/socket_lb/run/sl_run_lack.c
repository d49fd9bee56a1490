/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_lack.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/socket_lb/run/sl_run_room.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

#define TOLD_MAX 3 /* sockets elsewhere; a server may have many that are none of this */

/* A socket that is at none of the VIPs that are waited for. */
struct stray {
	struct sl_vip_key at;
	__u64 inode;
};

struct strays {
	const struct sl_run_sockets *sockets;
	__u8 proto; /* of the list that is read */
	struct stray *items;
	size_t count;
	size_t told;
	struct slot_reason *text;
};

static void free_strays(struct strays *strays)
{
	free(strays->items);
}

static void see_serving(const struct inet_diag_msg *message, void *data)
{
	struct strays *strays = data;
	struct stray stray = { .inode = message->idiag_inode };
	struct stray *items;

	sl_run_sockets_key(message, strays->proto, &stray.at);
	if (sl_run_sockets_has(strays->sockets, program_socket_cookie(message)))
		return;
	items = sl_run_room(strays->items, strays->count, sizeof(*items));
	if (!items)
		return;
	items[strays->count++] = stray;
	strays->items = items;
}

/* A socket that several processes have is told once. */
static int see_held(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct strays *strays = data;
	char at[SL_VIP_TEXT_MAX];

	(void)fd;
	for (size_t i = 0; i < strays->count; i++) {
		if (strays->items[i].inode != inode)
			continue;
		sl_vip_format(&strays->items[i].at, at);
		slot_reason_append(strays->text, 0, "; process %d %s %s, which is no VIP%s", pid,
				   strays->items[i].at.proto == IPPROTO_TCP ? "listens at" :
									      "is bound to",
				   at, strays->sockets->wanted_count ? " that was asked for" : "");
		strays->items[i].inode = 0;
		strays->told++;
	}
	return strays->told >= TOLD_MAX;
}

static void tell_strays(struct strays *strays, pid_t except)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;

	for (size_t i = 0; i < PROGRAM_SERVING_KINDS; i++) {
		strays->proto = program_sockets_serving[i].proto;
		if (program_sockets_each(&program_sockets_serving[i], see_serving, strays))
			return;
	}
	if (!sl_run_tree_get(except, NULL, &tree))
		sl_run_tree_sockets(tree, see_held, strays);
}

void sl_run_lack(const struct sl_run_sockets *sockets, unsigned int workers, pid_t except,
		 struct slot_reason *ret_text)
{
	__attribute__((cleanup(free_strays))) struct strays strays = { .sockets = sockets,
								       .text = ret_text };
	size_t expected = workers ? workers : 1;
	char at[SL_VIP_TEXT_MAX] = "a VIP of the chain";
	struct sl_vip_key vip;
	size_t found = sl_run_sockets_fewest(sockets, &vip);

	if (sockets->is_busy) {
		slot_reason_set(ret_text, 0,
				"no instance came free in time: slotctl socket_lb instances tells "
				"whose they are, slotctl socket_lb free takes one away");
		return;
	}
	if (found >= expected) {
		slot_reason_set(ret_text, 0, "its sockets were not ready in time");
		return;
	}
	if (vip.family)
		sl_vip_format(&vip, at);
	slot_reason_set(ret_text, 0, "expected %zu socket%s with SO_REUSEPORT at %s, found %zu",
			expected, expected == 1 ? "" : "s", at, found);
	tell_strays(&strays, except);
}
