/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb_handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "loader/lib/base/cleanup.h"

#define CHECK_MS 1000 /* between two looks at what the chain has for maps */

struct socketlb *socketlb_new(void)
{
	struct socketlb *lb = calloc(1, sizeof(*lb));

	if (!lb)
		return NULL;
	lb->maps = (struct sl_maps)SL_MAPS_CLOSED;
	lb->program = -1;
	return lb;
}

void socketlb_free(struct socketlb *lb)
{
	if (!lb)
		return;
	sl_maps_close(&lb->maps);
	slot_cleanup_close(&lb->program);
	free(lb->program_path);
	free(lb->map_dir);
	free(lb);
}

const char *socketlb_error(const struct socketlb *lb)
{
	return lb->why.text;
}

int socketlb_set_paths(struct socketlb *lb, const char *program, const char *map_dir)
{
	_cleanup_free_ char *program_path = strdup(program);
	_cleanup_free_ char *dir = strdup(map_dir);

	if (!program_path || !dir)
		return slot_reason_set(&lb->why, -ENOMEM, "out of memory");
	free(lb->program_path);
	free(lb->map_dir);
	lb->program_path = TAKE_PTR(program_path);
	lb->map_dir = TAKE_PTR(dir);
	lb->has_paths = true;
	return 0;
}

/* Each time anew, as a slot may be renamed between two tries. */
static int find_paths(struct socketlb *lb, const char *chain)
{
	_cleanup_free_ char *program_path = NULL;
	_cleanup_free_ char *dir = NULL;
	int err = socketlb_paths_find(chain, &lb->why, &program_path, &dir);

	if (err)
		return err;
	free(lb->program_path);
	free(lb->map_dir);
	lb->program_path = TAKE_PTR(program_path);
	lb->map_dir = TAKE_PTR(dir);
	return 0;
}

static int open_pins(struct socketlb *lb, int *ret_program, struct sl_maps *ret_maps)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	_cleanup_close_ int program = bpf_obj_get_opts(lb->program_path, &opts);
	int err;

	if (program < 0)
		return slot_reason_set(&lb->why, program, "cannot open program '%s': %s",
				       lb->program_path, strerror(-program));
	err = sl_maps_open(lb->map_dir, true, &lb->why, ret_maps);
	if (!err)
		*ret_program = TAKE_FD(program);
	return err;
}

/*
 * leave_old - a socket is in one map only: who is still in one that the chain has no more cannot
 * be added again. Nobody else looks into these, so what fails there matters to nobody.
 */
static void leave_old(struct socketlb *lb)
{
	for (size_t i = 0; i < lb->served_count; i++) {
		struct served *served = &lb->served[i];

		if (served->is_taken)
			sl_instance_leave(&lb->maps, &served->place, NULL);
		served->was_announced |= served->is_announced;
		served->is_taken = false;
		served->is_announced = false;
	}
}

int socketlb_open(struct socketlb *lb, const char *chain)
{
	struct sl_maps maps = SL_MAPS_CLOSED;
	int program = -1, err = 0;

	if (!lb->has_paths)
		err = find_paths(lb, chain);
	err = err ? err : open_pins(lb, &program, &maps);
	if (err)
		return err;
	if (!sl_maps_are_same(&lb->maps, &maps))
		leave_old(lb);
	sl_maps_close(&lb->maps);
	slot_cleanup_close(&lb->program);
	lb->maps = maps;
	lb->program = program;
	lb->is_stale = false;
	lb->checked_ms = socketlb_handle_clock();
	return 0;
}

int64_t socketlb_handle_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int socketlb_handle_check(struct socketlb *lb)
{
	int64_t now_ms = socketlb_handle_clock();

	if (!lb->is_stale && now_ms - lb->checked_ms >= CHECK_MS) {
		lb->checked_ms = now_ms;
		lb->is_stale = lb->map_dir && sl_maps_check(&lb->maps, lb->map_dir) == -ESTALE;
	}
	return lb->is_stale ?
		       slot_reason_set(&lb->why, -ESTALE,
				       "the chain has new maps, or none: socketlb_open() and "
				       "socketlb_add() again") :
		       0;
}
