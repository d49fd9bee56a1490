/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/chain/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/chain/build.h"
#include "loader/lib/chain/internal.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"

/* A folder in the chain's, which holds one named like the folder that libxdp's pins are in. */
#define PIN_ADOPTED "adopted"

/* --- its programs -------------------------------------------------------------------------- */

static int take_fd(int fd, bool has_frags, struct slot_program **ret_program)
{
	int err = fd < 0 ? fd : slot_program_from_fd(fd, ret_program);

	if (err && fd >= 0)
		close(fd);
	if (!err)
		(*ret_program)->has_frags = has_frags;
	return err;
}

static int open_taken(const struct slot_takeover *takeover, unsigned int slot,
		      struct slot_program **ret_program)
{
	const struct slot_libxdp *libxdp = takeover->libxdp;
	size_t i;

	for (i = 0; i < libxdp->count; i++) {
		int fd;

		if (takeover->slots[i] != slot)
			continue;
		fd = fcntl(libxdp->fds[i], F_DUPFD_CLOEXEC, 3);
		return take_fd(fd < 0 ? -errno : fd, libxdp->has_frags, ret_program);
	}
	return -ENOENT;
}

/* As @generation has it pinned, whichever slot it was in. */
static int open_pinned(const struct slot_chain *chain, const struct slot_generation *generation,
		       const struct slot_state *state, struct slot_program **ret_program)
{
	char dir[PATH_MAX];
	unsigned int slot;

	if (!generation || slot_generation_dir(chain->dir, generation->number, dir))
		return -ENOENT;
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *was = &generation->state.slots[slot];
		int err;

		if (!slot_state_is_running(was) || !was->object.is_adopted ||
		    strcmp(was->name, state->name) != 0 ||
		    strcmp(was->object.sha256, state->object.sha256) != 0)
			continue;
		err = generation->engine->reopen(dir, slot, ROOT_STABLE, ret_program);
		if (!err)
			(*ret_program)->has_frags = generation->has_frags;
		return err;
	}
	return -ENOENT;
}

int slot_attempt_open_adopted(const struct slot_attempt *attempt, unsigned int slot,
			      const struct slot_state *state, struct slot_reason *why,
			      struct slot_program **ret_program)
{
	const struct slot_chain *chain = attempt->chain;
	int err = -ENOENT;

	if (chain->engine->type != BPF_PROG_TYPE_EXT)
		return slot_reason_set(
			why, -ENOTSUP,
			"'%s' was adopted from libxdp as a loaded program, which the "
			"engine %s cannot link: deploy its object",
			state->object.name, chain->engine->name);
	if (chain->takeover)
		err = open_taken(chain->takeover, slot, ret_program);
	if (err == -ENOENT)
		err = open_pinned(chain, chain->current, state, ret_program);
	if (err == -ENOENT)
		err = open_pinned(chain, chain->previous, state, ret_program);
	return err ? slot_reason_set(why, err,
				     "'%s' was adopted from libxdp as a loaded program, and is no "
				     "longer to be had: deploy its object",
				     state->object.name) :
		     0;
}

int slot_attempt_check_adopted(const struct slot_attempt *attempt,
			       const struct slot_program *program, struct slot_reason *why)
{
	if (program->has_frags == attempt->has_frags)
		return 0;
	return slot_reason_set(why, -ENOTSUP,
			       "libxdp loaded it %s multi-buffer packets (frags), and the chain, "
			       "with its other programs, is built %s",
			       program->has_frags ? "for" : "without",
			       attempt->has_frags ? "for them" : "without");
}

/* --- what libxdp left ---------------------------------------------------------------------- */

static int mark(const struct slot_chain *chain, const char *folder)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, chain->dir, PIN_ADOPTED "/%s", folder);

	return err ? err : SLOT_STEP("adopt.mark", slot_pin_mkdir(path));
}

static void unmark(const struct slot_chain *chain)
{
	char path[PATH_MAX];

	if (!slot_pin_path(path, chain->dir, PIN_ADOPTED))
		slot_pin_remove_all(path);
	SLOT_FAULT("adopt.unmarked");
}

/*
 * The dispatcher no longer runs: its pins go, as the marks name them, and then
 * the marks. Where it still runs (a kill before the swap) only the marks go.
 */
int slot_chain_finish_adoption(struct slot_chain *chain, struct slot_reason *why)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	int err = slot_pin_path(path, chain->dir, PIN_ADOPTED);

	dir = err ? NULL : opendir(path);
	if (!dir)
		return err;
	while (chain->unlinked_fd >= 0 && !err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = SLOT_STEP("adopt.unpin", slot_libxdp_unpin(entry->d_name));
	if (err)
		return slot_reason_set(why, err, "cannot remove what libxdp pinned for '%s': %s",
				       chain->interface, strerror(-err));
	unmark(chain);
	return 0;
}

int slot_chain_replace_dispatcher(struct slot_chain *chain, int root_fd, struct slot_reason *why)
{
	const struct slot_libxdp *libxdp = chain->takeover->libxdp;
	int err = mark(chain, libxdp->folder);

	if (err)
		return slot_reason_set(why, err, "cannot make '%s/" PIN_ADOPTED "': %s", chain->dir,
				       strerror(-err));
	chain->mode = libxdp->mode;
	err = slot_chain_unlinked_take(chain, root_fd, libxdp->dispatcher_fd);
	if (err)
		unmark(chain);
	if (err == -EPERM)
		return slot_reason_set(
			why, err,
			"the dispatcher of '%s' was replaced meanwhile: someone else "
			"changes it",
			chain->interface);
	return err ? slot_reason_set(why, err, "cannot replace the dispatcher of '%s': %s",
				     chain->interface, strerror(-err)) :
		     0;
}

int slot_chain_return_dispatcher(struct slot_chain *chain)
{
	int err = slot_chain_unlinked_give_back(chain, chain->takeover->libxdp->dispatcher_fd);

	if (!err)
		unmark(chain);
	return err;
}

bool slot_chain_has_dispatcher(const struct slot_chain *chain)
{
	_cleanup_(slot_netns_leave) int home = -1;

	return chain->hook == SLOT_HOOK_XDP && chain->ifindex && !slot_chain_is_attached(chain) &&
	       !slot_chain_enter(chain, &home, NULL) && slot_libxdp_is_running(chain->ifindex);
}

/* --- the whole ----------------------------------------------------------------------------- */

int slot_chain_adopt(struct slot_chain *chain, const struct slot_change *change,
		     const struct slot_takeover *takeover, struct slot_reason *why,
		     struct slot_outcome *ret_outcome)
{
	int err;

	if (chain->engine->type != BPF_PROG_TYPE_EXT)
		return slot_reason_set(why, -ENOTSUP,
				       "adopting links loaded programs, which needs the engine "
				       "freplace; '%s' has %s (%s)",
				       chain->interface, chain->engine->name,
				       chain->engine_reason.text);
	chain->takeover = takeover;
	err = slot_chain_apply(chain, change, why, ret_outcome);
	chain->takeover = NULL;
	if (err)
		return err;
	/* Should this fail, the next start tries again. */
	if (slot_chain_finish_adoption(chain, &ret_outcome->warning))
		slot_reason_prefix(&ret_outcome->warning, 0, "the change is in force, but: ");
	return 0;
}
