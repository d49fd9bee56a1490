/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb_hc, on the pinned maps of a loaded lb_hc. */
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "bpf/lb_hc/lb_hc.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;

static int set_up(void **state)
{
	(void)state;
	program_bed_open(&bed, &lb_hc_cli, progrun_open("bpf/lb_hc.bpf.o"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

static void list_shows_marks_by_number(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "list", "");
	program_bed_assert_runs(&bed, "add 0x100 2001:db8::10 gue", "");
	program_bed_assert_runs(&bed, "add 2 192.0.2.10", "");
	program_bed_assert_runs(&bed, "add 3 192.0.2.11 l2 02:00:5E:10:00:01", "");
	program_bed_assert_runs(&bed, "list",
				"2 192.0.2.10 ipip\n3 192.0.2.11 l2 02:00:5e:10:00:01\n"
				"256 2001:db8::10 gue\n");
	program_bed_assert_runs(&bed, "add 2 192.0.2.12 gue", "");
	program_bed_assert_runs(&bed, "del 3 0x100", "");
	program_bed_assert_runs(&bed, "list", "2 192.0.2.12 gue\n");
}

static void wrong_words_are_told_and_change_nothing(void **state)
{
	static const char *const lines[][2] = {
		{ "add 0 192.0.2.1",
		  "'0': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n" },
		{ "add 4294967296 192.0.2.1",
		  "'4294967296': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n" },
		{ "add -1 192.0.2.1",
		  "'-1': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n" },
		{ "add 1x 192.0.2.1",
		  "'1x': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n" },
		{ "add 1 real",
		  "'real': expected a unicast address such as 192.0.2.1 or 2001:db8::1\n" },
		{ "add 1 224.0.0.1",
		  "'224.0.0.1': expected a unicast address such as 192.0.2.1 or 2001:db8::1\n" },
		{ "add 1 ::",
		  "'::': expected a unicast address such as 192.0.2.1 or 2001:db8::1\n" },
		{ "add 1 192.0.2.1 vxlan", "'vxlan': expected ipip, gue or l2\n" },
		{ "add 1 192.0.2.1 l2 01:00:5e:00:00:01",
		  "'01:00:5e:00:00:01': expected the MAC address of one host, such as "
		  "02:00:5e:10:00:01\n" },
		{ "add 1 192.0.2.1 l2 2:0:5e:10:0:1",
		  "'2:0:5e:10:0:1': expected the MAC address of one host, such as "
		  "02:00:5e:10:00:01\n" },
		{ "del 5", "mark 5 stands for no real\n" },
		{ "del 1 x y", "'x': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n"
			       "'y': expected a mark, 1 to 4294967295 or 0x1 to 0xffffffff\n" },
		{ "set gue-port 0", "'0': expected a port, 1 to 65535\n" },
		{ "set gue-port 65536", "'65536': expected a port, 1 to 65535\n" },
		{ "set gue-port 0x10", "'0x10': expected a port, 1 to 65535\n" },
		{ "set gue-port 80a", "'80a': expected a port, 1 to 65535\n" },
		{ "set gue-port 4294967376", "'4294967376': expected a port, 1 to 65535\n" },
		{ "set source 192.0.2.1 interface nowhere0",
		  "'nowhere0': no such interface here; 'own': that of the probe\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		program_bed_assert_fails(&bed, lines[i][0], lines[i][1]);
	program_bed_assert_runs(&bed, "list", "");
	program_bed_assert_runs(&bed, "show",
				"gateway own\nmac own\ninterface own\nsource4 none\nsource6 none\n"
				"gue-port 6080\n");
}

static void settings_are_shown_as_they_were_set(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed,
				"set source 192.0.2.1 source 2001:db8::1 gateway 02:00:00:00:00:10 "
				"mac 02:00:00:00:00:20 interface lo gue-port 9886",
				"");
	program_bed_assert_runs(&bed, "show",
				"gateway 02:00:00:00:00:10\nmac 02:00:00:00:00:20\ninterface lo\n"
				"source4 192.0.2.1\nsource6 2001:db8::1\ngue-port 9886\n");
	program_bed_assert_runs(&bed, "set gateway own mac own interface own", "");
	program_bed_assert_runs(&bed, "show",
				"gateway own\nmac own\ninterface own\nsource4 192.0.2.1\n"
				"source6 2001:db8::1\ngue-port 9886\n");
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = { "add",
					     "add 1",
					     "add 1 192.0.2.1 l2",
					     "add 1 192.0.2.1 gue 02:00:00:00:00:01",
					     "del",
					     "list all",
					     "set",
					     "set source",
					     "set colour blue",
					     "show all",
					     "stats all" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&bed, lines[i]), PROGRAM_USAGE);
}

static void no_more_marks_are_added_than_fit(void **state)
{
	char line[64];
	int i;

	(void)state;
	for (i = 1; i <= LB_HC_REALS_MAX; i++) {
		snprintf(line, sizeof(line), "add %d 192.0.2.1", i);
		assert_int_equal(program_bed_run(&bed, line), PROGRAM_OK);
	}
	program_bed_assert_fails(&bed, "add 5000 192.0.2.1", "4096 marks are all that fit\n");
	program_bed_assert_runs(&bed, "add 4096 192.0.2.2", "");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\n4096 192.0.2.2 ipip\n"));
}

static void json_has_what_words_have(void **state)
{
	json_t *root;

	(void)state;
	program_bed_assert_runs(&bed, "add 2 192.0.2.10 l2 02:00:00:00:00:01", "");
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	program_bed_assert_said(&bed,
				"{\n  \"marks\": [\n    {\n      \"mark\": 2,\n"
				"      \"address\": \"192.0.2.10\",\n      \"encap\": \"l2\",\n"
				"      \"mac\": \"02:00:00:00:00:01\"\n    }\n  ]\n}\n",
				"");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(root, "source4")), "none");
	assert_int_equal(json_integer_value(json_object_get(root, "gue_port")), 6080);
	json_decref(root);
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 11);
	json_decref(root);
}

static void an_encap_that_is_not_known_is_shown_as_that(void **state)
{
	struct lb_hc_real real = { .addr = { 192, 0, 2, 1 }, .encap = 0xff };
	__u32 mark = 2;

	(void)state;
	assert_int_equal(
		bpf_map_update_elem(bpf_object__find_map_fd_by_name(bed.object, LB_HC_REALS_NAME),
				    &mark, &real, BPF_ANY),
		0);
	program_bed_assert_runs(&bed, "list", "2 192.0.2.1 unknown\n");
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"encap\": \"unknown\""));
}

#define ADD(test) TAP_ADD(&plan, test, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(list_shows_marks_by_number);
	ADD(wrong_words_are_told_and_change_nothing);
	ADD(settings_are_shown_as_they_were_set);
	ADD(commands_that_make_no_sense_ask_for_usage);
	ADD(no_more_marks_are_added_than_fit);
	ADD(json_has_what_words_have);
	ADD(an_encap_that_is_not_known_is_shown_as_that);
	return tap_run(&plan, "lb_hc_cli", 1);
}
