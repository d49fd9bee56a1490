/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/decap_case.h"

#include <string.h>

#include <linux/pkt_cls.h>

#include <bpf/libbpf.h>

#include "programs/decap/decap.h"
#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

struct decap_maps decap_case_maps(struct bpf_object *object)
{
	return (struct decap_maps){
		.addresses = bpf_object__find_map_fd_by_name(object, DECAP_ADDRESSES_NAME),
		.prefixes = bpf_object__find_map_fd_by_name(object, DECAP_PREFIXES_NAME),
		.served = bpf_object__find_map_fd_by_name(object, DECAP_SERVED_NAME),
		.ids = bpf_object__find_map_fd_by_name(object, DECAP_IDS_NAME),
		.control = bpf_object__find_map_fd_by_name(object, DECAP_CONTROL_NAME),
	};
}

void decap_case_add(const struct decap_maps *maps, const char *text)
{
	struct slot_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(program_prefix_parse(text, &why, &prefix), 0);
	assert_int_equal(decap_end_add(maps, &prefix, &why), 0);
}

void decap_case_serve(const struct decap_maps *maps, const char *text)
{
	struct slot_prefix prefix;
	struct slot_reason why = {};

	assert_int_equal(program_prefix_parse(text, &why, &prefix), 0);
	assert_int_equal(decap_served_add(maps, &prefix, &why), 0);
}

void decap_case_set(const struct decap_maps *maps, const char *text)
{
	struct decap_control control;
	struct slot_reason why = {};

	assert_int_equal(decap_control_get(maps, &why, &control), 0);
	assert_int_equal(decap_control_parse(text, &why, &control), 0);
	assert_int_equal(decap_control_set(maps, &control, &why), 0);
}

void decap_case_gue(const struct decap_maps *maps)
{
	decap_case_set(maps, "gue-port=6080");
}

void decap_case_strict(const struct decap_maps *maps)
{
	decap_case_gue(maps);
	decap_case_set(maps, "strict=yes");
}

static void assert_counted(struct bpf_object *object, const struct decap_case *row, size_t bytes)
{
	int fd = bpf_object__find_map_fd_by_name(object, DECAP_COUNTS_NAME);
	struct slot_count counts[DECAP_COUNTS_SIZE];
	struct slot_reason why = {};
	int i;

	assert_int_equal(program_counts_get(fd, DECAP_COUNTS_SIZE, &why, counts), 0);
	for (i = 0; i < DECAP_COUNTS_SIZE; i++) {
		bool is_one = i == row->counter || (i && (i == row->noted || i == row->noted_too));

		if (counts[i].packets != is_one)
			print_error("counter %d has %llu packets\n", i, counts[i].packets);
		assert_int_equal(counts[i].packets, is_one);
		assert_int_equal(counts[i].bytes, is_one ? bytes : 0);
	}
}

void decap_case_load(struct bpf_object *object)
{
	struct decap_maps maps;

	assert_int_equal(bpf_object__load(object), 0);
	maps = decap_case_maps(object);
	decap_case_add(&maps, DECAP_LOCAL4);
	decap_case_add(&maps, DECAP_LOCAL6);
}

/* Test runs of TC programs take no IP packet without a whole header. */
#define SHORTEST 34

/* The same program twice: for XDP, and for TC. */
static const struct variant {
	const char *object, *program, *rodata;
	bool is_tc;
} variants[] = {
	{ "bpf/decap.bpf.o", "decap", "decap.rodata", false },
	{ "bpf/tc_decap.bpf.o", "tc_decap", "tc_decap.rodata", true },
};

static uint32_t verdict_of(const struct decap_case *row, bool is_tc)
{
	bool is_dropped = row->counter >= DECAP_FIRST_DROP;

	if (is_tc)
		return is_dropped ? TC_ACT_SHOT : (uint32_t)TC_ACT_UNSPEC;
	return is_dropped ? XDP_DROP : XDP_PASS;
}

static bool is_tagged(struct packet *p)
{
	unsigned char type = packet_bytes(p)[12];

	return type == 0x81 || type == 0x88;
}

/* Test runs leave the first tag in the frame. */
static struct decap_case row_of(const struct decap_case *row, const struct variant *variant)
{
	struct decap_case changed = *row;
	struct packet p;

	row->build(&p);
	if (variant->is_tc && is_tagged(&p) && row->counter >= 0 &&
	    row->counter < DECAP_FIRST_LEFT) {
		changed.counter = DECAP_TAGGED;
		changed.expect = NULL;
	}
	return changed;
}

static void run_variant(const struct decap_case *row, const struct variant *variant)
{
	struct bpf_object *object = progrun_open(variant->object);
	struct packet p, expected;
	struct progrun run = {};
	int fd;

	assert_non_null(object);
	if (row->config)
		assert_int_equal(
			progrun_set(object, variant->rodata, row->config, sizeof(*row->config)), 0);
	decap_case_load(object);
	if (row->set_up) {
		const struct decap_maps maps = decap_case_maps(object);

		row->set_up(&maps);
	}
	row->build(&p);
	(row->expect ? row->expect : row->build)(&expected);
	if (variant->is_tc && p.len < SHORTEST) {
		bpf_object__close(object);
		return;
	}
	fd = progrun_fd(object, variant->program);
	assert_int_equal(
		variant->is_tc ? progrun_skb(fd, &p, 0, &run) : progrun_packet(fd, &p, &run), 0);

	assert_counted(object, row, p.len);
	assert_int_equal(run.verdict, verdict_of(row, variant->is_tc));
	assert_int_equal(run.len, expected.len);
	assert_memory_equal(run.bytes, packet_bytes(&expected), expected.len);
	bpf_object__close(object);
}

void decap_case_run(void **state)
{
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		const struct decap_case row = row_of(*state, &variants[i]);

		print_message("# %s\n", variants[i].program);
		run_variant(&row, &variants[i]);
	}
}
