/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb_handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"

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

/* Each time anew, as a slot may be renamed between two tries; those that the caller set remain. */
static int find_paths(struct socketlb *lb, const char *chain, char **ret_program, char **ret_dir)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_free_ char *dir = NULL;

	if (!lb->has_paths)
		return socketlb_paths_find(chain, &lb->why, ret_program, ret_dir);
	program = strdup(lb->program_path);
	dir = strdup(lb->map_dir);
	if (!program || !dir)
		return slot_reason_set(&lb->why, -ENOMEM, "out of memory");
	*ret_program = TAKE_PTR(program);
	*ret_dir = TAKE_PTR(dir);
	return 0;
}

static int open_program(const char *path, struct slot_reason *why, int *ret_program)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	int program = bpf_obj_get_opts(path, &opts);

	if (program < 0)
		return slot_reason_set(why, program, "cannot open program '%s': %s", path,
				       strerror(-program));
	*ret_program = program;
	return 0;
}

/* A socket is in one map only: who is still in one that the chain has no more cannot be added. */
static void leave_old(struct socketlb *lb)
{
	for (size_t i = 0; i < lb->served_count; i++) {
		struct served *served = &lb->served[i];

		if (served->is_taken)
			socketlb_handle_take_out(lb, served, &lb->why);
		served->was_announced |= served->is_announced;
		served->is_taken = false;
		served->is_announced = false;
	}
}

static void swap_maps(struct socketlb *lb, struct sl_maps *maps)
{
	sl_maps_close(&lb->maps);
	lb->maps = *maps;
	*maps = (struct sl_maps)SL_MAPS_CLOSED;
}

int socketlb_open(struct socketlb *lb, const char *chain)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	_cleanup_free_ char *program_path = NULL;
	_cleanup_free_ char *map_dir = NULL;
	_cleanup_close_ int program = -1;
	int err = find_paths(lb, chain, &program_path, &map_dir);

	err = err ? err : open_program(program_path, &lb->why, &program);
	err = err ? err : sl_maps_open(map_dir, true, &lb->why, &maps);
	if (err)
		return err;
	if (!sl_maps_are_same(&lb->maps, &maps))
		leave_old(lb);
	swap_maps(lb, &maps);
	slot_cleanup_close(&lb->program);
	free(lb->program_path);
	free(lb->map_dir);
	lb->program = TAKE_FD(program);
	lb->program_path = TAKE_PTR(program_path);
	lb->map_dir = TAKE_PTR(map_dir);
	lb->is_stale = false;
	lb->checked_ms = slot_clock_ms();
	return 0;
}

int socketlb_handle_take_out(struct socketlb *lb, const struct served *served,
			     struct slot_reason *why)
{
	return sl_sockets_take_out(&lb->maps, &served->place, served->cookies, served->sockets,
				   why);
}

/* Flows and counts may be made anew alone; who may not open them goes on with those it has. */
static void follow_maps(struct socketlb *lb)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	struct slot_reason why; /* tried again at the next look */

	if (!sl_maps_open(lb->map_dir, true, &why, &maps) && sl_maps_are_same(&lb->maps, &maps))
		swap_maps(lb, &maps);
}

bool socketlb_handle_look(struct socketlb *lb)
{
	bool is_other = false;

	lb->checked_ms = slot_clock_ms();
	if (!lb->is_stale && lb->map_dir)
		lb->is_stale = sl_maps_check(&lb->maps, lb->map_dir, &is_other) == -ESTALE;
	if (!lb->is_stale && is_other)
		follow_maps(lb);
	return lb->is_stale;
}

int socketlb_handle_check(struct socketlb *lb)
{
	if (!lb->is_stale && slot_clock_ms() - lb->checked_ms >= CHECK_MS)
		socketlb_handle_look(lb);
	return lb->is_stale ?
		       slot_reason_set(&lb->why, -ESTALE,
				       "the chain has new maps, or none: socketlb_open() and "
				       "socketlb_add() again") :
		       0;
}
