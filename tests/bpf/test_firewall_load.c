/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall load: whole rule sets, while packets come in. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "tests/support/firewall_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;
static char rules_path[] = "/tmp/slotd-firewall-XXXXXX";

static int set_up(void **state)
{
	int fd = mkstemp(strcpy(rules_path, "/tmp/slotd-firewall-XXXXXX"));

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	program_bed_open(&bed, &firewall_cli, firewall_case_open(NULL));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	unlink(rules_path);
	return 0;
}

static int load_rules(const char *text)
{
	FILE *file = fopen(rules_path, "w");
	char line[128];

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	snprintf(line, sizeof(line), "load %s", rules_path);
	return program_bed_run(&bed, line);
}

static void load_replaces_the_rules_in_force(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80 10.0.0.0/8 2001:db8::/32",
				"3 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules("# the new rules\n"
				    "\n"
				    "allow 10.0.0.0/8   # moved\n"
				    "\tdeny\t192.0.2.0/24\r\n"
				    "deny tcp/80"),
			 PROGRAM_OK);
	program_bed_assert_said(&bed, "1 added, 1 moved to another list, 1 deleted\n", "");
	program_bed_assert_runs(&bed, "list", "allow 10.0.0.0/8\ndeny 192.0.2.0/24\ndeny tcp/80\n");
}

static void load_takes_what_list_prints(void **state)
{
	(void)state;
	program_bed_assert_runs(
		&bed, "deny add tcp/65535 udp/1 0.0.0.0/0 203.0.113.7 2001:db8::/127 ::/0",
		"6 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "allow add udp/1 203.0.113.7",
				"0 added, 2 moved to another list, 0 deleted\n");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
	assert_int_equal(load_rules(bed.out), PROGRAM_OK);
	program_bed_assert_said(&bed, "0 added, 0 moved to another list, 0 deleted\n", "");
}

static void load_of_an_empty_file_deletes_all(void **state)
{
	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80 10.0.0.0/8",
				"2 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules(""), PROGRAM_OK);
	program_bed_assert_said(&bed, "0 added, 0 moved to another list, 2 deleted\n", "");
	program_bed_assert_runs(&bed, "list", "");
}

static void load_with_wrong_lines_changes_nothing(void **state)
{
	char expected[512];

	(void)state;
	program_bed_assert_runs(&bed, "deny add tcp/80",
				"1 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(load_rules("deny tcp/81\npermit tcp/82\ndeny\n"), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected),
		 "%s:2: 'permit': expected allow or deny\n"
		 "%s:3: 'deny': expected a source or a port behind it\n"
		 "cannot load '%s'; nothing was changed\n",
		 rules_path, rules_path, rules_path);
	program_bed_assert_said(&bed, "", expected);
	program_bed_assert_runs(&bed, "list", "deny tcp/80\n");
}

static void load_says_which_file_it_cannot_open(void **state)
{
	(void)state;
	program_bed_assert_fails(&bed, "load /nonexistent/rules",
				 "cannot open '/nonexistent/rules': No such file or directory; "
				 "nothing was changed\n");
	program_bed_assert_fails(&bed, "load /tmp",
				 "cannot read '/tmp': Is a directory; nothing was changed\n");
}

static void load_refuses_a_file_of_more_than_32_mib(void **state)
{
	char line[128], expected[128];

	(void)state;
	assert_int_equal(truncate(rules_path, (32 << 20) + 1), 0);
	snprintf(line, sizeof(line), "load %s", rules_path);
	snprintf(expected, sizeof(expected), "'%s' is larger than 32 MiB; nothing was changed\n",
		 rules_path);
	program_bed_assert_fails(&bed, line, expected);
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
	program_bed_assert_fails(&bed, "deny add 192.0.2.1",
				 "100001 IPv4 prefixes are more than the 100000 that fit\n");
	program_bed_assert_fails(&bed, "allow add 2001:db8::1",
				 "100001 IPv6 prefixes are more than the 100000 that fit\n");
	assert_int_equal(program_bed_run(&bed, "list"), PROGRAM_OK);
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

static void *send_denied(void *data)
{
	struct sender *sender = data;
	struct progrun result;
	struct packet p;

	firewall_tcp4(&p);
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

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(load_replaces_the_rules_in_force);
	ADD(load_takes_what_list_prints);
	ADD(load_of_an_empty_file_deletes_all);
	ADD(load_with_wrong_lines_changes_nothing);
	ADD(load_says_which_file_it_cannot_open);
	ADD(load_refuses_a_file_of_more_than_32_mib);
	ADD(a_hundred_thousand_sources_of_each_family_are_replaced);
	ADD(no_packet_slips_through_while_rules_are_replaced);
	return tap_run(&plan, "firewall_load", 1);
}
