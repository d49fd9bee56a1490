/* SPDX-License-Identifier: GPL-2.0-only */
/* A program's counters (per-CPU array of struct slot_count), summed up and shown. */
#ifndef PROGRAM_COUNTS_H
#define PROGRAM_COUNTS_H

#include <stddef.h>

#include "bpf/count_abi.h"
#include "loader/lib/base/reason.h"
#include "programs/cli.h"
#include "programs/shared/maps.h"

/* One element of the array in words. */
struct program_counter {
	const char *name;    /* NULL: the element is not in use */
	const char *verdict; /* what became of the packets */
};

/* program_counts_get - the sums over all CPUs. Returns 0 or -errno, and says why. */
int program_counts_get(int map_fd, size_t count, struct slot_reason *why,
		       struct slot_count *ret_counts);

/* program_counts_read - the same, of map @map_name in @map_dir. */
int program_counts_read(const char *map_dir, const char *map_name, size_t count,
			struct slot_reason *why, struct slot_count *ret_counts);

/* program_counts_json - @counts as `{"counters": [...]}`, the caller's; NULL: out of memory. */
struct json_t *program_counts_json(const struct program_counter *counters,
				   const struct slot_count *counts, size_t count);

/* program_counts_print - @counts, as a command's data. Returns enum program_exit. */
int program_counts_print(const struct program_context *ctx, const struct program_counter *counters,
			 const struct slot_count *counts, size_t count);

/* program_counts_show - the command that prints the counters in map @map_name of the context. */
int program_counts_show(const struct program_context *ctx, const char *map_name,
			const struct program_counter *counters, size_t count);

#endif
