/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/maps/hwmark_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/grace.h"
#include "programs/shared/maps.h"

#define LOCK_POLL_MS 10

static const struct program_map entries_map = {
	.name = HWMARK_ENTRIES_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct hwmark_entry),
};

static const struct program_map counts_map = {
	.name = HWMARK_COUNTS_NAME,
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct hwmark_counts),
	.max_entries = 1,
};

static const struct program_map agent_map = {
	.name = HWMARK_AGENT_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct hwmark_agent),
	.max_entries = 1,
};

static const struct program_map flush_map = {
	.name = HWMARK_FLUSH_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 1,
};

static const struct program_map generation_map = {
	.name = LB_GENERATION_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 1,
};

static const struct program_map reals_map = {
	.name = LB_REALS_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct lb_real),
	.max_entries = LB_REAL_INDEXES,
};

void hwmark_maps_close(struct hwmark_maps *maps)
{
	if (maps->mapped)
		munmap(maps->mapped, maps->marks * sizeof(*maps->mapped));
	slot_cleanup_close(&maps->entries);
	slot_cleanup_close(&maps->counts);
	slot_cleanup_close(&maps->generation);
	slot_cleanup_close(&maps->reals);
	slot_cleanup_close(&maps->agent);
	slot_cleanup_close(&maps->flush);
	*maps = (struct hwmark_maps)HWMARK_MAPS_CLOSED;
}

static int read_size(struct hwmark_maps *maps, struct slot_reason *why)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_map_get_info_by_fd(maps->entries, &info, &len);

	if (err)
		return slot_reason_set(why, err, "cannot ask for the size of map '%s': %s",
				       entries_map.name, strerror(-err));
	maps->marks = info.max_entries;
	return 0;
}

static int map_entries(struct hwmark_maps *maps, struct slot_reason *why)
{
	void *mapped = mmap(NULL, maps->marks * sizeof(*maps->mapped), PROT_READ | PROT_WRITE,
			    MAP_SHARED, maps->entries, 0);

	if (mapped == MAP_FAILED)
		return slot_reason_set(why, -errno, "cannot map '%s': %s", entries_map.name,
				       strerror(errno));
	maps->mapped = mapped;
	return 0;
}

int hwmark_maps_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		     struct hwmark_maps *ret_maps)
{
	struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	int err = program_map_open(map_dir, &entries_map, is_writer, why, &maps.entries);

	err = err ? err : program_map_open(map_dir, &counts_map, false, why, &maps.counts);
	err = err ? err : program_map_open(map_dir, &generation_map, false, why, &maps.generation);
	err = err ? err : program_map_open(map_dir, &reals_map, false, why, &maps.reals);
	err = err ? err : program_map_open(map_dir, &agent_map, is_writer, why, &maps.agent);
	err = err ? err : program_map_open(map_dir, &flush_map, is_writer, why, &maps.flush);
	err = err ? err : read_size(&maps, why);
	if (!err && is_writer)
		err = map_entries(&maps, why);
	if (err) {
		hwmark_maps_close(&maps);
		return err;
	}
	*ret_maps = maps;
	return 0;
}

int hwmark_generation_get(const struct hwmark_maps *maps, struct slot_reason *why,
			  __u32 *ret_generation)
{
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(maps->generation, &zero, ret_generation);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", generation_map.name,
				     strerror(-err)) :
		     0;
}

static int check_mark(const struct hwmark_maps *maps, __u32 mark, struct slot_reason *why)
{
	if (mark && mark < maps->marks)
		return 0;
	return slot_reason_set(why, -EINVAL, "%u is no mark, which are from 1 to %u", mark,
			       maps->marks - 1);
}

int hwmark_entry_get(const struct hwmark_maps *maps, __u32 mark, struct slot_reason *why,
		     struct hwmark_entry *ret_entry)
{
	struct hwmark_entry entry;
	int err = check_mark(maps, mark, why);

	if (err)
		return err;
	err = bpf_map_lookup_elem(maps->entries, &mark, &entry);
	if (err)
		return slot_reason_set(why, err, "cannot read the entry of mark %u: %s", mark,
				       strerror(-err));
	entry.refreshed = 0;
	*ret_entry = entry;
	return 0;
}

bool hwmark_entry_is_free(const struct hwmark_maps *maps, __u32 mark)
{
	return !__atomic_load_n(&maps->mapped[mark].generation, __ATOMIC_RELAXED);
}

int hwmark_entry_renew(const struct hwmark_maps *maps, __u32 mark, __u32 generation,
		       struct slot_reason *why)
{
	__u32 before, *at;
	int err = check_mark(maps, mark, why);

	if (err)
		return err;
	at = &maps->mapped[mark].generation;
	before = __atomic_load_n(at, __ATOMIC_RELAXED);
	do {
		if (!before)
			return slot_reason_set(why, -ESTALE, "the entry of mark %u has ended",
					       mark);
	} while (!__atomic_compare_exchange_n(at, &before, generation, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return 0;
}

/* The generation last: what is written of 64 bytes may be seen in parts. */
int hwmark_entry_write(const struct hwmark_maps *maps, __u32 mark, const struct hwmark_entry *entry,
		       struct slot_reason *why)
{
	struct hwmark_entry unborn = *entry;
	int err = check_mark(maps, mark, why);

	if (err)
		return err;
	unborn.generation = 0;
	maps->mapped[mark] = unborn;
	__atomic_store_n(&maps->mapped[mark].generation, entry->generation, __ATOMIC_RELEASE);
	return 0;
}

static void free_entry(const struct hwmark_maps *maps, __u32 mark)
{
	__atomic_store_n(&maps->mapped[mark].generation, 0, __ATOMIC_RELAXED);
}

int hwmark_entries_free(const struct hwmark_maps *maps, const __u32 *marks, size_t count,
			struct slot_reason *why)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		err = check_mark(maps, marks[i], why);
		if (!err)
			free_entry(maps, marks[i]);
	}
	if (count)
		program_grace();
	return err;
}

void hwmark_entries_clear(const struct hwmark_maps *maps, hwmark_is_kept *is_kept,
			  const void *context)
{
	bool is_any = false;

	for (__u32 mark = 1; mark < maps->marks; mark++) {
		if (hwmark_entry_is_free(maps, mark) || (is_kept && is_kept(context, mark)))
			continue;
		free_entry(maps, mark);
		is_any = true;
	}
	if (is_any)
		program_grace();
}

int hwmark_counts_get(const struct hwmark_maps *maps, struct slot_reason *why,
		      __u64 ret_counts[LB_COUNTERS])
{
	_cleanup_free_ struct hwmark_counts *counts = NULL;
	int cpus = libbpf_num_possible_cpus(), err;
	__u32 zero = 0;

	if (cpus > 0)
		counts = calloc((size_t)cpus, sizeof(*counts));
	err = counts ? bpf_map_lookup_elem(maps->counts, &zero, counts) : -ENOMEM;
	if (err)
		return slot_reason_set(why, err, "cannot read map '%s': %s", counts_map.name,
				       strerror(-err));
	memset(ret_counts, 0, LB_COUNTERS * sizeof(*ret_counts));
	for (int cpu = 0; cpu < cpus; cpu++)
		for (__u32 i = 0; i < LB_COUNTERS; i++)
			ret_counts[i] += counts[cpu].count[i];
	return 0;
}

static int read_only(int fd, const char *name, struct slot_reason *why, void *ret_value)
{
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(fd, &zero, ret_value);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", name, strerror(-err)) :
		     0;
}

static int write_only(int fd, const char *name, const void *value, struct slot_reason *why)
{
	__u32 zero = 0;
	int err = bpf_map_update_elem(fd, &zero, value, BPF_ANY);

	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", name, strerror(-err)) :
		     0;
}

int hwmark_agent_get(const struct hwmark_maps *maps, struct slot_reason *why,
		     struct hwmark_agent *ret_agent)
{
	return read_only(maps->agent, agent_map.name, why, ret_agent);
}

int hwmark_agent_set(const struct hwmark_maps *maps, const struct hwmark_agent *agent,
		     struct slot_reason *why)
{
	return write_only(maps->agent, agent_map.name, agent, why);
}

int hwmark_flush_get(const struct hwmark_maps *maps, struct slot_reason *why, __u64 *ret_number)
{
	return read_only(maps->flush, flush_map.name, why, ret_number);
}

int hwmark_flush_set(const struct hwmark_maps *maps, __u64 number, struct slot_reason *why)
{
	return write_only(maps->flush, flush_map.name, &number, why);
}

/* hwmark_is_locked() has it for a moment. */
static int wait_for_lock(int fd, unsigned int wait_ms)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };

	for (unsigned int ms = 0; flock(fd, LOCK_EX | LOCK_NB); ms += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (ms >= wait_ms)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Whose lock @fd's folder has; 0: not to be known, as of a process in another pid namespace. */
static int find_holder(int fd)
{
	_cleanup_fclose_ FILE *locks = fopen("/proc/locks", "re");
	unsigned int device[2];
	unsigned long inode;
	char line[128];
	struct stat at;
	int pid;

	if (!locks || fstat(fd, &at))
		return 0;
	while (fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s WRITE %d %x:%x:%lu", &pid, &device[0], &device[1],
			   &inode) == 4 &&
		    makedev(device[0], device[1]) == at.st_dev && inode == at.st_ino && pid > 0)
			return pid;
	return 0;
}

static int say_busy(const char *map_dir, int fd, struct slot_reason *why)
{
	int pid = find_holder(fd);

	slot_reason_set(why, -EBUSY, "'%s': an agent or a command of hwmark is at these maps",
			map_dir);
	if (pid)
		slot_reason_append(why, -EBUSY, ", pid %d", pid);
	return slot_reason_append(why, -EBUSY, "; one at a time may be: end it, or wait for it");
}

int hwmark_lock(const char *map_dir, unsigned int wait_ms, struct slot_reason *why, int *ret_fd)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", map_dir,
				       strerror(errno));
	err = wait_for_lock(fd, wait_ms);
	if (err == -EBUSY)
		return say_busy(map_dir, fd, why);
	if (err)
		return slot_reason_set(why, err, "'%s': %s", map_dir, strerror(-err));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool hwmark_is_locked(const char *map_dir)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}
