/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_pool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map pool_map = {
	.name = LB_MARK_POOL_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct lb_mark_pool),
	.max_entries = LB_MARK_POOL_CPUS,
};

#define POOL_BYTES (LB_MARK_POOL_CPUS * sizeof(struct lb_mark_pool))

int hwmark_pool_open(const char *lb_dir, struct slot_reason *why, struct hwmark_pool *ret_pool)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_close_ int fd = -1;
	void *pools;
	int err = program_map_open(lb_dir, &pool_map, true, why, &fd);

	if (err)
		return err;
	pools = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pools == MAP_FAILED)
		return slot_reason_set(why, -errno, "cannot map '%s/%s': %s", lb_dir, pool_map.name,
				       strerror(errno));
	ret_pool->pools = pools;
	ret_pool->fd = TAKE_FD(fd);
	ret_pool->cpus = cpus < 1 ? 1 : (__u32)cpus;
	if (ret_pool->cpus > LB_MARK_POOL_CPUS)
		ret_pool->cpus = LB_MARK_POOL_CPUS;
	return 0;
}

void hwmark_pool_close(struct hwmark_pool *pool)
{
	if (!pool->pools)
		return;
	munmap(pool->pools, POOL_BYTES);
	slot_cleanup_close(&pool->fd);
	pool->pools = NULL;
}

static __u32 count_in(const struct lb_mark_pool *pool)
{
	return pool->put - __atomic_load_n(&pool->taken, __ATOMIC_ACQUIRE);
}

/* The mark is there before the number says so. */
static void put(struct lb_mark_pool *pool, __u32 mark)
{
	pool->ids[pool->put % LB_MARK_POOL_IDS] = mark;
	__atomic_store_n(&pool->put, pool->put + 1, __ATOMIC_RELEASE);
}

__u32 hwmark_pool_fill(const struct hwmark_pool *pool, struct hwmark_marks *marks)
{
	__u32 share = (marks->count - 1) / (2 * pool->cpus), mark, all = 0;

	if (!share)
		share = 1;
	if (share > LB_MARK_POOL_IDS)
		share = LB_MARK_POOL_IDS;
	for (__u32 cpu = 0; cpu < pool->cpus; cpu++) {
		struct lb_mark_pool *one = &pool->pools[cpu];

		while (count_in(one) < share && (mark = hwmark_marks_take(marks)))
			put(one, mark);
		all += count_in(one);
	}
	return all;
}

void hwmark_pool_look(const struct hwmark_pool *pool, __u32 count, bool *ret_is_in)
{
	for (__u32 cpu = 0; cpu < LB_MARK_POOL_CPUS; cpu++) {
		const struct lb_mark_pool *one = &pool->pools[cpu];
		__u32 in = count_in(one);

		for (__u32 i = 0; i < in && i < LB_MARK_POOL_IDS; i++) {
			__u32 mark = one->ids[(one->put - 1 - i) % LB_MARK_POOL_IDS];

			if (mark < count)
				ret_is_in[mark] = true;
		}
	}
}
