/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl decap, on the pinned maps of a loaded decap. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "programs/decap/decap.h"
#include "tests/support/decap_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;

static int set_up(void **state)
{
	(void)state;
	program_bed_open(&bed, &decap_cli, progrun_open("bpf/decap.bpf.o"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

static void run_tunnel_packet(int prog_fd)
{
	struct progrun result = {};
	struct packet p;

	decap_start4(&p);
	decap_finish4(&p);
	assert_int_equal(progrun_packet(prog_fd, &p, &result), 0);
}

static void list_is_empty_at_first(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "list", "");
}

static void list_shows_what_was_added(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "addr add 2001:db8::1 192.0.2.1 2001:db8::2", "");
	program_bed_assert_runs(&bed, "addr add 192.0.2.1", "");
	program_bed_assert_runs(&bed, "list", "192.0.2.1\n2001:db8::1\n2001:db8::2\n");
	program_bed_assert_runs(&bed, "addr del 2001:db8::1 ::ffff:192.0.2.1", "");
	program_bed_assert_runs(&bed, "list", "2001:db8::2\n");
}

static void deleting_an_unknown_address_fails(void **state)
{
	(void)state;
	program_bed_assert_fails(&bed, "addr del 192.0.2.1",
				 "'192.0.2.1' is not one of the tunnel addresses\n");
}

static void every_wrong_address_is_told_and_none_is_added(void **state)
{
	(void)state;
	program_bed_assert_fails(
		&bed, "addr add 192.0.2.1 localhost ff02::1",
		"'localhost': expected an address such as 192.0.2.1 or 2001:db8::1\n"
		"'ff02::1': no tunnel ends there, expected a unicast address\n");
	program_bed_assert_runs(&bed, "list", "");
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = { "addr", "addr add", "addr get ::1", "list all",
					     "stats all" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&bed, lines[i]), PROGRAM_USAGE);
}

static void no_more_addresses_are_added_than_fit(void **state)
{
	int fd = bpf_object__find_map_fd_by_name(bed.object, DECAP_ADDRESSES_NAME);
	struct decap_address address = { { 0x20, 1, 0xd, 0xb8 } };
	struct slot_reason why = {};
	int i;

	(void)state;
	for (i = 0; i < DECAP_ADDRESSES_MAX; i++) {
		address.addr[14] = (__u8)(i >> 8);
		address.addr[15] = (__u8)i;
		assert_int_equal(decap_address_add(fd, &address, &why), 0);
	}
	program_bed_assert_fails(&bed, "addr add 192.0.2.1",
				 "4096 tunnel addresses are all that fit\n");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
}

static void an_address_takes_effect_at_once(void **state)
{
	(void)state;
	run_tunnel_packet(progrun_fd(bed.object, "decap"));
	program_bed_assert_runs(&bed, "addr add " DECAP_LOCAL4, "");
	run_tunnel_packet(progrun_fd(bed.object, "decap"));
	run_tunnel_packet(progrun_fd(bed.object, "decap"));
	program_bed_assert_runs(&bed, "stats",
				"counter           verdict       packets            bytes\n"
				"ip4_in_ip4        pass                2              158\n"
				"ip6_in_ip6        pass                0                0\n"
				"ip4_in_ip6        pass                0                0\n"
				"ip6_in_ip4        pass                0                0\n"
				"not_local         left                1               79\n"
				"bad_outer         left                0                0\n"
				"bad_inner         left                0                0\n"
				"fragment          left                0                0\n"
				"options           left                0                0\n"
				"nested            left                0                0\n"
				"congested         drop                0                0\n"
				"refused           drop                0                0\n"
				"part              drop                0                0\n");
}

static void json_of_list_and_stats(void **state)
{
	json_t *root;

	(void)state;
	program_bed_assert_runs(&bed, "addr add ::1 192.0.2.1", "");
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	program_bed_assert_said(
		&bed, "{\n  \"addresses\": [\n    \"::1\",\n    \"192.0.2.1\"\n  ]\n}\n", "");
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 13);
	json_decref(root);
}

static void a_new_version_goes_on_with_addresses_and_counters(void **state)
{
	struct bpf_object *next = progrun_open("bpf/decap.bpf.o");
	struct bpf_map *map, *old;

	(void)state;
	assert_non_null(next);
	program_bed_assert_runs(&bed, "addr add " DECAP_LOCAL4, "");
	run_tunnel_packet(progrun_fd(bed.object, "decap"));
	bpf_object__for_each_map(map, next) {
		old = bpf_object__find_map_by_name(bed.object, bpf_map__name(map));
		assert_int_equal(bpf_map__reuse_fd(map, bpf_map__fd(old)), 0);
	}
	assert_int_equal(bpf_object__load(next), 0);
	run_tunnel_packet(progrun_fd(next, "decap"));
	bpf_object__close(next);
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "ip4_in_ip4        pass                2 "));
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(list_is_empty_at_first);
	ADD(list_shows_what_was_added);
	ADD(deleting_an_unknown_address_fails);
	ADD(every_wrong_address_is_told_and_none_is_added);
	ADD(commands_that_make_no_sense_ask_for_usage);
	ADD(no_more_addresses_are_added_than_fit);
	ADD(an_address_takes_effect_at_once);
	ADD(json_of_list_and_stats);
	ADD(a_new_version_goes_on_with_addresses_and_counters);
	return tap_run(&plan, "decap_cli", 1);
}
