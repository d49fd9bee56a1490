/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall, on the pinned maps of a loaded firewall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "tests/support/firewall_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define NOBODY 65534

static struct program_bed bed;

static int set_up(void **state)
{

	(void)state;
	program_bed_open(&bed, &firewall_cli, firewall_case_open(NULL));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

static void list_is_empty_at_first(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "list", "");
}

static void list_shows_what_was_added_in_order(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add udp/53 203.0.113.0/24 2001:db8::/32 tcp/80",
				"4 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "allow add 203.0.113.0/24 203.0.113.0/28 198.51.100.7 ::1",
				"3 added, 1 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "list",
				"allow 198.51.100.7/32\n"
				"allow 203.0.113.0/24\n"
				"deny 203.0.113.0/24\n"
				"allow 203.0.113.0/28\n"
				"allow ::1/128\n"
				"deny 2001:db8::/32\n"
				"deny tcp/80\n"
				"deny udp/53\n");
}

static void adding_a_rule_twice_changes_nothing(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80",
				"1 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "deny add tcp/80 tcp/80",
				"0 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "list", "deny tcp/80\n");
}

static void deleting_takes_a_rule_from_one_list_only(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80 10.0.0.0/8 ::/0",
				"3 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "allow add tcp/80",
				"0 added, 1 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "deny del tcp/80 ::/0",
				"0 added, 1 moved to another list, 1 deleted\n");
	program_bed_assert_runs(&bed, "list", "deny 10.0.0.0/8\nallow tcp/80\n");
	program_bed_assert_runs(&bed, "allow del tcp/80",
				"0 added, 0 moved to another list, 1 deleted\n");
	program_bed_assert_runs(&bed, "list", "deny 10.0.0.0/8\n");
}

static void deleting_an_unknown_rule_changes_nothing(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80 10.0.0.0/8",
				"2 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_fails(&bed, "deny del tcp/80 10.0.0.0/16",
				 "'10.0.0.0/16' is not on the deny list; nothing was changed\n");
	program_bed_assert_fails(&bed, "allow del tcp/80",
				 "'tcp/80' is not on the allow list; nothing was changed\n");
	program_bed_assert_runs(&bed, "list", "deny 10.0.0.0/8\ndeny tcp/80\n");
}

static void every_wrong_rule_is_told_and_none_is_made(void **state)
{
	(void)state;
	program_bed_assert_fails(
		&bed, "deny add tcp/80 tcp/0 10.0.0.0/33",
		"'tcp/0': a port is a number from 1 to 65535\n"
		"'10.0.0.0/33': the prefix length of an IPv4 source is a number from 0 to "
		"32\n");
	program_bed_assert_runs(&bed, "list", "");
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = {
		"deny",	    "deny add", "deny list tcp/80", "allow del",
		"list all", "load",	"load a b",	    "stats all",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&bed, lines[i]), PROGRAM_USAGE);
}

static void run_denied_packet(int prog_fd, uint32_t verdict)
{
	struct progrun result = {};
	struct packet p;

	firewall_tcp4(&p);
	assert_int_equal(progrun_packet(prog_fd, &p, &result), 0);
	assert_int_equal(result.verdict, verdict);
}

static void a_new_version_goes_on_with_rules_and_counters(void **state)
{
	struct bpf_object *next = firewall_case_open(NULL);
	struct bpf_map *map, *old;

	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80",
				"1 added, 0 moved to another list, 0 deleted\n");
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_DROP);
	bpf_object__for_each_map(map, next) {
		old = bpf_object__find_map_by_name(bed.object, bpf_map__name(map));
		if (!bpf_map__is_internal(map))
			assert_int_equal(bpf_map__reuse_fd(map, bpf_map__fd(old)), 0);
	}
	assert_int_equal(bpf_object__load(next), 0);
	run_denied_packet(progrun_fd(next, "firewall"), XDP_DROP);
	assert_int_equal(firewall_case_count(next, FIREWALL_DENY_PORT), 2);
	bpf_object__close(next);
}

static void stats_shows_packets_and_bytes(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80",
				"1 added, 0 moved to another list, 0 deleted\n");
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_DROP);
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_DROP);
	program_bed_assert_runs(&bed, "stats",
				"counter           verdict       packets            bytes\n"
				"no_rule           pass                0                0\n"
				"allow_source      pass                0                0\n"
				"allow_port        pass                0                0\n"
				"neighbour         pass                0                0\n"
				"not_ip            pass                0                0\n"
				"allow_rule        pass                0                0\n"
				"allow_reply       pass                0                0\n"
				"deny_source       drop                0                0\n"
				"deny_port         drop                2              118\n"
				"deny_static       drop                0                0\n"
				"deny_default      drop                0                0\n"
				"fragment          drop                0                0\n"
				"bad_ethernet      drop                0                0\n"
				"bad_ip4           drop                0                0\n"
				"bad_ip6           drop                0                0\n"
				"bad_l4            drop                0                0\n"
				"too_deep          drop                0                0\n"
				"deny_rule         drop                0                0\n"
				"deny_limit        drop                0                0\n");
}

static void json_of_stats_has_every_counter(void **state)
{
	json_t *root, *item;

	(void)state;
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_PASS);
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 19);
	item = json_array_get(json_object_get(root, "counters"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "name")), "no_rule");
	assert_string_equal(json_string_value(json_object_get(item, "verdict")), "pass");
	assert_int_equal(json_integer_value(json_object_get(item, "packets")), 1);
	assert_int_equal(json_integer_value(json_object_get(item, "bytes")), 59);
	json_decref(root);
}

static void json_of_list_and_of_changes(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run_json(&bed, "deny add tcp/80 ::/0"), PROGRAM_OK);
	program_bed_assert_said(&bed, "{\n  \"added\": 2,\n  \"moved\": 0,\n  \"deleted\": 0\n}\n",
				"");
	assert_int_equal(program_bed_run_json(&bed, "list"), PROGRAM_OK);
	program_bed_assert_said(&bed,
				"{\n"
				"  \"rules\": [\n"
				"    {\n"
				"      \"list\": \"deny\",\n"
				"      \"kind\": \"source\",\n"
				"      \"rule\": \"::/0\"\n"
				"    },\n"
				"    {\n"
				"      \"list\": \"deny\",\n"
				"      \"kind\": \"port\",\n"
				"      \"rule\": \"tcp/80\"\n"
				"    }\n"
				"  ]\n"
				"}\n",
				"");
}

/* Runs in a child, which cannot come back from being nobody. */
static int list_and_change_as_nobody(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		return 1;
	if (program_bed_run(&bed, "list") != PROGRAM_OK || strcmp(bed.out, "deny tcp/80\n") != 0)
		return 2;
	if (program_bed_run(&bed, "deny add tcp/81") != PROGRAM_FAILED ||
	    strcmp(bed.err,
		   "cannot open map '" PROGRAM_BED_DIR
		   "/fw_sources4': Permission denied; maps are root's and the slot's owner's "
		   "(slotctl slots)\n") != 0)
		return 3;
	return 0;
}

static void reading_needs_no_more_than_read_permission(void **state)
{
	static const char *const names[] = { "fw_sources4", "fw_sources6", "fw_ports" };
	char path[128];
	int status;
	size_t i;
	pid_t pid;

	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80",
				"1 added, 0 moved to another list, 0 deleted\n");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", PROGRAM_BED_DIR, names[i]);
		assert_int_equal(chmod(path, 0644), 0);
	}
	pid = fork();
	if (!pid)
		_exit(list_and_change_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_missing_map_is_named(void **state)
{
	(void)state;
	assert_int_equal(
		bpf_map__unpin(bpf_object__find_map_by_name(bed.object, FIREWALL_PORTS_NAME), NULL),
		0);
	program_bed_assert_fails(&bed, "list",
				 "cannot open map '" PROGRAM_BED_DIR
				 "/fw_ports': No such file or directory; "
				 "does the program run in this slot, as new as slotctl?\n");
	program_bed_assert_fails(&bed, "deny add tcp/80",
				 "cannot open map '" PROGRAM_BED_DIR
				 "/fw_ports': No such file or directory; "
				 "does the program run in this slot, as new as slotctl?\n");
}

static void a_map_of_another_layout_is_refused(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, FIREWALL_COUNTS_NAME, 4, 16, 8, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(
		bpf_map__unpin(bpf_object__find_map_by_name(bed.object, FIREWALL_COUNTS_NAME),
			       NULL),
		0);
	assert_int_equal(bpf_obj_pin(fd, PROGRAM_BED_DIR "/fw_counts"), 0);
	program_bed_assert_fails(&bed, "stats",
				 "map '" PROGRAM_BED_DIR
				 "/fw_counts' has another layout than this command knows; "
				 "it belongs to another program or version\n");
	assert_int_equal(unlink(PROGRAM_BED_DIR "/fw_counts"), 0);
	close(fd);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(list_is_empty_at_first);
	ADD(list_shows_what_was_added_in_order);
	ADD(adding_a_rule_twice_changes_nothing);
	ADD(deleting_takes_a_rule_from_one_list_only);
	ADD(deleting_an_unknown_rule_changes_nothing);
	ADD(every_wrong_rule_is_told_and_none_is_made);
	ADD(commands_that_make_no_sense_ask_for_usage);
	ADD(a_new_version_goes_on_with_rules_and_counters);
	ADD(stats_shows_packets_and_bytes);
	ADD(json_of_stats_has_every_counter);
	ADD(json_of_list_and_of_changes);
	ADD(reading_needs_no_more_than_read_permission);
	ADD(a_missing_map_is_named);
	ADD(a_map_of_another_layout_is_refused);
	return tap_run(&plan, "firewall_cli", 1);
}
