/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/lb_costs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/ring/lb_ring.h"
#include "programs/lb/ring/lb_transition.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/figures.h"
#include "tests/support/lb_case.h"

#define TRIALS 9
#define RING_REALS 1000
#define MEMORY_VIPS 10
#define MEMORY_REALS 100

static const char *const kind_names[] = { "maglev1", "maglev2", "hrw" };

static json_t *make_times(const char *what, const char *kind, double times[TRIALS])
{
	bench_sort(times, TRIALS);
	return json_pack("{s:s, s:s, s:i, s:f, s:f}", "case", what, "ring", kind, "reals",
			 RING_REALS, "ms", times[TRIALS / 2], "ms_min", times[0]);
}

/* --- rings ----------------------------------------------------------------------------------- */

static void fill_reals(struct lb_ring_real reals[RING_REALS])
{
	__be32 addr;
	__u32 i;

	for (i = 0; i < RING_REALS; i++) {
		addr = htonl(0xc6120000 + i); /* 198.18.0.0/15 */
		reals[i] = (struct lb_ring_real){ .weight = 1, .index = 1 + i };
		memcpy(reals[i].addr, &addr, sizeof(addr));
	}
}

static json_t *measure_build(enum lb_ring_kind kind, __u32 *ring)
{
	struct lb_ring_real reals[RING_REALS];
	double times[TRIALS];
	int i;

	fill_reals(reals);
	for (i = 0; i < TRIALS; i++) {
		times[i] = bench_clock_ns();
		if (lb_ring_build(kind, reals, RING_REALS, ring))
			return NULL;
		times[i] = (bench_clock_ns() - times[i]) / 1e6;
	}
	return make_times("build", kind_names[kind], times);
}

/* --- changes --------------------------------------------------------------------------------- */

struct change {
	struct lb_case lb;
	struct lb_case_vip spec;
	struct lb_ring_real reals[RING_REALS];
	__u32 *ring; /* LB_RING_SIZE each */
	__u32 *entries;
	struct lb_previous *previous;
};

static int delete_pages(const struct change *c, __u32 ring)
{
	int map_fd = lb_case_map(&c->lb, LB_RINGS_NAME), err = 0;
	__u32 i, key;

	for (i = 0; !err && i < LB_RING_PAGES; i++) {
		key = LB_PAGE_KEY(c->spec.vip.number, ring, i);
		err = bpf_map_delete_elem(map_fd, &key);
	}
	return err;
}

/* All that a change takes: the ring, which flows it moves, the pages, the VIP, the old pages. */
static int change_ring(struct change *c, enum lb_ring_kind kind)
{
	struct lb_transition plan = { .entries = c->entries,
				      .previous = c->previous,
				      .ring = c->ring,
				      .now = (__u64)bench_clock_ns(),
				      .window = 60 };
	struct lb_vip *vip = &c->spec.vip;
	__u32 former = vip->ring;
	int err = lb_ring_build(kind, c->reals, RING_REALS, c->ring);

	if (err)
		return err;
	lb_transition_plan(&plan, c->entries, c->previous, &vip->previous_until);
	lb_case_ring(&c->lb, vip->number, !former, c->entries);
	vip->ring = !former;
	lb_case_vip(&c->lb, &c->spec);
	/* No packet reads the old pages any more. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return -errno;
	return delete_pages(c, former);
}

static json_t *measure_changes(struct change *c, enum lb_ring_kind kind)
{
	double times[TRIALS];
	int i;

	for (i = 0; i < TRIALS; i++) {
		c->reals[i].weight = 0; /* one real less each time */
		times[i] = bench_clock_ns();
		if (change_ring(c, kind))
			return NULL;
		times[i] = (bench_clock_ns() - times[i]) / 1e6;
	}
	return make_times("change", kind_names[kind], times);
}

static json_t *open_and_change(enum lb_ring_kind kind)
{
	struct change c = { .spec = { .addr = "203.0.113.1",
				      .port = 80,
				      .proto = IPPROTO_TCP,
				      .vip = { .table = LB_TABLE_TRANSITIONS, .has_ring = 1 } } };
	json_t *out = NULL;

	c.ring = calloc(LB_RING_SIZE, sizeof(*c.ring));
	c.entries = calloc(LB_RING_SIZE, sizeof(*c.entries));
	c.previous = calloc(LB_RING_SIZE, sizeof(*c.previous));
	lb_case_open(&c.lb);
	lb_case_load(&c.lb, NULL);
	fill_reals(c.reals);
	if (c.ring && c.entries && c.previous &&
	    !lb_ring_build(kind, c.reals, RING_REALS, c.entries)) {
		lb_case_ring(&c.lb, 0, 0, c.entries);
		lb_case_vip(&c.lb, &c.spec);
		out = measure_changes(&c, kind);
	}
	lb_case_close(&c.lb);
	free(c.ring);
	free(c.entries);
	free(c.previous);
	return out;
}

/* --- memory ---------------------------------------------------------------------------------- */

/* What the kernel says that the map has locked, bytes; -1: it does not say. */
static long read_memlock(int fd)
{
	char path[64], line[128];
	long bytes = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %ld", &bytes) == 1)
			break;
	if (file)
		fclose(file);
	return bytes;
}

/* Ten VIPs in the costliest way: a ring each. */
static void fill_vips(struct lb_case *lb)
{
	char text[INET_ADDRSTRLEN];
	struct lb_case_vip spec = { .addr = text, .port = 80, .proto = IPPROTO_TCP };
	__u32 i;

	for (i = 0; i < MEMORY_REALS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		lb_case_real(lb, 1 + i, text, 0);
	}
	for (i = 0; i < MEMORY_VIPS; i++) {
		snprintf(text, sizeof(text), "203.0.113.%u", i + 1);
		spec.vip = (struct lb_vip){ .number = i, .has_ring = 1 };
		lb_case_ring_of(lb, i, 1 + i);
		lb_case_vip(lb, &spec);
	}
}

static json_t *measure_memory(void)
{
	json_t *maps = json_object(), *out;
	struct bpf_map *map;
	struct lb_case lb;
	long sum = 0;

	lb_case_open(&lb);
	lb_case_load(&lb, NULL);
	fill_vips(&lb);
	bpf_object__for_each_map(map, lb.object) {
		long bytes = read_memlock(bpf_map__fd(map));

		if (bytes < 0) {
			fprintf(stderr, "lb: cannot read what map '%s' has locked\n",
				bpf_map__name(map));
			return NULL;
		}
		sum += bytes;
		json_object_set_new(maps, bpf_map__name(map), json_integer(bytes));
	}
	out = json_pack("{s:i, s:i, s:I, s:o}", "vips", MEMORY_VIPS, "reals", MEMORY_REALS, "bytes",
			(json_int_t)sum, "maps", maps);
	lb_case_close(&lb);
	return out;
}

json_t *lb_costs_measure(void)
{
	json_t *rings = json_array(), *memory = measure_memory();
	__u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring));
	enum lb_ring_kind kind;
	int err = !ring || !memory;

	for (kind = LB_MAGLEV1; !err && kind < LB_RING_KINDS; kind++) {
		err = json_array_append_new(rings, measure_build(kind, ring)) ||
		      json_array_append_new(rings, open_and_change(kind));
	}
	free(ring);
	if (!err)
		return json_pack("{s:o, s:o}", "rings", rings, "memory", memory);
	fprintf(stderr, "lb: cannot measure rings and memory\n");
	json_decref(rings);
	json_decref(memory);
	return NULL;
}
