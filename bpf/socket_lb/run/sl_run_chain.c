/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_chain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "bpf/socket_lb/sl_words.h"

static int open_pins(const struct sl_run *run, struct sl_run_sockets *sockets,
		     struct slot_reason *why)
{
	struct socketlb *lb = sockets->lb;
	int err = 0;

	if (run->map_dir)
		err = socketlb_set_paths(lb, run->program, run->map_dir);
	err = err ? err : socketlb_open(lb, run->chain);
	return err ? slot_reason_set(why, err, "%s", socketlb_error(lb)) : 0;
}

/* What to type, so that there is one. */
static int add_advice(const struct sl_run *run, const char *words, struct slot_reason *why)
{
	if (run->map_dir)
		return slot_reason_append(why, -ENOENT,
					  ": slotctl --map-dir %s socket_lb vip add %s",
					  run->map_dir, words);
	return slot_reason_append(why, -ENOENT, ": slotctl --chain %s%s socket_lb vip add %s",
				  run->chain,
				  strstr(run->chain, SOCKETLB_HOOK) ? "" : SOCKETLB_HOOK, words);
}

static int refuse_vip(const struct sl_run *run, const struct sl_vip_key *vip,
		      struct slot_reason *why)
{
	char text[SL_VIP_TEXT_MAX], words[SL_VIP_TEXT_MAX + 16];

	sl_vip_format(vip, text);
	snprintf(words, sizeof(words), "%s %s", text,
		 vip->proto == IPPROTO_TCP ? "tcp" : "flow|quic");
	slot_reason_set(why, -ENOENT, "%s is no VIP of chain '%s'", text, run->chain);
	return add_advice(run, words, why);
}

static int check_vips(const struct sl_run *run, struct sl_run_sockets *sockets,
		      struct slot_reason *why)
{
	int found = socketlb_count_vips(sockets->lb);

	if (!found) {
		slot_reason_set(why, -ENOENT, "chain '%s' has no VIP", run->chain);
		return add_advice(run, "tcp/ADDRESS:PORT tcp", why);
	}
	for (size_t i = 0; found > 0 && i < sockets->wanted_count; i++) {
		found = sl_run_sockets_ask(sockets, &sockets->wanted[i]);
		if (!found)
			return refuse_vip(run, &sockets->wanted[i], why);
	}
	return found < 0 ? slot_reason_set(why, found, "%s", socketlb_error(sockets->lb)) : 0;
}

int sl_run_chain_follow(const struct sl_run *run, struct sl_run_sockets *sockets,
			struct slot_reason *why, bool *ret_is_new)
{
	struct socketlb *lb = sockets->lb;
	int is_replaced = socketlb_is_replaced(lb);

	*ret_is_new = is_replaced == -ESTALE && !socketlb_open(lb, run->chain);
	if (*ret_is_new) {
		sockets->count = 0;
		return 0;
	}
	return is_replaced < 0 ? slot_reason_set(why, is_replaced, "%s", socketlb_error(lb)) :
				 is_replaced;
}

int sl_run_chain_open(const struct sl_run *run, struct sl_run_sockets *sockets,
		      struct slot_reason *why)
{
	int err = open_pins(run, sockets, why);

	memcpy(sockets->wanted, run->vips, sizeof(sockets->wanted));
	sockets->wanted_count = run->vip_count;
	err = err ? err : check_vips(run, sockets, why);
	return err ? slot_reason_append(why, err, "; '%.200s' is not started", run->command[0]) : 0;
}
