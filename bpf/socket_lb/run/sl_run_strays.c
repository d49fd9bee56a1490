/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_strays.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/socket_lb/run/sl_run_room.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

#define TOLD_MAX 3 /* addresses; a server may have many that are none of this */

void sl_run_strays_free(struct sl_run_strays *strays)
{
	free(strays->items);
}

static void see_serving(const struct inet_diag_msg *message, void *data)
{
	struct sl_run_strays *strays = data;
	struct sl_run_stray stray = { .inode = message->idiag_inode };
	struct sl_run_stray *items;

	sl_run_sockets_key(message, strays->proto, &stray.at);
	if (sl_run_sockets_has(strays->sockets, program_socket_cookie(message)))
		return;
	items = sl_run_room(strays->items, strays->count, sizeof(*items));
	if (!items)
		return;
	items[strays->count++] = stray;
	strays->items = items;
}

/* A socket that several processes have is the first one's. */
static int see_held(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct sl_run_strays *strays = data;

	(void)fd;
	for (size_t i = strays->held; i < strays->count; i++) {
		struct sl_run_stray found = strays->items[i];

		if (found.inode != inode)
			continue;
		found.pid = pid;
		strays->items[i] = strays->items[strays->held];
		strays->items[strays->held++] = found;
		break;
	}
	return 0;
}

void sl_run_strays_get(const struct sl_run_sockets *sockets, pid_t except,
		       struct sl_run_strays *ret_strays)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;

	ret_strays->sockets = sockets;
	for (size_t i = 0; i < PROGRAM_SERVING_KINDS; i++) {
		ret_strays->proto = program_sockets_serving[i].proto;
		if (program_sockets_each(&program_sockets_serving[i], see_serving, ret_strays))
			return;
	}
	if (!sl_run_tree_get(except, NULL, &tree))
		sl_run_tree_sockets(tree, see_held, ret_strays);
}

/* A server has sockets of UDP that only ask, at ports of the kernel's choice. */
static bool is_lost(const struct sl_run_sockets *sockets, const struct sl_vip_key *at)
{
	bool is_port = at->proto == IPPROTO_TCP;

	for (size_t i = 0; !is_port && i < sockets->count; i++)
		is_port = sockets->items[i].vip.port == at->port;
	return is_port;
}

/* Those at the address of the @first one, unless one before that is there as well: then 0. */
static size_t count_alike(const struct sl_run_strays *strays, size_t first)
{
	size_t count = 0;

	for (size_t i = 0; i < strays->held; i++) {
		if (memcmp(&strays->items[i].at, &strays->items[first].at,
			   sizeof(strays->items[i].at)) != 0)
			continue;
		if (i < first)
			return 0;
		count++;
	}
	return count;
}

void sl_run_strays_tell(const struct sl_run_sockets *sockets, pid_t except, const char *chain,
			struct slot_reason *ret_text)
{
	_cleanup_(sl_run_strays_free) struct sl_run_strays strays = {};
	size_t told = 0, count = 0;
	char at[SL_VIP_TEXT_MAX];

	ret_text->text[0] = '\0';
	if (sockets->wanted_count)
		return;
	sl_run_strays_get(sockets, except, &strays);
	for (size_t i = 0; i < strays.held && told < TOLD_MAX; i++) {
		count = is_lost(sockets, &strays.items[i].at) ? count_alike(&strays, i) : 0;
		if (!count)
			continue;
		sl_vip_format(&strays.items[i].at, at);
		slot_reason_append(ret_text, 0, "%s%zu socket%s at %s", told++ ? ", " : "", count,
				   count == 1 ? "" : "s", at);
	}
	if (told)
		slot_reason_append(ret_text, 0,
				   ": no VIP of '%s', so restarts lose connections there", chain);
}
