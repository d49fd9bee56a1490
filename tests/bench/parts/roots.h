/* SPDX-License-Identifier: GPL-2.0-only */
/* The roots that are compared: slotd's two engines, and what else can run a chain. */
#ifndef BENCH_ROOTS_H
#define BENCH_ROOTS_H

#include <stdbool.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

#define BENCH_LIBXDP_MAX 10 /* programs that libxdp's dispatcher takes */

/* What a chain has beside its programs, in slot 0. */
enum bench_extra {
	BENCH_PLAIN,
	BENCH_FLOW_STABLE, /* a canary by flow, whose share the packet is not in */
	BENCH_FLOW_CANARY, /* the same, and it is */
	BENCH_CPU_STABLE,  /* by CPU */
	BENCH_CPU_CANARY,
	BENCH_MAY_SKIP, /* the reservation grants it, the program does not */
	BENCH_SKIPS,	/* the program leaves out all that is behind it */
	BENCH_EXTRAS,
};

/* What is to be measured. */
struct bench_root {
	const char *engine;  /* freplace, fused, libxdp, tailcall or alone */
	const char *program; /* trivial or varied; libxdp and tailcall have the former */
	__u32 slots; /* bit per slot that has a program; of the others only the number counts */
	bool counters;
	enum bench_extra extra;
	int fd; /* of the program that gets attached */
};

/*
 * bench_root_load - make the root that @root describes and set its fd. What it
 * rests on (programs, links, maps) stays open until the process ends. libxdp
 * attaches to @ifindex while it builds, and is taken off again. Returns 0 or
 * -errno, and why.
 */
int bench_root_load(struct bench_root *root, unsigned int ifindex, struct slot_reason *why);

/* bench_extra_name - "canary by flow, stable"; "" for BENCH_PLAIN. */
const char *bench_extra_name(enum bench_extra extra);

/* bench_root_programs - how many programs the chain has. */
unsigned int bench_root_programs(const struct bench_root *root);

/* For bench_root_load: chains that are not slotd's. Each returns a program's descriptor or -errno. */
int bench_tailcall_load(unsigned int programs, struct slot_reason *why);
int bench_libxdp_load(unsigned int programs, unsigned int ifindex, struct slot_reason *why);

/* bench_object_path - the built object of tests/bench/progs/@name.bpf.c, valid until the next call. */
const char *bench_object_path(const char *name);

#endif
