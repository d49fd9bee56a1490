/* SPDX-License-Identifier: GPL-2.0-only */
/* What does not fit into sk_steer's maps, or that the kernel refuses, leaves them as they were. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "tests/support/steer_case.h"
#include "tests/support/tap.h"

/* --- rules ----------------------------------------------------------------------------------- */

static void no_more_rules_are_taken_than_fit(void **state)
{
	char path[] = "/tmp/steer_rules_XXXXXX", line[64];
	int fd = mkstemp(path);
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	for (int i = 0; i < SK_STEER_RULES_MAX; i++)
		fprintf(file, "192.0.2.0/24 tcp %d web\n", 1000 + i);
	fclose(file);
	snprintf(line, sizeof(line), "rule load %s", path);
	steer_assert_does(line);
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1 tcp 80 web",
				 "1024 rules are all that fit\n");
	steer_assert_does("rule add 192.0.2.0/24 tcp 1000 web drop");
	program_bed_assert_runs(&steer_bed, "rule del 192.0.2.0/24 tcp 1001", "");
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_assert_web_finds(-1);
	unlink(path);
}

/* Each of a thousand rules divides what the one around it leaves, in each of the longer prefixes, too. */
static void rules_that_overlap_in_too_many_ways_make_no_group(void **state)
{
	char path[] = "/tmp/steer_rules_XXXXXX", line[64];
	int fd = mkstemp(path);
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	for (int i = 0; i < 1000; i++)
		fprintf(file, "192.0.2.0/24 tcp %d-%d web\n", 1000 + i, 60000 - i);
	for (int len = 25; len < 32; len++)
		fprintf(file, "192.0.2.0/%d tcp 80 web\n", len);
	fclose(file);
	snprintf(line, sizeof(line), "rule load %s", path);
	steer_assert_does(line);
	program_bed_assert_fails(
		&steer_bed, "rule add 192.0.2.0 tcp 80 other",
		"the rules overlap in more than 16384 ways, which is all that fits\n");
	assert_int_equal(program_bed_run(&steer_bed, "socket list"), PROGRAM_OK);
	assert_non_null(strstr(steer_bed.out, "web"));
	assert_null(strstr(steer_bed.out, "other"));
	unlink(path);
}

/* --- sockets --------------------------------------------------------------------------------- */

/* One that is in a map of sk_reuseport, which the kernel takes into no second kind of map. */
static int open_refused(int *ret_map)
{
	struct steer_socket shared = { "127.0.0.1", 0, IPPROTO_TCP, true, false };
	const __u32 first = 0;
	__u64 value;
	int fd = steer_socket_open(&shared);

	*ret_map = bpf_map_create(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, "refused", sizeof(first),
				  sizeof(value), 1, NULL);
	assert_true(*ret_map >= 0);
	value = (__u64)fd;
	assert_int_equal(bpf_map_update_elem(*ret_map, &first, &value, BPF_ANY), 0);
	return fd;
}

static void a_socket_that_is_refused_leaves_the_group_as_it_was(void **state)
{
	int old = steer_web_open(0), new = steer_web_open(0), map, refused = open_refused(&map);
	char line[128], before[256];

	(void)state;
	snprintf(line, sizeof(line), "socket add web %d:%d", getpid(), refused);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
	program_bed_assert_runs(&steer_bed, "socket list", STEER_SOCKET_HEAD);
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_socket_add("web", old);
	assert_int_equal(program_bed_run(&steer_bed, "socket list"), PROGRAM_OK);
	snprintf(before, sizeof(before), "%s", steer_bed.out);
	snprintf(line, sizeof(line), "socket set web %d:%d %d:%d", getpid(), new, getpid(),
		 refused);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
	assert_non_null(strstr(steer_bed.err, "it is in a map of sk_reuseport already"));
	steer_assert_web_finds(old);
	program_bed_assert_runs(&steer_bed, "socket list", before);
	close(old);
	close(new);
	close(refused);
	close(map);
}

static void a_full_group_that_is_set_by_half_says_so(void **state)
{
	int fds[SK_STEER_PLACES_MAX], new = steer_web_open(0), map, refused = open_refused(&map);
	char line[128];

	(void)state;
	for (int i = 0; i < SK_STEER_PLACES_MAX; i++) {
		fds[i] = steer_web_open(0);
		steer_socket_add("web", fds[i]);
	}
	snprintf(line, sizeof(line), "socket set web %d:%d %d:%d", getpid(), new, getpid(),
		 refused);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
	assert_non_null(strstr(steer_bed.err,
			       "the first 1 of 2 were put, and the sockets behind are as "
			       "before: "));
	for (int i = 0; i < SK_STEER_PLACES_MAX; i++)
		close(fds[i]);
	close(new);
	close(refused);
	close(map);
}

static void a_group_takes_so_many_sockets_and_a_chain_so_many_groups(void **state)
{
	int fds[SK_STEER_PLACES_MAX + 1];
	char line[128];

	(void)state;
	for (int i = 0; i <= SK_STEER_PLACES_MAX; i++) {
		fds[i] = steer_web_open(0);
		if (i < SK_STEER_PLACES_MAX)
			steer_socket_add("web", fds[i]);
	}
	snprintf(line, sizeof(line), "socket add web %d:%d", getpid(), fds[SK_STEER_PLACES_MAX]);
	program_bed_assert_fails(&steer_bed, line,
				 "cannot put a socket into group 'web': the group has 16 sockets, "
				 "which is all that fits\n");
	close(fds[3]);
	steer_assert_does(line);
	for (int i = 1; i < SK_STEER_GROUPS_MAX; i++) {
		snprintf(line, sizeof(line), "rule add 192.0.2.1 tcp %d group%d", i, i);
		steer_assert_does(line);
	}
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.2 tcp 80 more",
				 "no room for group 'more': 64 are all that fit\n");
	program_bed_assert_runs(&steer_bed, "rule del 192.0.2.1 tcp 7", "");
	steer_assert_does("rule add 192.0.2.2 tcp 80 more");
	for (int i = 0; i <= SK_STEER_PLACES_MAX; i++)
		if (i != 3)
			close(fds[i]);
}

/* Each on maps of its own. */
#define ADD(fn) TAP_ADD(&plan, fn, steer_set_up, steer_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(no_more_rules_are_taken_than_fit);
	ADD(rules_that_overlap_in_too_many_ways_make_no_group);
	ADD(a_socket_that_is_refused_leaves_the_group_as_it_was);
	ADD(a_full_group_that_is_set_by_half_says_so);
	ADD(a_group_takes_so_many_sockets_and_a_chain_so_many_groups);
	return tap_run(&plan, "sk_steer_limits", 1);
}
