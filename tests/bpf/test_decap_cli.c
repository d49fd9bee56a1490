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
static char told[4096];

static int set_up(void **state)
{
	(void)state;
	/* What a CPU found it does not look up again. */
	progrun_stay();
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
		"'localhost': expected an address such as 192.0.2.1 or 2001:db8::1, or a prefix such as 192.0.2.0/24\n"
		"'ff02::1': expected a unicast address\n");
	program_bed_assert_runs(&bed, "list", "");
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = { "addr",	      "addr add", "addr get ::1",
					     "list all",      "set",	  "serve add",
					     "server-id add", "show all", "stats all" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&bed, lines[i]), PROGRAM_USAGE);
}

/* The addresses, or prefixes of @len bits, 2001:db8:i:: */
static void fill(const struct decap_maps *maps, unsigned int count, __u32 len)
{
	struct slot_prefix prefix = { .len = SLOT_PREFIX_FAMILY_BITS + len, .family = 6 };
	struct slot_reason why = {};

	memcpy(prefix.addr, "\x20\x01\x0d\xb8", 4);
	for (unsigned int i = 0; i < count; i++) {
		prefix.addr[4] = (__u8)(i >> 8);
		prefix.addr[5] = (__u8)i;
		assert_int_equal(decap_end_add(maps, &prefix, &why), 0);
	}
}

static void no_more_addresses_are_added_than_fit(void **state)
{
	const struct decap_maps maps = decap_case_maps(bed.object);

	(void)state;
	fill(&maps, DECAP_ADDRESSES_MAX, 128);
	program_bed_assert_fails(&bed, "addr add 192.0.2.1",
				 "4096 tunnel addresses are all that fit\n");
	fill(&maps, DECAP_PREFIXES_MAX, 64);
	program_bed_assert_fails(&bed, "addr add 192.0.2.0/24",
				 "4096 tunnel prefixes are all that fit\n");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
}

static void prefixes_are_listed_with_addresses(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "addr add ::/0 192.0.2.0/24 2001:db8::/32 192.0.2.0", "");
	program_bed_assert_runs(&bed, "addr add 192.0.2.0/25 192.0.2.7", "");
	program_bed_assert_runs(
		&bed, "list",
		"192.0.2.0/24\n192.0.2.0/25\n192.0.2.0\n192.0.2.7\n::/0\n2001:db8::/32\n");
	program_bed_assert_runs(&bed, "addr del 192.0.2.0/24 192.0.2.0", "");
	program_bed_assert_runs(&bed, "list", "192.0.2.0/25\n192.0.2.7\n::/0\n2001:db8::/32\n");
	program_bed_assert_fails(&bed, "addr del 192.0.2.0/24",
				 "'192.0.2.0/24' is not one of the tunnel prefixes\n");
}

static void show_says_what_was_set(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "show", "gue-port off\nstrict no\ntcp-option 0xb7\n");
	program_bed_assert_runs(&bed, "set gue-port=6080 strict=yes tcp-option=0xb8", "");
	program_bed_assert_runs(&bed, "serve add 198.51.100.0/24 2001:db8::80", "");
	program_bed_assert_runs(&bed, "server-id add 300 0x64", "");
	program_bed_assert_runs(&bed, "show",
				"gue-port 6080\nstrict yes\ntcp-option 0xb8\n"
				"serve 198.51.100.0/24\nserve 2001:db8::80\n"
				"server-id 100\nserver-id 300\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	program_bed_assert_said(
		&bed,
		"{\n  \"gue_port\": 6080,\n  \"strict\": true,\n"
		"  \"tcp_option\": 184,\n  \"serves_listed\": true,\n  \"served\": [\n"
		"    \"198.51.100.0/24\",\n    \"2001:db8::80\"\n  ],\n"
		"  \"compares_ids\": true,\n  \"server_ids\": [\n    100,\n    300\n  ]\n}\n",
		"");
	program_bed_assert_runs(&bed, "set gue-port=off strict=no", "");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"gue_port\": null"));
}

static void one_wrong_setting_changes_none(void **state)
{
	(void)state;
	program_bed_assert_fails(&bed, "set strict=yes gue-port=many",
				 "gue-port 'many': expected a port, 1 to 65535, or 'off'\n");
	program_bed_assert_runs(&bed, "show", "gue-port off\nstrict no\ntcp-option 0xb7\n");
}

static __u8 flags(void)
{
	const struct decap_maps maps = decap_case_maps(bed.object);
	struct decap_control control;
	struct slot_reason why = {};

	assert_int_equal(decap_control_get(&maps, &why, &control), 0);
	return control.flags;
}

/* As if the command had been killed before the flag was set, or after it was cleared. */
static void a_list_that_is_not_asked_for_is_told(void **state)
{
	const struct decap_maps maps = decap_case_maps(bed.object);
	struct decap_control control;
	struct slot_reason why = {};

	(void)state;
	program_bed_assert_runs(&bed, "serve add 198.51.100.0/24", "");
	program_bed_assert_runs(&bed, "server-id add 7", "");
	assert_int_equal(decap_control_get(&maps, &why, &control), 0);
	control.flags = 0;
	assert_int_equal(decap_control_set(&maps, &control, &why), 0);
	program_bed_assert_runs(
		&bed, "show",
		"gue-port off\nstrict no\ntcp-option 0xb7\nserve 198.51.100.0/24\n"
		"serve is off, a change was cut short: 'serve add' one of them again\n"
		"server-id 7\n"
		"server-id is off, a change was cut short: 'server-id add' one of them again\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"serves_listed\": false"));
	assert_non_null(strstr(bed.out, "\"compares_ids\": false"));
	program_bed_assert_runs(&bed, "serve add 198.51.100.0/24", "");
	assert_int_equal(flags(), DECAP_HAS_SERVED);
}

static void an_empty_list_is_not_asked_for(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "serve add 198.51.100.0/24 198.51.100.0/25", "");
	program_bed_assert_runs(&bed, "server-id add 1", "");
	assert_int_equal(flags(), DECAP_HAS_SERVED | DECAP_HAS_IDS);
	program_bed_assert_runs(&bed, "serve del 198.51.100.0/25", "");
	program_bed_assert_fails(&bed, "serve del 198.51.100.0/25",
				 "'198.51.100.0/25' is not one of the served prefixes\n");
	assert_int_equal(flags(), DECAP_HAS_SERVED | DECAP_HAS_IDS);
	program_bed_assert_runs(&bed, "serve del 198.51.100.0/24", "");
	assert_int_equal(flags(), DECAP_HAS_IDS);
	program_bed_assert_fails(&bed, "server-id del 2", "'2' is not one of the server ids\n");
	program_bed_assert_runs(&bed, "server-id del 1", "");
	assert_int_equal(flags(), 0);
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
				"gue4_in_ip4       pass                0                0\n"
				"gue6_in_ip6       pass                0                0\n"
				"gue4_in_ip6       pass                0                0\n"
				"gue6_in_ip4       pass                0                0\n"
				"not_local         left                1               79\n"
				"bad_outer         left                0                0\n"
				"bad_inner         left                0                0\n"
				"fragment          left                0                0\n"
				"options           left                0                0\n"
				"nested            left                0                0\n"
				"not_served        left                0                0\n"
				"bad_gue           left                0                0\n"
				"gue_control       left                0                0\n"
				"tagged            left                0                0\n"
				"drop_bad_inner    drop                0                0\n"
				"drop_fragment     drop                0                0\n"
				"drop_options      drop                0                0\n"
				"drop_nested       drop                0                0\n"
				"drop_not_served   drop                0                0\n"
				"drop_bad_gue      drop                0                0\n"
				"congested         drop                0                0\n"
				"refused           drop                0                0\n"
				"part              drop                0                0\n"
				"server_id         noted               0                0\n"
				"misrouted         noted               0                0\n");
}

static void an_address_that_is_taken_away_ends_none_at_once(void **state)
{
	const int prog_fd = progrun_fd(bed.object, "decap");

	(void)state;
	program_bed_assert_runs(&bed, "addr add " DECAP_LOCAL4 " 192.0.2.0/24", "");
	run_tunnel_packet(prog_fd);
	program_bed_assert_runs(&bed, "addr del " DECAP_LOCAL4, "");
	run_tunnel_packet(prog_fd);
	program_bed_assert_runs(&bed, "addr del 192.0.2.0/24", "");
	run_tunnel_packet(prog_fd);
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "ip4_in_ip4        pass                2 "));
	assert_non_null(strstr(bed.out, "not_local         left                1 "));
}

/* As a command leaves it that was ended half way. */
static void packets_look_each_time_while_addresses_change(void **state)
{
	const struct decap_maps maps = decap_case_maps(bed.object);
	const int prog_fd = progrun_fd(bed.object, "decap");
	struct decap_control control;
	struct decap_address address;
	struct slot_prefix prefix;
	struct slot_reason why = {};

	(void)state;
	program_bed_assert_runs(&bed, "addr add " DECAP_LOCAL4, "");
	assert_int_equal(decap_control_get(&maps, &why, &control), 0);
	control.stamp |= 1;
	assert_int_equal(decap_control_set(&maps, &control, &why), 0);
	run_tunnel_packet(prog_fd);
	assert_int_equal(program_prefix_parse(DECAP_LOCAL4, &why, &prefix), 0);
	assert_true(decap_prefix_to_address(&prefix, &address));
	assert_int_equal(bpf_map_delete_elem(maps.addresses, &address), 0);
	run_tunnel_packet(prog_fd);
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "ip4_in_ip4        pass                1 "));
	assert_non_null(strstr(bed.out, "not_local         left                1 "));
}

static void json_of_list_and_stats(void **state)
{
	json_t *root;

	(void)state;
	program_bed_assert_runs(&bed, "addr add ::1 192.0.2.1", "");
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	program_bed_assert_said(
		&bed, "{\n  \"addresses\": [\n    \"192.0.2.1\",\n    \"::1\"\n  ]\n}\n", "");
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 29);
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

/* --- ids of a file --------------------------------------------------------------------------- */

static void note(const struct program_ids *ids, const char *what, __u32 id, __u32 before)
{
	size_t len = strlen(told);

	(void)ids, (void)before;
	snprintf(told + len, sizeof(told) - len, "%s %u\n", what, id);
}

/* The ids from @first on are this host's. */
static void sync_ids(__u32 first, size_t count)
{
	struct program_id list[DECAP_IDS_MAX] = {};
	const struct program_ids ids = {
		.map_dir = PROGRAM_BED_DIR,
		.path = "ids",
		.list = list,
		.count = count,
		.tell = note,
	};
	struct slot_reason why = {};

	assert_in_range(count, 1, DECAP_IDS_MAX);
	for (size_t i = 0; i < count; i++)
		list[i] = (struct program_id){ .id = first + (__u32)i, .is_here = true };
	*told = '\0';
	assert_int_equal(decap_cli.sync_ids(&ids, &why), 0);
}

/* Who is ended half-way leaves both, and a segment with either is no stranger. */
static void new_ids_come_before_old_ones_go(void **state)
{
	(void)state;
	sync_ids(1, 2);
	assert_string_equal(told, "add 1\nadd 2\n");
	sync_ids(2, 2);
	assert_string_equal(told, "add 3\ndel 1\n");
	sync_ids(2, 2);
	assert_string_equal(told, "");
}

static void old_ids_go_first_where_both_do_not_fit(void **state)
{
	const struct decap_maps maps = decap_case_maps(bed.object);
	__u32 ids[DECAP_IDS_MAX];
	struct slot_reason why = {};
	size_t count = 0;

	(void)state;
	sync_ids(1, DECAP_IDS_MAX);
	sync_ids(2, DECAP_IDS_MAX);
	assert_string_equal(told, "del 1\nadd 65\n");
	sync_ids(1001, DECAP_IDS_MAX);
	assert_int_equal(decap_ids_get(&maps, &why, ids, &count), 0);
	assert_int_equal(count, DECAP_IDS_MAX);
	assert_int_equal(ids[0], 1001);
	assert_int_equal(flags(), DECAP_HAS_IDS);
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
	ADD(prefixes_are_listed_with_addresses);
	ADD(show_says_what_was_set);
	ADD(one_wrong_setting_changes_none);
	ADD(a_list_that_is_not_asked_for_is_told);
	ADD(an_empty_list_is_not_asked_for);
	ADD(an_address_takes_effect_at_once);
	ADD(an_address_that_is_taken_away_ends_none_at_once);
	ADD(packets_look_each_time_while_addresses_change);
	ADD(json_of_list_and_stats);
	ADD(a_new_version_goes_on_with_addresses_and_counters);
	ADD(new_ids_come_before_old_ones_go);
	ADD(old_ids_go_first_where_both_do_not_fit);
	return tap_run(&plan, "decap_cli", 1);
}
