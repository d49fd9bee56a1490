/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_counts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "tests/support/tap.h"

#define ROWS_MAX 128

struct row {
	char name[80];
	unsigned long long packets, bytes;
	bool is_met;
};

struct table {
	struct row rows[ROWS_MAX];
	size_t count;
	unsigned int failed;
};

struct lb_stats *lb_counts_take(struct bpf_object *object)
{
	struct lb_stats *stats = calloc(1, sizeof(*stats));
	struct lb_maps maps = {
		.fds = {
			[LB_MAP_COUNTS] = bpf_object__find_map_fd_by_name(object, LB_COUNTS_NAME),
			[LB_MAP_VIP_COUNTS] =
				bpf_object__find_map_fd_by_name(object, LB_VIP_COUNTS_NAME),
			[LB_MAP_REAL_COUNTS] =
				bpf_object__find_map_fd_by_name(object, LB_REAL_COUNTS_NAME),
		},
	};

	assert_non_null(stats);
	assert_int_equal(lb_stats_get(&maps, NULL, stats), 0);
	return stats;
}

static void read_table(const char *path, struct table *table)
{
	FILE *file = fopen(path, "re");
	char line[160];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct row *row = &table->rows[table->count++];

		assert_true(table->count < ROWS_MAX);
		assert_int_equal(sscanf(line, "%79[^\t]\t%llu\t%llu", row->name, &row->packets,
					&row->bytes),
				 3);
	}
	fclose(file);
}

static void compare(struct table *table, const char *name, __u64 packets, __u64 bytes)
{
	struct row none = {}, *row = &none;

	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->rows[i].name, name))
			row = &table->rows[i];
	row->is_met = true;
	if (row->packets == packets && row->bytes == bytes)
		return;
	table->failed++;
	print_message("# %s: %llu packets, %llu bytes, expected %llu, %llu\n", name,
		      (unsigned long long)packets, (unsigned long long)bytes, row->packets,
		      row->bytes);
}

static void compare_counters(struct table *table, const struct lb_stats *before,
			     const struct lb_stats *after)
{
	for (__u32 i = 0; i < LB_COUNTERS; i++)
		if (lb_counter_name(i)->name)
			compare(table, lb_counter_name(i)->name,
				after->counts[i] - before->counts[i], 0);
}

static void compare_traffic(struct table *table, const struct lb_setup *setup,
			    const struct lb_stats *before, const struct lb_stats *after)
{
	char name[80], addr[INET6_ADDRSTRLEN];

	for (unsigned int n = 0; n < setup->vip_count; n++) {
		snprintf(name, sizeof(name), "vip %u", n);
		compare(table, name, after->vips[n].packets - before->vips[n].packets,
			after->vips[n].bytes - before->vips[n].bytes);
	}
	for (unsigned int i = 1; i <= setup->real_count; i++) {
		const struct lb_real *real = &setup->reals[i - 1].real;

		assert_non_null(inet_ntop(real->flags & LB_REAL_IP6 ? AF_INET6 : AF_INET,
					  real->addr, addr, sizeof(addr)));
		snprintf(name, sizeof(name), "real %s", addr);
		compare(table, name, after->reals[i].packets - before->reals[i].packets,
			after->reals[i].bytes - before->reals[i].bytes);
	}
}

unsigned int lb_counts_compare(const struct lb_scenario *scenario, const struct lb_stats *before,
			       const char *path)
{
	struct lb_stats *after = lb_counts_take(scenario->setup.lb.object);
	struct table table = {};

	read_table(path, &table);
	compare_counters(&table, before, after);
	compare_traffic(&table, &scenario->setup, before, after);
	for (size_t i = 0; i < table.count; i++) {
		if (table.rows[i].is_met)
			continue;
		table.failed++;
		print_message("# %s: counted by nobody\n", table.rows[i].name);
	}
	free(after);
	return table.failed;
}
