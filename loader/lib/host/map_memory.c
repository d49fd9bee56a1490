/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/map_memory.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"

/* What an entry of a map that grows takes beside key and value, on 64-bit kernels. */
#define ENTRY_OVERHEAD 48

/* BPF_MAP_TYPE_ARENA, which headers before Linux 6.9 do not have. */
#define MAP_TYPE_ARENA 33

static __u64 round_up(__u64 bytes)
{
	return (bytes + 7) & ~7ULL;
}

static bool is_per_cpu(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_PERCPU_HASH || info->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* Entries that are allocated one by one as they are added; the kernel counts those there are (6.4). */
static bool is_growing(const struct bpf_map_info *info)
{
	switch (info->type) {
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_SOCKHASH:
		return true;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return info->map_flags & BPF_F_NO_PREALLOC;
	default:
		return false;
	}
}

/* What a map takes when full, where the kernel's own figure may be less; 0 where it is not. */
static __u64 measure_full(const struct bpf_map_info *info)
{
	__u64 value = round_up(info->value_size);

	/* Kernels before 6.4 account for a ring buffer by its entries' size, which is 0. */
	if (info->type == BPF_MAP_TYPE_RINGBUF || info->type == BPF_MAP_TYPE_USER_RINGBUF)
		return info->max_entries;
	/* Pages, of which the kernel accounts for none; who maps the arena gets them. */
	if (info->type == MAP_TYPE_ARENA)
		return info->max_entries * (__u64)sysconf(_SC_PAGESIZE);
	if (!is_growing(info))
		return 0;
	if (is_per_cpu(info))
		value *= (__u64)libbpf_num_possible_cpus();
	return info->max_entries * (ENTRY_OVERHEAD + round_up(info->key_size) + value);
}

static int read_memlock(int fd, __u64 *ret_bytes)
{
	_cleanup_fclose_ FILE *file = NULL;
	unsigned long long bytes;
	char path[64];
	char line[256];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) != 1)
			continue;
		*ret_bytes = bytes;
		return 0;
	}
	return -ENODATA;
}

int slot_map_memory_get(int fd, __u64 *ret_bytes)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	__u64 memlock = 0;
	__u64 full;
	int err;

	if (bpf_map_get_info_by_fd(fd, &info, &len))
		return -errno;
	err = read_memlock(fd, &memlock);
	if (err)
		return err;
	full = measure_full(&info);
	*ret_bytes = full > memlock ? full : memlock;
	return 0;
}

int slot_map_memory_add(int fd, const char *name, struct slot_map_memory *memory)
{
	__u64 bytes = 0;
	int err = slot_map_memory_get(fd, &bytes);

	if (err)
		return err;
	memory->bytes += bytes;
	if (bytes > memory->largest_bytes) {
		memory->largest_bytes = bytes;
		snprintf(memory->largest, sizeof(memory->largest), "%s", name);
	}
	return 0;
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return dir && !slot_pin_path(path, dir, "%s", name) && !access(path, F_OK);
}

static bool is_borrowed(const struct slot_map_folders *folders, const char *dir, const char *name)
{
	__u32 id = folders->lender ? slot_pin_map_id(dir, name) : 0;

	return id &&
	       (id == slot_pin_map_id(folders->lender, name) ||
		(folders->lender_stage && id == slot_pin_map_id(folders->lender_stage, name)));
}

static int add_pin(const struct slot_map_folders *folders, const char *dir, const char *name,
		   struct slot_map_memory *memory)
{
	_cleanup_close_ int fd = -1;

	if (is_borrowed(folders, dir, name))
		return 0;
	fd = slot_pin_open(dir, name);
	return fd < 0 ? fd : slot_map_memory_add(fd, name, memory);
}

/* Those of @path but not of @except_dir. */
static int add_folder(const struct slot_map_folders *folders, const char *path,
		      const char *except_dir, struct slot_map_memory *memory)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !is_there(except_dir, entry->d_name))
			err = add_pin(folders, path, entry->d_name, memory);
	return err;
}

int slot_map_memory_sum(const struct slot_map_folders *folders, struct slot_map_memory *ret_memory)
{
	struct slot_map_memory memory = { 0 };
	int err = add_folder(folders, folders->own, folders->stage, &memory);

	if (!err && folders->stage)
		err = add_folder(folders, folders->stage, NULL, &memory);
	if (!err)
		*ret_memory = memory;
	return err;
}
