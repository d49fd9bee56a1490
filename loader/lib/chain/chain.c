/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A chain as it stands: its link, its records, its counters. */
#include "loader/lib/chain/chain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dispatcher/root_layout.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/record.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/host/jump.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pair.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/ports.h"
#include "loader/lib/host/sock.h"
#include "loader/lib/host/target.h"
#include "loader/lib/host/xdp.h"

void slot_chain_free(struct slot_chain *chain)
{
	size_t i;

	if (!chain)
		return;
	slot_program_cache_clear(&chain->cache);
	slot_generation_free(chain->current);
	slot_generation_free(chain->previous);
	slot_chain_state_free(&chain->recalled);
	for (i = 0; i < SLOT_UNFOLDED_MAX; i++)
		slot_generation_free(chain->unfolded[i]);
	if (chain->link_fd >= 0)
		close(chain->link_fd);
	if (chain->unlinked_fd >= 0)
		close(chain->unlinked_fd);
	if (chain->totals_fd >= 0)
		close(chain->totals_fd);
	free(chain);
}

bool slot_chain_is_attached(const struct slot_chain *chain)
{
	unsigned int ifindex = 0;
	__u32 prog_id;

	if (chain->unlinked_fd >= 0)
		return slot_chain_unlinked_is_attached(chain);
	/* Only the answer "no interface" is one: a link that cannot be asked still filters. */
	return chain->link_fd >= 0 && (slot_hook_link_get(chain->hook, chain->link_fd,
							  chain->ifindex, &prog_id, &ifindex) ||
				       ifindex);
}

int slot_chain_enter(const struct slot_chain *chain, int *ret_home, struct slot_reason *why)
{
	int err = slot_netns_enter(chain->place.netns, chain->netns_cookie, ret_home);

	if (err == -ENOENT && slot_netns_is_of_cgroup(chain->place.netns))
		return slot_reason_set(why, -ENODEV,
				       "cannot enter the network namespace of '%s': the cgroup "
				       "'%s' has no process in it now, or has processes in several",
				       chain->interface, chain->place.netns);
	return err ? slot_reason_set(why, err == -ENOENT ? -ENODEV : err,
				     "cannot enter the network namespace '%s' of '%s': %s",
				     chain->place.netns, chain->interface, strerror(-err)) :
		     0;
}

bool slot_chain_has_strayed(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	unsigned int ifindex = 0;
	__u32 prog_id;
	int err;

	if (chain->link_fd < 0 ||
	    slot_hook_link_get(chain->hook, chain->link_fd, chain->ifindex, &prog_id, &ifindex) ||
	    !ifindex)
		return false;
	err = slot_netns_enter(chain->place.netns, chain->netns_cookie, &home);
	return err == -ENOENT ||
	       (!err && !slot_hook_check(chain->hook, &chain->place, ifindex, prog_id));
}

bool slot_chain_is_unserved(const struct slot_chain *chain)
{
	return chain->unserved.text[0] && !slot_chain_is_attached(chain);
}

bool slot_chain_is_newer(const struct slot_chain *chain)
{
	return chain->has_newer_totals ||
	       (chain->current && !slot_root_layout_find(chain->current->root_abi));
}

bool slot_chain_is_older(const struct slot_chain *chain)
{
	return chain->current && !slot_chain_is_newer(chain) &&
	       chain->current->root_abi != ROOT_ABI_VERSION;
}

int slot_chain_save(const struct slot_chain *chain, struct slot_reason *why)
{
	struct slot_chain_record record = {
		.current = chain->current ? chain->current->number : 0,
		.previous = chain->previous ? chain->previous->number : 0,
		.next = chain->next_number,
		.is_detached = chain->is_detached,
		.overrides = chain->overrides,
		.watches = chain->watches,
	};

	memcpy(record.watch_note, chain->watch_note, sizeof(record.watch_note));
	memcpy(record.master, chain->place.master, sizeof(record.master));
	return slot_chain_record_write(&record, &chain->host->store, chain->interface, why);
}

static int attach_tc(struct slot_chain *chain, int prog_fd, struct slot_reason *why,
		     int *ret_link_fd)
{
	int fd = slot_tc_attach(chain->hook, chain->ifindex, prog_fd, chain->order);

	if (fd == -EOPNOTSUPP)
		return slot_chain_clsact_attach(chain, prog_fd, why);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot attach to '%s': %s", chain->interface,
				       strerror(-fd));
	*ret_link_fd = fd;
	chain->running_order = chain->order;
	return 0;
}

static int attach_sock(const struct slot_chain *chain, int prog_fd, struct slot_reason *why,
		       int *ret_link_fd)
{
	int fd;

	if (chain->hook == SLOT_HOOK_SK_REUSEPORT)
		return slot_chain_seat_attach(chain, prog_fd, why, ret_link_fd);
	fd = slot_sock_attach(chain->hook, chain->place.cgroup, prog_fd);
	if (fd == -EBADF)
		return slot_reason_set(why, fd,
				       "cannot attach to '%s': '%s' is no folder of cgroup v2",
				       chain->interface, chain->place.cgroup);
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot attach to '%s': %s", chain->interface,
				       strerror(-fd));
	*ret_link_fd = fd;
	return 0;
}

static int attach_to_interface(struct slot_chain *chain, int prog_fd, struct slot_reason *why,
			       int *ret_link_fd)
{
	enum slot_attach_mode mode = SLOT_ATTACH_AUTO;
	char name[IFNAMSIZ];
	int err;

	if (!if_indextoname(chain->ifindex, name))
		return slot_reason_set(why, -ENODEV, "interface '%s' is not there any more",
				       chain->interface);
	if (slot_hook_is_tc(chain->hook))
		return attach_tc(chain, prog_fd, why, ret_link_fd);
	err = slot_xdp_attach(chain->ifindex, chain->interface, prog_fd, chain->wanted_mode, why,
			      ret_link_fd, &mode, &chain->mode_reason);
	if (!err)
		chain->mode = mode;
	return err;
}

int slot_chain_attach(struct slot_chain *chain, int prog_fd, struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;
	_cleanup_close_ int link_fd = -1;
	int err;

	if (chain->unserved.text[0])
		return slot_reason_set(why, -ENOTSUP, "%s", chain->unserved.text);
	if (!chain->ifindex)
		return slot_chain_refuse_absent(chain, why);
	err = slot_chain_enter(chain, &home, why);
	if (err)
		return err;
	err = slot_hook_is_sock(chain->hook) ? attach_sock(chain, prog_fd, why, &link_fd) :
					       attach_to_interface(chain, prog_fd, why, &link_fd);
	if (!err)
		chain->left.text[0] = '\0';
	/* A filter has none. */
	if (err || link_fd < 0)
		return err;
	err = slot_pin_set(link_fd, chain->dir, SLOT_PIN_LINK);
	if (err)
		return slot_reason_set(why, err, "cannot pin '%s/" SLOT_PIN_LINK "': %s",
				       chain->dir, strerror(-err));
	chain->link_fd = TAKE_FD(link_fd);
	return 0;
}

int slot_chain_move(struct slot_chain *chain, int new_fd, int old_fd)
{
	return chain->unlinked_fd >= 0 ?
		       slot_chain_unlinked_move(chain, new_fd) :
		       slot_hook_swap(chain->hook, chain->link_fd, new_fd, old_fd);
}

static int repin(int fd, const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, dir, "%s", name);

	if (err || fd < 0 || !access(path, F_OK))
		return err;
	err = slot_pin_mkdir(dir);
	return err ? err : slot_pin_set(fd, dir, name);
}

int slot_chain_repin(const struct slot_chain *chain, struct slot_reason *why)
{
	int err = repin(chain->link_fd, chain->dir, SLOT_PIN_LINK);

	if (!err)
		err = repin(chain->totals_fd, chain->dir, SLOT_PIN_TOTALS);
	if (!err && chain->hook == SLOT_HOOK_SK_REUSEPORT && chain->link_fd >= 0)
		err = slot_chain_seat_pin(chain, chain->link_fd);
	return err ? slot_reason_set(why, err, "cannot pin '%s' again: %s", chain->dir,
				     strerror(-err)) :
		     0;
}

void slot_chain_unlink(struct slot_chain *chain)
{
	slot_chain_unlinked_release(chain);
	if (chain->hook == SLOT_HOOK_SK_REUSEPORT && chain->link_fd >= 0)
		slot_jump_clear(chain->link_fd);
	slot_pin_del(chain->dir, SLOT_PIN_LINK);
	if (chain->link_fd >= 0)
		close(chain->link_fd);
	chain->link_fd = -1;
}

enum slot_tc_way slot_chain_tc_way(const struct slot_chain *chain)
{
	if (chain->link_fd >= 0)
		return slot_tc_link_way(chain->hook, chain->link_fd);
	return chain->unlinked_fd >= 0 || !slot_tcx_is_known() ? SLOT_TC_CLSACT : SLOT_TC_TCX;
}

unsigned int slot_chain_peer(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	unsigned int peer = 0;

	if (chain->hook != SLOT_HOOK_TC_EGRESS || chain->link_fd < 0 ||
	    slot_chain_tc_way(chain) != SLOT_TC_NETKIT || slot_chain_enter(chain, &home, NULL) ||
	    slot_pair_peer(chain->ifindex, &peer))
		return 0;
	return peer;
}

bool slot_chain_has_lost_filter(const struct slot_chain *chain)
{
	return slot_hook_is_tc(chain->hook) && chain->unlinked_fd >= 0 &&
	       !slot_chain_is_attached(chain);
}

static bool is_own(const struct slot_chain *chain, const struct slot_filter *filter)
{
	return chain->current && filter->prog_id == chain->current->root_id &&
	       (filter->way == SLOT_TC_CLSACT ? slot_filter_is_own(filter) : chain->link_fd >= 0);
}

int slot_chain_filters(const struct slot_chain *chain, struct slot_filters *ret_filters,
		       size_t *ret_own)
{
	_cleanup_(slot_netns_leave) int home = -1;
	struct slot_filters filters = { 0 };
	int err = slot_chain_enter(chain, &home, NULL);
	size_t own = 0;

	if (!err)
		err = slot_filters_list(chain->hook, chain->ifindex, &filters);
	if (err)
		return err;
	while (own < filters.count && !is_own(chain, &filters.items[own]))
		own++;
	*ret_filters = filters;
	*ret_own = own;
	return 0;
}

void slot_chain_release(struct slot_chain *chain)
{
	slot_chain_unlink(chain);
	chain->ifindex = 0;
}

/* The folder moves along with the interface, so that maps and counters live on. */
static int move_folder(struct slot_chain *chain, const struct slot_target *target,
		       struct slot_reason *why)
{
	char dir[PATH_MAX];
	int err = slot_pins_chain_dir(chain->host->root, target, dir);

	if (!err && strcmp(chain->dir, dir) != 0 && rename(chain->dir, dir) && errno != ENOENT)
		err = -errno;
	SLOT_FAULT("chain.follow");
	if (err)
		return slot_reason_set(why, err, "cannot move '%s' to '%s': %s", chain->dir, dir,
				       strerror(-err));
	memcpy(chain->dir, dir, sizeof(dir));
	return 0;
}

/*
 * A port that was released must not go on dropping packets; one that was renamed
 * is one still. Where the kernel does not say, nothing is taken off.
 */
static bool was_released(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	unsigned int ifindex = chain->ifindex;
	__u32 prog_id;

	if (!chain->place.master[0])
		return false;
	if (slot_chain_has_strayed(chain))
		return true;
	if (chain->link_fd >= 0 &&
	    slot_hook_link_get(chain->hook, chain->link_fd, chain->ifindex, &prog_id, &ifindex))
		return false;
	return !slot_netns_enter(chain->place.netns, chain->netns_cookie, &home) &&
	       !slot_port_check(ifindex, chain->place.master);
}

/*
 * An interface that was moved to another netns keeps its chain until another
 * comes in its place: what filters is not taken off behind somebody's back.
 */
static bool is_home_at(const struct slot_chain *chain, const struct slot_target *target)
{
	if (!target->ifindex && slot_chain_is_out_of_reach(chain))
		return true;
	if (!slot_chain_is_attached(chain) || was_released(chain))
		return false;
	return !target->ifindex || !slot_chain_has_strayed(chain);
}

static bool is_known_at(const struct slot_chain *chain, const struct slot_target *target)
{
	return chain->netns_cookie == target->netns_cookie && chain->ifindex == target->ifindex;
}

bool slot_chain_is_home(const struct slot_chain *chain)
{
	struct slot_target target;

	return !slot_target_find(chain->hook, &chain->place, chain->interface, chain->netns_cookie,
				 &target) &&
	       is_home_at(chain, &target);
}

bool slot_chain_has_moved(const struct slot_chain *chain)
{
	struct slot_target target;

	return slot_target_find(chain->hook, &chain->place, chain->interface, chain->netns_cookie,
				&target) ||
	       !is_known_at(chain, &target);
}

bool slot_chain_runs_at(const struct slot_chain *chain, const struct slot_place *place)
{
	_cleanup_(slot_netns_leave) int home = -1;
	unsigned int ifindex = 0;
	__u32 prog_id;

	return chain->link_fd >= 0 &&
	       !slot_hook_link_get(chain->hook, chain->link_fd, chain->ifindex, &prog_id,
				   &ifindex) &&
	       !slot_netns_enter(place->netns, 0, &home) &&
	       slot_hook_check(chain->hook, place, if_nametoindex(place->interface), prog_id) > 0;
}

int slot_chain_follow(struct slot_chain *chain, struct slot_reason *why)
{
	bool stays_off = chain->is_detached || slot_chain_is_unserved(chain);
	struct slot_target target = { 0 };
	int err = slot_target_find(chain->hook, &chain->place, chain->interface,
				   chain->netns_cookie, &target);

	if (err)
		return slot_reason_set(why, err, "cannot look up '%s': %s", chain->interface,
				       strerror(-err));
	if (is_home_at(chain, &target) || (stays_off && is_known_at(chain, &target)))
		return 0;
	slot_chain_release(chain);
	chain->netns_cookie = target.netns_cookie;
	chain->ifindex = target.ifindex;
	if (!target.ifindex)
		return 0;
	err = move_folder(chain, &target, why);
	if (err || !chain->current || stays_off)
		return err;
	return slot_chain_attach(chain, chain->current->root_fd, why);
}

int slot_chain_counters(const struct slot_chain *chain, struct slot_counters *ret_counters)
{
	const struct slot_generation *live[2 + SLOT_UNFOLDED_MAX] = { chain->current,
								      chain->previous };
	struct slot_lineup lineup = slot_generation_lineup(chain->current);
	struct slot_totals totals = { 0 };
	size_t i;
	int err = 0;

	if (chain->totals_fd >= 0)
		err = slot_totals_get(chain->totals_fd, &totals);
	slot_counters_choose(&totals.sums, &lineup);
	memcpy(live + 2, chain->unfolded, sizeof(chain->unfolded));
	for (i = 0; i < 2 + SLOT_UNFOLDED_MAX && !err; i++) {
		if (!live[i] || live[i]->counters_fd < 0)
			continue;
		lineup = slot_generation_lineup(live[i]);
		err = slot_counters_add(live[i]->counters_fd, &lineup, &totals.sums);
		/* What a newer slotd's generation counted only that one can tell. */
		err = err == -ENOTSUP ? 0 : err;
	}
	if (!err)
		*ret_counters = totals.sums;
	return err;
}

static int count_generation(const struct slot_generation *generation,
			    struct slot_counters *ret_counters)
{
	struct slot_lineup lineup = slot_generation_lineup(generation);
	struct slot_counters counters = { 0 };
	int err;

	if (!generation || generation->counters_fd < 0)
		return -ENOENT;
	slot_counters_choose(&counters, &lineup);
	err = slot_counters_add(generation->counters_fd, &lineup, &counters);
	if (!err)
		*ret_counters = counters;
	return err;
}

int slot_chain_counters_current(const struct slot_chain *chain, struct slot_counters *ret_counters)
{
	return count_generation(chain->current, ret_counters);
}

int slot_chain_counters_previous(const struct slot_chain *chain, struct slot_counters *ret_counters)
{
	return count_generation(chain->previous, ret_counters);
}

int slot_chain_start_watches(const struct slot_chain *chain, struct slot_reason *why)
{
	return slot_chain_save(chain, why);
}

int slot_chain_end_watch(struct slot_chain *chain, const char *name, const char *note,
			 struct slot_reason *why)
{
	slot_watches_del(&chain->watches, name);
	if (note)
		snprintf(chain->watch_note, sizeof(chain->watch_note), "%s", note);
	return slot_chain_save(chain, why);
}
