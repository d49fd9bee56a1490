/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_others.h"

#include <stdlib.h>
#include <unistd.h>

#include "bpf/socket_lb/lib/socketlb_handle.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

/* --- the one before -------------------------------------------------------------------------- */

/* Whether @process has an instance at a VIP that is announced as @lb's. */
static bool is_before(const struct socketlb *lb, const struct sl_instance *process)
{
	for (size_t i = 0; i < lb->served_count; i++) {
		const struct sl_place *place = &lb->served[i].place;
		struct sl_instance other;

		if (lb->served[i].is_announced &&
		    !sl_instance_get(&lb->maps, place->vip, !place->instance, NULL, &other) &&
		    other.state == SL_SERVING && other.pid == process->pid &&
		    other.pid_start == process->pid_start && other.pid_ns == process->pid_ns)
			return true;
	}
	return false;
}

static bool is_left(const struct socketlb *lb, const struct sl_vip *vip)
{
	struct sl_instance held;
	int active = -1;

	return !sl_active_get(&lb->maps, vip->index, NULL, &active) && active >= 0 &&
	       !sl_instance_get(&lb->maps, vip->index, (__u32)active, NULL, &held) &&
	       is_before(lb, &held);
}

void sl_run_others_left(struct socketlb *lb, struct slot_reason *ret_text)
{
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	size_t count = 0, left = 0;
	char text[SL_VIP_TEXT_MAX];

	ret_text->text[0] = '\0';
	if (sl_vips_get(&lb->maps, NULL, &vips, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		if (!is_left(lb, &vips[i].vip))
			continue;
		sl_vip_format(&vips[i].key, text);
		slot_reason_append(ret_text, 0, "%s%s", left++ ? ", " : "", text);
	}
	if (left)
		slot_reason_append(ret_text, 0,
				   " %s served by the one before and not by this one: refused "
				   "from its end on",
				   left == 1 ? "was" : "were");
}

/* --- other users ----------------------------------------------------------------------------- */

struct search {
	struct sl_run_sockets *sockets;
	__u8 proto; /* of the list that is read */
	bool is_found;
	struct sl_vip_key at;
	__u32 uid;
};

static void see_serving(const struct inet_diag_msg *message, void *data)
{
	struct search *search = data;
	struct sl_vip_key at;

	if (search->is_found || message->idiag_uid == geteuid())
		return;
	sl_run_sockets_key(message, search->proto, &at);
	if (sl_run_sockets_ask(search->sockets, &at) != 1)
		return;
	search->is_found = true;
	search->at = at;
	search->uid = message->idiag_uid;
}

void sl_run_others_users(struct sl_run_sockets *sockets, struct slot_reason *text)
{
	struct search search = { .sockets = sockets };
	char at[SL_VIP_TEXT_MAX];

	for (size_t i = 0; i < PROGRAM_SERVING_KINDS; i++) {
		search.proto = program_sockets_serving[i].proto;
		if (program_sockets_each(&program_sockets_serving[i], see_serving, &search))
			return;
	}
	if (!search.is_found)
		return;
	sl_vip_format(&search.at, at);
	slot_reason_append(text, 0,
			   "; what serves %s is user %u's, this is user %u's: all that share an "
			   "address have to run as one user",
			   at, search.uid, geteuid());
}
