/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps that a program's own converter carries over into another layout. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/build.h"
#include "loader/lib/host/confined.h"
#include "loader/lib/host/pins.h"

/* The converter may only read the old map, which the running version still writes. */
static int open_old(const struct slot_attempt *attempt, const char *slot_name, const char *map)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	char path[PATH_MAX];
	int err = slot_pin_path(path, attempt->map_dir, "%s/%s", slot_name, map);

	return err ? err : bpf_obj_get_opts(path, &opts);
}

static int open_new(const struct slot_attempt *attempt, const char *slot_name, const char *map)
{
	char dir[PATH_MAX];
	int err = slot_pin_path(dir, attempt->stage_dir, "%s", slot_name);

	return err ? err : slot_pin_open(dir, map);
}

/* A map that is new has nothing to carry over: the deploy works on a host that never had it. */
static int migrate_map(const struct slot_attempt *attempt, const char *slot_name, const char *map,
		       struct slot_confined *confined, struct slot_reason *why)
{
	_cleanup_close_ int old_fd = open_old(attempt, slot_name, map);
	_cleanup_close_ int new_fd = open_new(attempt, slot_name, map);
	int err;

	if (old_fd == -ENOENT && new_fd >= 0)
		return 0;
	if (old_fd < 0 || new_fd < 0)
		return slot_reason_set(why, old_fd < 0 ? old_fd : new_fd,
				       "cannot open the %s map '%s': %s",
				       old_fd < 0 ? "old" : "new", map,
				       strerror(old_fd < 0 ? -old_fd : -new_fd));
	confined->argument = map;
	confined->fds[0] = old_fd;
	confined->fds[1] = new_fd;
	err = slot_confined_run(confined, why);
	return err ? slot_reason_prefix(why, err, "map '%s' is not migrated: ", map) : 0;
}

static int migrate_slot(const struct slot_attempt *attempt, unsigned int slot,
			long long deadline_ms, struct slot_reason *why)
{
	const struct slot_map_orders *orders = &attempt->map_orders[slot];
	const struct slot_program *program = attempt->programs[ROOT_STABLE][slot];
	const struct slot_state *state = &attempt->desired.slots[slot];
	struct slot_confined confined = { .path = program->manifest.migrate,
					  .deadline_ms = deadline_ms };
	struct slot_identity identity;
	size_t i;
	int err;

	if (!program->manifest.migrate[0])
		return slot_reason_set(why, -ENOENT,
				       "the object names no converter for its maps "
				       "(SLOT_MIGRATE in its manifest)");
	err = slot_owner_identify(state->owner, orders->uid, &identity);
	if (err)
		return slot_reason_set(why, err,
				       "the converter runs as the slot's owner, and this host "
				       "knows no '%s'",
				       state->owner);
	confined.identity = &identity;
	for (i = 0; i < orders->migrate_count && !err; i++)
		err = migrate_map(attempt, state->name, orders->migrate[i], &confined, why);
	return err;
}

int slot_attempt_migrate(const struct slot_attempt *attempt, struct slot_reason *why)
{
	long long deadline_ms = slot_confined_now_ms() + SLOT_MIGRATE_SECONDS * 1000LL;
	unsigned int slot;
	int err = 0;

	for (slot = 0; slot < ROOT_SLOTS && attempt->map_orders && !err; slot++) {
		if (!attempt->map_orders[slot].migrate_count)
			continue;
		err = migrate_slot(attempt, slot, deadline_ms, why);
		if (err)
			slot_reason_prefix(why, err, "slot %u (%s): ", slot,
					   attempt->desired.slots[slot].name);
	}
	return err;
}
