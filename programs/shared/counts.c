/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/counts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/json.h"

static struct program_map counts_map(const char *name, size_t count)
{
	return (struct program_map){
		.name = name,
		.type = BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size = sizeof(__u32),
		.value_size = sizeof(struct slot_count),
		.max_entries = (__u32)count,
	};
}

int program_counts_get(int map_fd, size_t count, struct slot_reason *why,
		       struct slot_count *ret_counts)
{
	_cleanup_free_ struct slot_count *percpu = NULL;
	int cpus = libbpf_num_possible_cpus();
	__u32 i;
	int err, cpu;

	if (cpus < 0)
		return slot_reason_set(why, cpus, "cannot tell the number of CPUs: %s",
				       strerror(-cpus));
	percpu = calloc((size_t)cpus, sizeof(*percpu));
	if (!percpu)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (i = 0; i < count; i++) {
		struct slot_count sum = {};

		err = bpf_map_lookup_elem(map_fd, &i, percpu);
		if (err)
			return slot_reason_set(why, err, "cannot read counter %u: %s", i,
					       strerror(-err));
		for (cpu = 0; cpu < cpus; cpu++) {
			sum.packets += percpu[cpu].packets;
			sum.bytes += percpu[cpu].bytes;
		}
		ret_counts[i] = sum;
	}
	return 0;
}

static json_t *to_json(const struct program_counter *counter, const struct slot_count *count)
{
	return json_pack("{s:s, s:s, s:I, s:I}", "name", counter->name, "verdict", counter->verdict,
			 "packets", (json_int_t)count->packets, "bytes", (json_int_t)count->bytes);
}

json_t *program_counts_json(const struct program_counter *counters, const struct slot_count *counts,
			    size_t count)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		if (counters[i].name)
			json_array_append_new(list, to_json(&counters[i], &counts[i]));
	return json_pack("{s:o}", "counters", list);
}

static void print_table(FILE *out, const struct program_counter *counters,
			const struct slot_count *counts, size_t count)
{
	size_t i;

	fprintf(out, "%-16s  %-7s  %12s  %15s\n", "counter", "verdict", "packets", "bytes");
	for (i = 0; i < count; i++)
		if (counters[i].name)
			fprintf(out, "%-16s  %-7s  %12" PRIu64 "  %15" PRIu64 "\n",
				counters[i].name, counters[i].verdict, (uint64_t)counts[i].packets,
				(uint64_t)counts[i].bytes);
}

int program_counts_read(const char *map_dir, const char *map_name, size_t count,
			struct slot_reason *why, struct slot_count *ret_counts)
{
	struct program_map map = counts_map(map_name, count);
	_cleanup_close_ int fd = -1;
	int err;

	err = program_map_open(map_dir, &map, false, why, &fd);
	if (err)
		return err;
	return program_counts_get(fd, count, why, ret_counts);
}

int program_counts_print(const struct program_context *ctx, const struct program_counter *counters,
			 const struct slot_count *counts, size_t count)
{
	if (ctx->json)
		return program_json_print(ctx, program_counts_json(counters, counts, count));
	print_table(ctx->out, counters, counts, count);
	return PROGRAM_OK;
}

int program_counts_show(const struct program_context *ctx, const char *map_name,
			const struct program_counter *counters, size_t count)
{
	_cleanup_free_ struct slot_count *counts = calloc(count, sizeof(*counts));
	struct slot_reason why = {};

	if (!counts || program_counts_read(ctx->map_dir, map_name, count, &why, counts)) {
		fprintf(stderr, "%s\n", counts ? why.text : "out of memory");
		return PROGRAM_FAILED;
	}
	return program_counts_print(ctx, counters, counts, count);
}
