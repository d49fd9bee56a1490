/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching without tcx: a filter, and the qdisc under it. A folder "clsact/<cookie>-<ifindex>"
 * beside the chain's pins says that slotd made the qdisc of that interface. It is there
 * before the qdisc, so that no kill leaves one that nobody removes; where the chain of the
 * other direction uses the qdisc too, that has a mark as well, and the last one takes it away.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/filters.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"

#define MARKS "clsact"

static int mark_path(const struct slot_chain *chain, const char *dir, char *ret_path)
{
	return slot_pin_path(ret_path, dir, MARKS "/%llu-%u",
			     (unsigned long long)chain->netns_cookie, chain->ifindex);
}

static bool has_mark(const struct slot_chain *chain, const char *dir)
{
	char path[PATH_MAX];

	return chain->ifindex && !mark_path(chain, dir, path) && !access(path, F_OK);
}

static int set_mark(const struct slot_chain *chain)
{
	char path[PATH_MAX];
	int err = mark_path(chain, chain->dir, path);

	return err ? err : slot_pin_mkdir(path);
}

void slot_chain_clsact_forget(const struct slot_chain *chain)
{
	char path[PATH_MAX];

	if (!slot_pin_path(path, chain->dir, MARKS))
		slot_pin_remove_all(path);
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

static int put_filter(const struct slot_chain *chain, int prog_fd, struct slot_reason *why)
{
	int err = slot_clsact_attach(chain->hook, chain->ifindex, prog_fd);

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
	/* One that is in use still, or cannot be asked, is looked at again by the next sweep. */
	if (has_mark(chain, chain->dir) &&
	    (slot_chain_enter(chain, &home, NULL) || slot_clsact_del_qdisc(chain->ifindex)))
		return;
	slot_chain_clsact_forget(chain);
}
