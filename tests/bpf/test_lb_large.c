/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load balancer full: 512 VIPs, 4,096 reals, 65,536 server ids and source prefixes by the
 * hundred thousand (a million where SLOTD_FAULTS is "all"), restored from one file.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "programs/lb/model/lb_model.h"
#include "tests/support/lb_bed.h"
#include "tests/support/packet.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define FILE_NAME "build/lb_large.json"
#define SETTINGS                                                                                   \
	"{\"version\": 1, \"settings\": {\"gateway\": \"02:00:00:00:00:fe\", \"gue_port\": 6080, " \
	"\"source4\": \"\", \"source6\": \"\", \"new_flows\": 5}, \"reals\": [], \"tunnels\": [], "

struct scale {
	__u32 vips, reals, members, ids, sources;
	__u32 first_id;
};

static struct scale get_scale(void)
{
	const char *tier = getenv("SLOTD_TIER"), *faults = getenv("SLOTD_FAULTS");
	struct scale scale = { LB_VIPS_MAX, LB_REALS_MAX, 16, LB_SERVER_IDS_MAX, 100000, 1 };

	if (faults && !strcmp(faults, "all"))
		scale.sources = LB_SOURCES_MAX;
	if (tier && !strcmp(tier, "vm"))
		scale = (struct scale){ 32, LB_REALS_MAX, 16, 4096, 5000, 1 };
	return scale;
}

/* The address of a real, by its place in the file, from 0. */
static void real_text(const struct scale *scale, __u32 number, char ret_text[32])
{
	number %= scale->reals;
	snprintf(ret_text, 32, "203.0.%u.%u", number >> 8, number & 255);
}

static void write_vips(FILE *file, const struct scale *scale)
{
	char real[32];

	for (__u32 n = 0; n < scale->vips; n++) {
		fprintf(file,
			"%s{\"vip\": \"tcp/192.0.%u.%u:80\", \"encap\": \"ipip\", \"table\": "
			"\"transitions\", \"ring\": \"maglev2\", \"window\": 60, \"flags\": "
			"[\"source-routing\"], \"reals\": [",
			n ? ", " : "", n >> 8, n & 255);
		for (__u32 i = 0; i < scale->members; i++) {
			real_text(scale, n * scale->members + i, real);
			fprintf(file,
				"%s{\"real\": \"%s\", \"weight\": %u, \"drained\": false, "
				"\"down\": false}",
				i ? ", " : "", real, i + 1);
		}
		fputs("]}", file);
	}
}

static void write_file(const struct scale *scale)
{
	FILE *file = fopen(FILE_NAME, "we");
	char real[32];

	assert_non_null(file);
	fputs(SETTINGS "\"vips\": [", file);
	write_vips(file, scale);
	fputs("], \"server_ids\": [", file);
	for (__u32 i = 0; i < scale->ids; i++) {
		real_text(scale, i, real);
		fprintf(file, "%s{\"id\": %u, \"real\": \"%s\"}", i ? ", " : "",
			scale->first_id + i, real);
	}
	fputs("], \"sources\": [", file);
	for (__u32 i = 0; i < scale->sources; i++) {
		real_text(scale, i, real);
		fprintf(file, "%s{\"prefix\": \"10.%u.%u.%u/32\", \"real\": \"%s\"}", i ? ", " : "",
			i >> 16, i >> 8 & 255, i & 255, real);
	}
	fputs("]}", file);
	assert_int_equal(fclose(file), 0);
}

static double run_timed(const char *line)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	program_bed_assert_runs(&lb_bed, line, "");
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static char *get_dump(void)
{
	char *text = NULL;

	assert_int_equal(program_bed_run(&lb_bed, "dump"), 0);
	text = strdup(lb_bed.out);
	assert_non_null(text);
	return text;
}

/* The client of source prefix @number goes where that says, whatever the ring does. */
static void assert_source_counts(const struct scale *scale, __u32 number)
{
	char client[32], real[32], found[INET_ADDRSTRLEN];
	struct progrun result = {};
	struct packet p;

	snprintf(client, sizeof(client), "10.%u.%u.%u", number >> 16, number >> 8 & 255,
		 number & 255);
	real_text(scale, number, real);
	packet_start(&p, "hello", 5);
	packet_tcp(&p, 1024, 80, 2);
	packet_ip4(&p, &(struct packet_ip4){ .src = client, .dst = "192.0.0.1" });
	packet_eth(&p);
	assert_int_equal(progrun_packet(progrun_fd(lb_bed.object, "lb"), &p, &result), 0);
	assert_int_equal(result.verdict, XDP_TX);
	assert_non_null(inet_ntop(AF_INET, result.bytes + 14 + 16, found, sizeof(found)));
	assert_string_equal(found, real);
}

static void a_full_load_balancer_is_restored_from_one_file(void **state)
{
	struct scale scale = get_scale();
	char *first, *second;
	double again, drain;

	(void)state;
	write_file(&scale);
	print_message("# %u VIPs, %u reals, %u ids, %u sources: restored in %.1f s\n", scale.vips,
		      scale.reals, scale.ids, scale.sources, run_timed("restore " FILE_NAME));
	assert_source_counts(&scale, 0);
	assert_source_counts(&scale, scale.sources / 2);
	assert_source_counts(&scale, scale.sources - 1);
	first = get_dump();
	again = run_timed("restore " FILE_NAME);
	drain = run_timed("real drain tcp/192.0.0.0:80 203.0.0.0");
	run_timed("real undrain tcp/192.0.0.0:80 203.0.0.0");
	print_message("# again, with nothing to change, in %.1f s; a drain takes %.2f s\n", again,
		      drain);
	second = get_dump();
	assert_string_equal(first, second);
	free(first);
	free(second);
	assert_int_equal(unlink(FILE_NAME), 0);
}

/* New ids come before old ones go, so that none is missing for a moment. */
static void what_does_not_fit_beside_the_old_changes_nothing(void **state)
{
	struct scale scale = { 2, 8, 4, LB_SERVER_IDS_MAX, 4, 1 };
	char *before, *after;

	(void)state;
	write_file(&scale);
	run_timed("restore " FILE_NAME);
	before = get_dump();
	scale.first_id += LB_SERVER_IDS_MAX;
	scale.vips = 3;
	write_file(&scale);
	program_bed_assert_fails(&lb_bed, "restore " FILE_NAME,
				 "cannot write map 'lb_server_ids': it is full; what comes has to "
				 "fit beside what goes; nothing was changed\n");
	after = get_dump();
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(unlink(FILE_NAME), 0);
}

#define ADD(fn) TAP_ADD(&plan, fn, lb_bed_set_up, lb_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_full_load_balancer_is_restored_from_one_file);
	ADD(what_does_not_fit_beside_the_old_changes_nothing);
	return tap_run(&plan, "lb_large", 1);
}
