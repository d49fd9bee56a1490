/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_lack.h"

#include <netinet/in.h>

#include "bpf/socket_lb/run/sl_run_others.h"
#include "bpf/socket_lb/run/sl_run_strays.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"

#define TOLD_MAX 3 /* sockets elsewhere; a server may have many that are none of this */

static void tell_strays(const struct sl_run_sockets *sockets, pid_t except,
			struct slot_reason *text)
{
	_cleanup_(sl_run_strays_free) struct sl_run_strays strays = {};
	char at[SL_VIP_TEXT_MAX];

	sl_run_strays_get(sockets, except, &strays);
	for (size_t i = 0; i < strays.held && i < TOLD_MAX; i++) {
		const struct sl_run_stray *stray = &strays.items[i];

		sl_vip_format(&stray->at, at);
		slot_reason_append(text, 0, "; process %d %s %s, which is no VIP%s", stray->pid,
				   stray->at.proto == IPPROTO_TCP ? "listens at" : "is bound to",
				   at, sockets->wanted_count ? " that was asked for" : "");
	}
}

void sl_run_lack(const struct sl_run_sockets *sockets, unsigned int workers, pid_t except,
		 struct slot_reason *ret_text)
{
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
	tell_strays(sockets, except, ret_text);
}

void sl_run_lack_end(struct sl_run_sockets *sockets, int status, struct slot_reason *ret_text)
{
	slot_reason_set(ret_text, 0, " before it served: nothing was taken over");
	if (status)
		sl_run_others_users(sockets, ret_text);
}
