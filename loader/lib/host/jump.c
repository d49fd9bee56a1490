/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/jump.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"

#define SEAT_NAME "slotd_seat"
#define JUMP_NAME "slotd_jump"
#define JUMP_MODE 0444
#define NEXT SLOT_PIN_JUMP "_next"

static int get_map(int fd, struct bpf_map_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	*ret_info = (struct bpf_map_info){ 0 };
	return bpf_map_get_info_by_fd(fd, ret_info, &len) ? -errno : 0;
}

/* The id of the only map of the program @jump_fd. */
static int get_seat_id(int jump_fd, __u32 *ret_id)
{
	struct bpf_prog_info info = { .nr_map_ids = 1, .map_ids = (__u64)(uintptr_t)ret_id };
	__u32 len = sizeof(info);

	*ret_id = 0;
	if (bpf_prog_get_info_by_fd(jump_fd, &info, &len))
		return -errno;
	return info.type == BPF_PROG_TYPE_SK_REUSEPORT && info.nr_map_ids == 1 ? 0 : -EINVAL;
}

int slot_jump_find(const char *dir)
{
	_cleanup_close_ int jump_fd = slot_pin_open(dir, SLOT_PIN_JUMP);
	__u32 id;
	int err;

	if (jump_fd < 0)
		return jump_fd;
	err = get_seat_id(jump_fd, &id);
	return err ? err : bpf_map_get_fd_by_id(id);
}

int slot_jump_open(const char *dir)
{
	int fd = slot_jump_find(dir);

	if (fd != -ENOENT && fd != -EINVAL)
		return fd;
	return bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, SEAT_NAME, sizeof(__u32), sizeof(__u32), 1,
			      NULL);
}

/*
 * As the roots are loaded: arrays take programs of one kind alone, which since Linux 6.17
 * includes what they expect to be attached as.
 */
static int load_jump(int seat_fd)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW, /* BPF_IMM, which is 0 */
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = seat_fd },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_SK_REUSEPORT_SELECT_OR_MIGRATE);

	return bpf_prog_load(BPF_PROG_TYPE_SK_REUSEPORT, JUMP_NAME, "GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &opts);
}

static int is_pinned(int seat_fd, const char *dir)
{
	_cleanup_close_ int fd = slot_jump_find(dir);
	struct bpf_map_info pinned;
	struct bpf_map_info seat;
	int err = fd < 0 ? fd : get_map(fd, &pinned);

	if (!err)
		err = get_map(seat_fd, &seat);
	return err ? err : pinned.id == seat.id;
}

/* Whoever opens the jump while another one is pinned gets one or the other. */
static int pin_new(int seat_fd, const char *dir, const char *path)
{
	_cleanup_close_ int fd = load_jump(seat_fd);
	char next[PATH_MAX];
	int err = fd < 0 ? fd : slot_pin_path(next, dir, NEXT);

	if (!err)
		err = slot_pin_mkdir(dir);
	if (!err)
		err = slot_pin_del(dir, NEXT);
	if (!err)
		err = slot_pin_set(fd, dir, NEXT);
	if (!err)
		err = SLOT_STEP("jump.mode", chmod(next, JUMP_MODE) ? -errno : 0);
	return err ? err : SLOT_STEP("jump.named", rename(next, path) ? -errno : 0);
}

int slot_jump_pin(int seat_fd, const char *dir)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, dir, SLOT_PIN_JUMP);

	if (err)
		return err;
	if (is_pinned(seat_fd, dir) != 1)
		return pin_new(seat_fd, dir, path);
	return chmod(path, JUMP_MODE) ? -errno : 0;
}

int slot_jump_get(int seat_fd, __u32 *ret_prog_id)
{
	struct bpf_map_info info;
	__u32 key = 0;
	__u32 id = 0;
	int err = get_map(seat_fd, &info);

	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_PROG_ARRAY || info.max_entries != 1)
		return -EINVAL;
	err = bpf_map_lookup_elem(seat_fd, &key, &id);
	if (err && err != -ENOENT)
		return err;
	*ret_prog_id = err ? 0 : id;
	return 0;
}

int slot_jump_set(int seat_fd, int prog_fd)
{
	__u32 key = 0;

	return SLOT_STEP("jump.set", bpf_map_update_elem(seat_fd, &key, &prog_fd, BPF_ANY));
}

int slot_jump_swap(int seat_fd, int new_fd, int old_fd)
{
	__u32 running;
	__u32 old_id;
	int err = slot_jump_get(seat_fd, &running);

	if (!err)
		err = slot_xdp_prog_id(old_fd, &old_id);
	if (err)
		return err;
	return running == old_id ? slot_jump_set(seat_fd, new_fd) : -EPERM;
}

int slot_jump_clear(int seat_fd)
{
	__u32 key = 0;
	int err = SLOT_STEP("jump.clear", bpf_map_delete_elem(seat_fd, &key));

	return err == -ENOENT ? 0 : err;
}
