/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall, on the pinned maps of a loaded firewall. */
#include <pthread.h>
#include <stdatomic.h>
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
static char rules_path[] = "/tmp/slotd-firewall-XXXXXX";

static int set_up(void **state)
{
	static const struct firewall_config config;
	int fd = mkstemp(strcpy(rules_path, "/tmp/slotd-firewall-XXXXXX"));

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	program_bed_open(&bed, firewall_case_open(&config));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	unlink(rules_path);
	return 0;
}

static int run(const char *line)
{
	return program_bed_run(&bed, &firewall_cli, line);
}

static void assert_runs(const char *line, const char *out)
{
	int ret = run(line);

	program_bed_assert_said(&bed, out, "");
	assert_int_equal(ret, PROGRAM_OK);
}

static void assert_fails(const char *line, const char *err)
{
	int ret = run(line);

	program_bed_assert_said(&bed, "", err);
	assert_int_equal(ret, PROGRAM_FAILED);
}

static void write_rules(const char *text, size_t len)
{
	FILE *file = fopen(rules_path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int load_rules(const char *text)
{
	char line[128];

	write_rules(text, strlen(text));
	snprintf(line, sizeof(line), "load %s", rules_path);
	return run(line);
}

static void list_is_empty_at_first(void **state)
{
	(void)state;
	assert_runs("list", "");
}

static void list_shows_what_was_added_in_order(void **state)
{
	(void)state;
	assert_runs("deny add udp/53 203.0.113.0/24 2001:db8::/32 tcp/80",
		    "4 added, 0 moved to another list, 0 deleted\n");
	assert_runs("allow add 203.0.113.0/24 203.0.113.0/28 198.51.100.7 ::1",
		    "3 added, 1 moved to another list, 0 deleted\n");
	assert_runs("list", "allow 198.51.100.7/32\n"
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
	assert_runs("deny add tcp/80", "1 added, 0 moved to another list, 0 deleted\n");
	assert_runs("deny add tcp/80 tcp/80", "0 added, 0 moved to another list, 0 deleted\n");
	assert_runs("list", "deny tcp/80\n");
}

static void deleting_takes_a_rule_from_one_list_only(void **state)
{
	(void)state;
	assert_runs("deny add tcp/80 10.0.0.0/8 ::/0",
		    "3 added, 0 moved to another list, 0 deleted\n");
	assert_runs("allow add tcp/80", "0 added, 1 moved to another list, 0 deleted\n");
	assert_runs("deny del tcp/80 ::/0", "0 added, 1 moved to another list, 1 deleted\n");
	assert_runs("list", "deny 10.0.0.0/8\nallow tcp/80\n");
	assert_runs("allow del tcp/80", "0 added, 0 moved to another list, 1 deleted\n");
	assert_runs("list", "deny 10.0.0.0/8\n");
}

static void deleting_an_unknown_rule_changes_nothing(void **state)
{
	(void)state;
	assert_runs("deny add tcp/80 10.0.0.0/8", "2 added, 0 moved to another list, 0 deleted\n");
	assert_fails("deny del tcp/80 10.0.0.0/16",
		     "'10.0.0.0/16' is not on the deny list; nothing was changed\n");
	assert_fails("allow del tcp/80", "'tcp/80' is not on the allow list; nothing was changed\n");
	assert_runs("list", "deny 10.0.0.0/8\ndeny tcp/80\n");
}

static void every_wrong_rule_is_told_and_none_is_made(void **state)
{
	(void)state;
	assert_fails("deny add tcp/80 tcp/0 10.0.0.0/33",
		     "'tcp/0': a port is a number from 1 to 65535\n"
		     "'10.0.0.0/33': the prefix length of an IPv4 source is a number from 0 to "
		     "32\n");
	assert_runs("list", "");
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = {
		"deny", "deny add", "deny list tcp/80", "allow del", "list all",
		"load", "load a b", "stats all",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(run(lines[i]), PROGRAM_USAGE);
}

static void load_replaces_the_rules_in_force(void **state)
{
	(void)state;
	assert_runs("deny add tcp/80 10.0.0.0/8 2001:db8::/32",
		    "3 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules("# the new rules\n"
				    "\n"
				    "allow 10.0.0.0/8   # moved\n"
				    "\tdeny\t192.0.2.0/24\r\n"
				    "deny tcp/80"),
			 PROGRAM_OK);
	program_bed_assert_said(&bed, "1 added, 1 moved to another list, 1 deleted\n", "");
	assert_runs("list", "allow 10.0.0.0/8\ndeny 192.0.2.0/24\ndeny tcp/80\n");
}

static void load_takes_what_list_prints(void **state)
{
	(void)state;
	assert_runs("deny add tcp/65535 udp/1 0.0.0.0/0 203.0.113.7 2001:db8::/127 ::/0",
		    "6 added, 0 moved to another list, 0 deleted\n");
	assert_runs("allow add udp/1 203.0.113.7",
		    "0 added, 2 moved to another list, 0 deleted\n");
	assert_int_equal(run("list"), PROGRAM_OK);
	assert_int_equal(load_rules(bed.out), PROGRAM_OK);
	program_bed_assert_said(&bed, "0 added, 0 moved to another list, 0 deleted\n", "");
}

static void load_of_an_empty_file_deletes_all(void **state)
{
	(void)state;
	assert_runs("deny add tcp/80 10.0.0.0/8", "2 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules(""), PROGRAM_OK);
	program_bed_assert_said(&bed, "0 added, 0 moved to another list, 2 deleted\n", "");
	assert_runs("list", "");
}

static void load_with_wrong_lines_changes_nothing(void **state)
{
	char expected[512];

	(void)state;
	assert_runs("deny add tcp/80", "1 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules("deny tcp/81\npermit tcp/82\ndeny\n"), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected),
		 "%s:2: 'permit': expected allow or deny\n"
		 "%s:3: 'deny': expected a source or a port behind it\n"
		 "cannot load '%s'; nothing was changed\n",
		 rules_path, rules_path, rules_path);
	program_bed_assert_said(&bed, "", expected);
	assert_runs("list", "deny tcp/80\n");
}

static void load_says_which_file_it_cannot_open(void **state)
{
	(void)state;
	assert_fails("load /nonexistent/rules",
		     "cannot open '/nonexistent/rules': No such file or directory\n");
	assert_fails("load /tmp", "cannot read '/tmp': Is a directory\n");
}

static void load_refuses_a_file_of_more_than_32_mib(void **state)
{
	char line[128], expected[128];

	(void)state;
	assert_int_equal(truncate(rules_path, (32 << 20) + 1), 0);
	snprintf(line, sizeof(line), "load %s", rules_path);
	snprintf(expected, sizeof(expected), "'%s' is larger than 32 MiB\n", rules_path);
	assert_fails(line, expected);
}

/* @count sources of each family that no other @set has. */
static char *make_sources(int set, int count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	assert_non_null(out);
	for (i = 0; i < count; i++)
		fprintf(out, "deny %d.%d.%d.%d\ndeny 2001:db8:%x:%x::/64\n", 10 + set, i >> 16,
			i >> 8 & 255, i & 255, set, i & 0xffff);
	for (i = 0x10000; i < count; i++)
		fprintf(out, "deny 2001:db8:%x:%x::/64\n", set + 0x100, i & 0xffff);
	fclose(out);
	return text;
}

static void a_hundred_thousand_sources_of_each_family_are_replaced(void **state)
{
	char *first = make_sources(1, 100000), *second = make_sources(2, 100000);

	(void)state;
	assert_int_equal(load_rules(first), PROGRAM_OK);
	program_bed_assert_said(&bed, "200000 added, 0 moved to another list, 0 deleted\n", "");
	assert_int_equal(load_rules(second), PROGRAM_OK);
	program_bed_assert_said(&bed, "200000 added, 0 moved to another list, 200000 deleted\n",
				"");
	assert_fails("deny add 192.0.2.1",
		     "100001 IPv4 prefixes are more than the 100000 that fit\n");
	assert_fails("allow add 2001:db8::1",
		     "100001 IPv6 prefixes are more than the 100000 that fit\n");
	assert_int_equal(run("list"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "deny 12.1.134.159/32\n"));
	assert_null(strstr(bed.out, "deny 11."));
	free(first);
	free(second);
}

struct sender {
	int prog_fd;
	atomic_bool is_stopping;
	atomic_ulong sent;
	atomic_ulong passed;
};

static void build_denied(struct packet *p)
{
	packet_start(p, "", 0);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &(struct packet_ip4){ .src = "203.0.113.7", .dst = "192.0.2.1" });
	packet_eth(p);
}

static void *send_denied(void *data)
{
	struct sender *sender = data;
	struct progrun result;
	struct packet p;

	build_denied(&p);
	while (!atomic_load(&sender->is_stopping)) {
		if (progrun_packet(sender->prog_fd, &p, &result) || result.verdict != XDP_DROP)
			atomic_fetch_add(&sender->passed, 1);
		atomic_fetch_add(&sender->sent, 1);
	}
	return NULL;
}

/* Both files deny the sender, neither by a rule that the other has. */
static void no_packet_slips_through_while_rules_are_replaced(void **state)
{
	static const char *const files[] = {
		"deny 203.0.113.0/24\n",
		"deny 203.0.113.0/25\ndeny 203.0.113.128/25\n",
	};
	struct sender sender = { .prog_fd = progrun_fd(bed.object, "firewall") };
	pthread_t thread;
	int i;

	(void)state;
	assert_int_equal(load_rules(files[0]), PROGRAM_OK);
	assert_int_equal(pthread_create(&thread, NULL, send_denied, &sender), 0);
	for (i = 0; i < 100 || atomic_load(&sender.sent) < 1000; i++)
		assert_int_equal(load_rules(files[(i + 1) % 2]), PROGRAM_OK);
	atomic_store(&sender.is_stopping, true);
	pthread_join(thread, NULL);
	assert_int_equal(sender.passed, 0);
}

static void run_denied_packet(int prog_fd, uint32_t verdict)
{
	struct progrun result = {};
	struct packet p;

	build_denied(&p);
	assert_int_equal(progrun_packet(prog_fd, &p, &result), 0);
	assert_int_equal(result.verdict, verdict);
}

static void a_new_version_goes_on_with_rules_and_counters(void **state)
{
	static const struct firewall_config config;
	struct bpf_object *next = firewall_case_open(&config);
	struct bpf_map *map, *old;

	(void)state;
	assert_runs("deny add tcp/80", "1 added, 0 moved to another list, 0 deleted\n");
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
	assert_runs("deny add tcp/80", "1 added, 0 moved to another list, 0 deleted\n");
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_DROP);
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_DROP);
	assert_runs("stats", "counter           verdict       packets            bytes\n"
			     "no_rule           pass                0                0\n"
			     "allow_source      pass                0                0\n"
			     "allow_port        pass                0                0\n"
			     "neighbour         pass                0                0\n"
			     "not_ip            pass                0                0\n"
			     "deny_source       drop                0                0\n"
			     "deny_port         drop                2              108\n"
			     "deny_static       drop                0                0\n"
			     "deny_default      drop                0                0\n"
			     "fragment          drop                0                0\n"
			     "bad_ethernet      drop                0                0\n"
			     "bad_ip4           drop                0                0\n"
			     "bad_ip6           drop                0                0\n"
			     "bad_l4            drop                0                0\n"
			     "too_deep          drop                0                0\n");
}

static void json_of_stats_has_every_counter(void **state)
{
	json_t *root, *item;

	(void)state;
	run_denied_packet(progrun_fd(bed.object, "firewall"), XDP_PASS);
	assert_int_equal(program_bed_run_json(&bed, &firewall_cli, "stats"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "counters")), 15);
	item = json_array_get(json_object_get(root, "counters"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "name")), "no_rule");
	assert_string_equal(json_string_value(json_object_get(item, "verdict")), "pass");
	assert_int_equal(json_integer_value(json_object_get(item, "packets")), 1);
	assert_int_equal(json_integer_value(json_object_get(item, "bytes")), 54);
	json_decref(root);
}

static void json_of_list_and_of_changes(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run_json(&bed, &firewall_cli, "deny add tcp/80 ::/0"),
			 PROGRAM_OK);
	program_bed_assert_said(
		&bed, "{\n  \"added\": 2,\n  \"moved\": 0,\n  \"deleted\": 0\n}\n", "");
	assert_int_equal(program_bed_run_json(&bed, &firewall_cli, "list"), PROGRAM_OK);
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
	if (run("list") != PROGRAM_OK || strcmp(bed.out, "deny tcp/80\n") != 0)
		return 2;
	if (run("deny add tcp/81") != PROGRAM_FAILED ||
	    strcmp(bed.err, "cannot open map '" PROGRAM_BED_DIR
			    "/fw_sources4': Permission denied\n") != 0)
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
	assert_runs("deny add tcp/80", "1 added, 0 moved to another list, 0 deleted\n");
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
	assert_int_equal(bpf_map__unpin(
				 bpf_object__find_map_by_name(bed.object, FIREWALL_PORTS_NAME),
				 NULL),
			 0);
	assert_fails("list", "cannot open map '" PROGRAM_BED_DIR
			     "/fw_ports': No such file or directory; "
			     "does the program run in this slot?\n");
	assert_fails("deny add tcp/80", "cannot open map '" PROGRAM_BED_DIR
					"/fw_ports': No such file or directory; "
					"does the program run in this slot?\n");
}

static void a_map_of_another_layout_is_refused(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, FIREWALL_COUNTS_NAME, 4, 16, 8, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_map__unpin(
				 bpf_object__find_map_by_name(bed.object, FIREWALL_COUNTS_NAME),
				 NULL),
			 0);
	assert_int_equal(bpf_obj_pin(fd, PROGRAM_BED_DIR "/fw_counts"), 0);
	assert_fails("stats", "map '" PROGRAM_BED_DIR
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
	ADD(load_replaces_the_rules_in_force);
	ADD(load_takes_what_list_prints);
	ADD(load_of_an_empty_file_deletes_all);
	ADD(load_with_wrong_lines_changes_nothing);
	ADD(load_says_which_file_it_cannot_open);
	ADD(load_refuses_a_file_of_more_than_32_mib);
	ADD(a_hundred_thousand_sources_of_each_family_are_replaced);
	ADD(no_packet_slips_through_while_rules_are_replaced);
	ADD(a_new_version_goes_on_with_rules_and_counters);
	ADD(stats_shows_packets_and_bytes);
	ADD(json_of_stats_has_every_counter);
	ADD(json_of_list_and_of_changes);
	ADD(reading_needs_no_more_than_read_permission);
	ADD(a_missing_map_is_named);
	ADD(a_map_of_another_layout_is_refused);
	return tap_run(&plan, "firewall_cli", 1);
}
