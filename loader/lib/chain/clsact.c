/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching without tcx: a filter, and the qdisc under it. A folder "clsact/<cookie>-<ifindex>"
 * beside the chain's pins says that slotd made the qdisc of that interface. It is there
 * before the qdisc, so that no kill leaves one that nobody removes; where the chain of the
 * other direction uses the qdisc too, that has a mark as well, and the last one takes it away.
 *
 * In the folder a devmap has the interface: it keeps neither that nor its netns alive, and the
 * kernel empties it when the interface goes. So a mark of a netns that slotd has no way into
 * any more is known to be of nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/leftover.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/target.h"

#define MARKS "clsact"
#define WATCH "interface" /* the devmap */
#define MARK "%llu-%u"	  /* netns cookie, ifindex */

static int mark_path(const struct slot_chain *chain, const char *dir, char *ret_path)
{
	return slot_pin_path(ret_path, dir, MARKS "/" MARK, (unsigned long long)chain->netns_cookie,
			     chain->ifindex);
}

static bool has_mark(const struct slot_chain *chain, const char *dir)
{
	char path[PATH_MAX];

	return chain->ifindex && !mark_path(chain, dir, path) && !access(path, F_OK);
}

/*
 * Where it fails, the mark stays until the chain is taken off. A map that is there already may
 * be of an interface that went.
 */
static void watch_interface(const struct slot_chain *chain, const char *path)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP, "slotd_mark", sizeof(__u32),
						sizeof(__u32), 1, NULL);
	__u32 key = 0;

	if (fd >= 0 && !bpf_map_update_elem(fd, &key, &chain->ifindex, BPF_ANY) &&
	    !slot_pin_del(path, WATCH))
		slot_pin_set(fd, path, WATCH);
}

static bool is_of_nothing(const char *path)
{
	_cleanup_close_ int fd = slot_pin_open(path, WATCH);
	__u32 ifindex, key = 0;

	return fd >= 0 && bpf_map_lookup_elem(fd, &key, &ifindex) == -ENOENT;
}

static void sweep_marks(const char *marks)
{
	_cleanup_closedir_ DIR *dir = opendir(marks);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !slot_pin_path(path, marks, "%s", entry->d_name) &&
		    is_of_nothing(path))
			slot_pin_remove_all(path);
}

/* In the chain's netns. */
static int set_mark(const struct slot_chain *chain)
{
	char path[PATH_MAX];
	int err = mark_path(chain, chain->dir, path);

	if (!err)
		err = slot_pin_mkdir(path);
	if (!err)
		watch_interface(chain, path);
	return err;
}

void slot_chain_clsact_forget(const struct slot_chain *chain)
{
	char path[PATH_MAX];

	if (!mark_path(chain, chain->dir, path))
		slot_pin_remove_all(path);
}

/* Where it fails, the qdisc stays, as one of somebody else's would. */
void slot_chain_clsact_leave(const struct slot_chain *chain)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char marks[PATH_MAX];
	char left[PATH_MAX];
	char from[PATH_MAX];
	char to[PATH_MAX];

	if (!slot_leftover_sweep(chain->host) || slot_pin_path(marks, chain->dir, MARKS) ||
	    slot_leftover_marks(chain->host, left))
		return;
	dir = opendir(marks);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !slot_pin_mkdir(left) &&
		    !slot_pin_path(from, marks, "%s", entry->d_name) &&
		    !slot_pin_path(to, left, "%s", entry->d_name))
			rename(from, to);
}

/* Whether the chain of the other direction of the same interface has a mark. */
static bool is_shared(const struct slot_chain *chain)
{
	enum slot_hook other = chain->hook == SLOT_HOOK_TC_INGRESS ? SLOT_HOOK_TC_EGRESS :
								     SLOT_HOOK_TC_INGRESS;
	char name[SLOT_CHAIN_NAME_MAX];
	struct slot_target target = { .netns_cookie = chain->netns_cookie,
				      .ifindex = chain->ifindex,
				      .interface = name };
	char dir[PATH_MAX];

	slot_chain_name_format(other, chain->place.netns, chain->place.interface, name);
	return !slot_pins_chain_dir(chain->host->root, &target, dir) && has_mark(chain, dir);
}

static int make_qdisc(const struct slot_chain *chain)
{
	int err = set_mark(chain);

	if (err)
		return err;
	err = slot_clsact_add_qdisc(chain->ifindex);
	if (err)
		slot_chain_clsact_forget(chain);
	return err == -EEXIST ? 0 : err;
}

static int find_or_make_qdisc(const struct slot_chain *chain, enum slot_qdisc *ret_qdisc)
{
	int err = slot_qdisc_find(chain->ifindex, ret_qdisc);

	if (err)
		return err;
	if (*ret_qdisc != SLOT_QDISC_NONE)
		return is_shared(chain) ? set_mark(chain) : 0;
	err = make_qdisc(chain);
	return err ? err : slot_qdisc_find(chain->ifindex, ret_qdisc);
}

static int prepare_qdisc(const struct slot_chain *chain, struct slot_reason *why)
{
	enum slot_qdisc qdisc = SLOT_QDISC_NONE;
	int err = find_or_make_qdisc(chain, &qdisc);

	if (err)
		return slot_reason_set(
			why, err,
			"cannot give '%s' the qdisc clsact, which TC hooks need where "
			"the kernel has no tcx (Linux 6.6): %s",
			chain->interface, strerror(-err));
	if (!slot_qdisc_has(qdisc, chain->hook))
		return slot_reason_set(
			why, -EBUSY,
			"cannot attach to '%s': its interface has a qdisc ingress, "
			"beside which this kernel has no egress hook; it was left alone "
			"(see: tc qdisc show dev %s)",
			chain->interface, chain->place.interface);
	return 0;
}

/* What is in the place may be a root of this chain that slotd lost sight of. */
static int take_place(const struct slot_chain *chain, int prog_fd)
{
	_cleanup_close_ int former = -1;
	__u32 running = 0;
	int err = slot_clsact_query(chain->hook, chain->ifindex, &running);

	if (err)
		return err;
	if (!slot_generation_has_root(chain->dir, running) &&
	    !slot_leftover_has(chain->host, running))
		return -EEXIST;
	former = bpf_prog_get_fd_by_id(running);
	return former < 0 ? former :
			    slot_clsact_replace(chain->hook, chain->ifindex, prog_fd, former);
}

static int put_filter(const struct slot_chain *chain, int prog_fd, struct slot_reason *why)
{
	int err = slot_clsact_attach(chain->hook, chain->ifindex, prog_fd);

	if (err == -EEXIST)
		err = take_place(chain, prog_fd);
	if (err == -EEXIST)
		return slot_reason_set(
			why, -EBUSY,
			"cannot attach to '%s': a filter that no chain of this slotd knows is in "
			"its place (pref %u, handle 0x%x); it was left alone (to start over: tc "
			"filter del dev %s %s pref %u)",
			chain->interface, SLOT_CLSACT_PREF, SLOT_CLSACT_HANDLE,
			chain->place.interface,
			chain->hook == SLOT_HOOK_TC_INGRESS ? "ingress" : "egress",
			SLOT_CLSACT_PREF);
	return err ? slot_reason_set(why, err, "cannot attach a filter to '%s': %s",
				     chain->interface, strerror(-err)) :
		     0;
}

int slot_chain_clsact_attach(struct slot_chain *chain, int prog_fd, struct slot_reason *why)
{
	_cleanup_close_ int fd = fcntl(prog_fd, F_DUPFD_CLOEXEC, 3);
	int err = fd < 0 ? -errno : 0;

	if (err)
		return slot_reason_set(why, err, "cannot attach to '%s': %s", chain->interface,
				       strerror(-err));
	err = prepare_qdisc(chain, why);
	if (!err)
		err = put_filter(chain, prog_fd, why);
	if (err)
		slot_chain_clsact_sweep(chain);
	else
		chain->unlinked_fd = TAKE_FD(fd);
	return err;
}

void slot_chain_clsact_sweep(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;
	char path[PATH_MAX];

	if (!chain->ifindex || slot_pin_path(path, chain->dir, MARKS) || access(path, F_OK))
		return;
	sweep_marks(path);
	/* One that is in use still, or cannot be asked, is looked at again by the next sweep. */
	if (has_mark(chain, chain->dir) &&
	    (slot_chain_enter(chain, &home, NULL) || slot_clsact_del_qdisc(chain->ifindex)))
		return;
	slot_chain_clsact_forget(chain);
	/* Those of where the chain was before may be there still, with a filter. */
	if (!slot_leftover_sweep(chain->host))
		slot_pin_remove_all(path);
}

/* One that is in use still, by what was left in the other direction, is for that to remove. */
static void remove_left_qdisc(const struct slot_chain *chain, const struct slot_target *target)
{
	char left[PATH_MAX];
	char path[PATH_MAX];

	if (!slot_leftover_marks(chain->host, left) &&
	    !slot_pin_path(path, left, MARK, (unsigned long long)target->netns_cookie,
			   target->ifindex) &&
	    !access(path, F_OK) && !slot_clsact_del_qdisc(target->ifindex))
		slot_pin_remove_all(path);
}

static int remove_left_filter(const struct slot_chain *chain, const struct slot_target *target)
{
	_cleanup_(slot_netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	__u32 running = 0;
	int err = slot_netns_enter(chain->place.netns, target->netns_cookie, &home);

	if (!err)
		err = slot_clsact_query(chain->hook, target->ifindex, &running);
	if (!err && (!running || !slot_leftover_has(chain->host, running)))
		err = -ENOENT;
	fd = err ? -1 : bpf_prog_get_fd_by_id(running);
	if (fd < 0)
		return err ? err : fd;
	err = slot_clsact_remove(chain->hook, target->ifindex, fd);
	if (!err)
		remove_left_qdisc(chain, target);
	return err;
}

bool slot_chain_remove_leftover(struct slot_chain *chain)
{
	struct slot_target target = { 0 };

	if (!slot_hook_is_tc(chain->hook))
		return false;
	if (!slot_leftover_sweep(chain->host)) {
		chain->left.text[0] = '\0';
		return false;
	}
	if (slot_target_find(chain->hook, &chain->place, chain->interface, chain->netns_cookie,
			     &target) ||
	    !target.ifindex || remove_left_filter(chain, &target))
		return false;
	chain->left.text[0] = '\0';
	return true;
}
