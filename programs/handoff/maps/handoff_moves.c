/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_moves.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <sys/mman.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

#define BYTES (HANDOFF_MOVES_SIZE * sizeof(__u64))

static const struct program_map moves_map = {
	.name = HANDOFF_MOVES_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = HANDOFF_MOVES_SIZE,
};

int handoff_moves_open(const char *map_dir, struct slot_reason *why,
		       struct handoff_moves *ret_moves)
{
	_cleanup_close_ int fd = -1;
	int err = program_map_open(map_dir, &moves_map, true, why, &fd);
	void *counts;

	ret_moves->counts = NULL;
	if (err)
		return err == -ENOENT ? 0 : err;
	counts = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		return slot_reason_set(why, -errno, "cannot map '%s': %s", moves_map.name,
				       strerror(errno));
	ret_moves->counts = counts;
	return 0;
}

void handoff_moves_close(struct handoff_moves *moves)
{
	if (moves->counts)
		munmap(moves->counts, BYTES);
	moves->counts = NULL;
}

void handoff_moves_add(const struct handoff_moves *moves, enum handoff_move move)
{
	if (moves->counts)
		__atomic_fetch_add(&moves->counts[move], 1, __ATOMIC_RELAXED);
}

int handoff_moves_read(const char *map_dir, struct slot_reason *why,
		       __u64 ret_counts[HANDOFF_MOVES_SIZE])
{
	_cleanup_close_ int fd = -1;
	int err = program_map_open(map_dir, &moves_map, false, why, &fd);

	for (__u32 i = 0; !err && i < HANDOFF_MOVES_SIZE; i++) {
		err = bpf_map_lookup_elem(fd, &i, &ret_counts[i]);
		if (err)
			slot_reason_set(why, err, "cannot read map '%s': %s", moves_map.name,
					strerror(-err));
	}
	return err;
}
