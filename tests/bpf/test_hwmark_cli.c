/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark, and entries written and freed, on the pinned maps of a loaded hwmark. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/host/netns.h"
#include "programs/hwmark/maps/hwmark_maps.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;
static struct hwmark_maps maps;
static struct slot_reason why;

static void set_generation(__u32 generation)
{
	int fd = bpf_object__find_map_fd_by_name(bed.object, LB_GENERATION_NAME);
	__u32 zero = 0;

	assert_int_equal(bpf_map_update_elem(fd, &zero, &generation, BPF_ANY), 0);
}

static int set_up(void **state)
{
	struct lb_real real = { .flags = LB_REAL_USED, .epoch = 2 };
	__u32 index = 3;
	int fd;

	(void)state;
	program_bed_open(&bed, &hwmark_cli, progrun_open("bpf/hwmark.bpf.o"));
	assert_int_equal(inet_pton(AF_INET, "203.0.113.3", real.addr), 1);
	fd = bpf_object__find_map_fd_by_name(bed.object, LB_REALS_NAME);
	assert_int_equal(bpf_map_update_elem(fd, &index, &real, BPF_ANY), 0);
	set_generation(7);
	assert_int_equal(hwmark_maps_open(PROGRAM_BED_DIR, true, &why, &maps), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hwmark_maps_close(&maps);
	program_bed_close(&bed);
	return 0;
}

static struct hwmark_entry make_entry(void)
{
	struct hwmark_entry entry = {
		.generation = 7, .real = 3, .epoch = 2, .proto = IPPROTO_TCP, .dport = htons(80)
	};

	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", entry.dst), 1);
	return entry;
}

static void write_entry(__u32 mark, const struct hwmark_entry *entry)
{
	assert_int_equal(hwmark_entry_write(&maps, mark, entry, &why), 0);
}

static void show_counts_entries_by_their_state(void **state)
{
	struct hwmark_entry entry = make_entry();

	(void)state;
	write_entry(1, &entry);
	write_entry(65535, &entry);
	entry.generation = 6;
	write_entry(2, &entry);
	program_bed_assert_runs(&bed, "show",
				"mode unknown\nmark_from unknown\nmarks 65535\nlive 2\nstale 1\n"
				"free 65532\ngeneration 7\nagent not running\n");
	set_generation(8);
	program_bed_assert_runs(&bed, "show",
				"mode unknown\nmark_from unknown\nmarks 65535\nlive 0\nstale 3\n"
				"free 65532\ngeneration 8\nagent not running\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), 0);
	assert_non_null(strstr(bed.out, "\"stale\": 3"));
}

static void show_says_what_a_mark_stands_for(void **state)
{
	struct hwmark_entry entry = make_entry();

	(void)state;
	write_entry(10, &entry);
	program_bed_assert_runs(&bed, "show 10",
				"mark 10\nvip tcp/192.0.2.1:80\nclient any\nreal 203.0.113.3\n"
				"encap ipip\nstate live\n");
	entry.proto = IPPROTO_UDP;
	entry.is_ip6 = 1;
	entry.encap = LB_GUE;
	entry.sport = htons(1000);
	entry.epoch = 1;
	entry.generation = 5;
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", entry.dst), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:18::7", entry.src), 1);
	write_entry(10, &entry);
	program_bed_assert_runs(&bed, "show 10",
				"mark 10\nvip udp/[2001:db8::1]:80\nclient [2001:db8:18::7]:1000\n"
				"real gone\nencap gue\nstate stale\n");
	assert_int_equal(program_bed_run_json(&bed, "show 10"), 0);
	assert_non_null(strstr(bed.out, "\"client\": \"[2001:db8:18::7]:1000\""));
}

static void what_is_no_mark_is_refused(void **state)
{
	struct hwmark_entry entry = make_entry();

	(void)state;
	assert_int_equal(program_bed_run(&bed, "show 0"), PROGRAM_FAILED);
	assert_int_equal(program_bed_run(&bed, "show 65536"), PROGRAM_FAILED);
	assert_int_equal(program_bed_run(&bed, "show ten"), PROGRAM_FAILED);
	assert_int_equal(program_bed_run(&bed, "show 1 2"), PROGRAM_USAGE);
	assert_int_equal(program_bed_run(&bed, "stats 1"), PROGRAM_USAGE);
	program_bed_assert_fails(&bed, "show 9", "mark 9 has no entry\n");
	assert_int_equal(hwmark_entry_write(&maps, 0, &entry, &why), -EINVAL);
	assert_int_equal(hwmark_entry_write(&maps, 65536, &entry, &why), -EINVAL);
	assert_string_equal(why.text, "65536 is no mark, which are from 1 to 65535");
}

static void an_entry_that_is_freed_is_free_and_keeps_its_words(void **state)
{
	struct hwmark_entry entry = make_entry(), after;
	__u32 marks[] = { 5, 6 };

	(void)state;
	write_entry(5, &entry);
	write_entry(6, &entry);
	write_entry(7, &entry);
	assert_int_equal(hwmark_entries_free(&maps, marks, 2, &why), 0);
	assert_int_equal(hwmark_entry_get(&maps, 6, &why, &after), 0);
	assert_int_equal(after.generation, 0);
	/* Packets that saw it before may still read on. */
	assert_memory_equal(after.dst, entry.dst, sizeof(entry.dst));
	assert_int_equal(hwmark_entry_get(&maps, 7, &why, &after), 0);
	assert_int_equal(after.generation, 7);
	assert_int_equal(hwmark_entry_renew(&maps, 7, 9, &why), 0);
	assert_int_equal(hwmark_entry_get(&maps, 7, &why, &after), 0);
	assert_int_equal(after.generation, 9);
}

static bool is_even(const void *context, __u32 mark)
{
	assert_ptr_equal(context, &maps);
	return !(mark % 2);
}

static void all_entries_are_cleared_but_those_that_are_kept(void **state)
{
	struct hwmark_entry entry = make_entry();

	(void)state;
	for (__u32 mark = 1; mark < 5; mark++)
		write_entry(mark, &entry);
	write_entry(65535, &entry);
	hwmark_entries_clear(&maps, is_even, &maps);
	for (__u32 mark = 1; mark < 5; mark++)
		assert_int_equal(hwmark_entry_is_free(&maps, mark), mark % 2);
	assert_true(hwmark_entry_is_free(&maps, 65535));
	hwmark_entries_clear(&maps, NULL, NULL);
	assert_true(hwmark_entry_is_free(&maps, 2));
}

static void an_entry_that_cannot_be_had_is_left_as_it_was(void **state)
{
	struct hwmark_maps closed = HWMARK_MAPS_CLOSED;
	struct hwmark_entry entry = { .refreshed = 5 };

	(void)state;
	closed.marks = 2;
	assert_int_equal(hwmark_entry_get(&closed, 1, &why, &entry), -EBADF);
	assert_int_equal(entry.refreshed, 5);
}

static void an_entry_that_has_ended_is_not_renewed(void **state)
{
	const __u32 mark = 8;
	struct hwmark_entry entry = make_entry(), after;

	(void)state;
	assert_int_equal(hwmark_entry_write(&maps, mark, &entry, &why), 0);
	/* As the program does it, when the flow begins anew. */
	entry.generation = 0;
	assert_int_equal(bpf_map_update_elem(maps.entries, &mark, &entry, BPF_ANY), 0);
	assert_int_equal(hwmark_entry_renew(&maps, mark, 9, &why), -ESTALE);
	assert_int_equal(hwmark_entry_get(&maps, mark, &why, &after), 0);
	assert_int_equal(after.generation, 0);
}

static void stats_has_each_outcome(void **state)
{
	int fd = bpf_object__find_map_fd_by_name(bed.object, HWMARK_COUNTS_NAME);
	int cpus = libbpf_num_possible_cpus();
	struct hwmark_counts counts[cpus];
	__u32 zero = 0;

	(void)state;
	memset(counts, 0, sizeof(counts));
	for (int cpu = 0; cpu < cpus; cpu++)
		counts[cpu].count[HWMARK_STALE] = 10;
	counts[0].count[HWMARK_SENT6] = 4;
	assert_int_equal(bpf_map_update_elem(fd, &zero, counts, BPF_ANY), 0);
	assert_int_equal(program_bed_run(&bed, "stats"), 0);
	assert_non_null(strstr(bed.out, "sent6         tx                    4\n"));
	assert_int_equal(program_bed_run_json(&bed, "stats"), 0);
	for (__u32 i = 0; i < HWMARK_PASSED_COUNT + 3; i++) {
		const char *name = strstr(bed.out, "\"name\"");

		assert_non_null(name);
		bed.out[name - bed.out] = ' ';
		bed.out[name - bed.out + 1] = ' ';
	}
	assert_null(strstr(bed.out, "\"name\""));
}

/* Somebody who has the lock and does nothing; ends by itself. */
static pid_t hold_lock(int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	int lock = -1;
	pid_t child;

	assert_int_equal(hwmark_lock(PROGRAM_BED_DIR, 0, &why, &lock), 0);
	child = fork();
	if (!child) {
		nanosleep(&pause, NULL);
		_exit(0);
	}
	assert_true(child > 0);
	/* The child's is the same lock. */
	assert_int_equal(close(lock), 0);
	return child;
}

static void flush_frees_entries_when_whoever_was_at_them_has_ended(void **state)
{
	struct hwmark_entry entry = make_entry();
	struct hwmark_agent agent;
	__u64 number;
	pid_t child;

	(void)state;
	write_entry(5, &entry);
	child = hold_lock(100);
	program_bed_assert_runs(&bed, "flush", "");
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(hwmark_entry_get(&maps, 5, &why, &entry), 0);
	assert_int_equal(entry.generation, 0);
	/* The next agent is not asked for it again. */
	assert_int_equal(hwmark_agent_get(&maps, &why, &agent), 0);
	assert_int_equal(hwmark_flush_get(&maps, &why, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(agent.flushed, number);
}

static void flush_in_another_netns_than_the_rules_frees_nothing(void **state)
{
	struct hwmark_entry entry = make_entry();
	struct hwmark_agent agent = { .owner = 1, .device = "late0", .ifindex = 7 };

	(void)state;
	write_entry(5, &entry);
	assert_int_equal(slot_netns_cookie(&agent.netns), 0);
	agent.netns++;
	assert_int_equal(hwmark_agent_set(&maps, &agent, &why), 0);
	assert_int_equal(program_bed_run(&bed, "flush"), PROGRAM_FAILED);
	assert_non_null(strstr(bed.err, "the slot's rules are at late0 in another netns"));
	assert_int_equal(program_bed_run(&bed, "flows"), PROGRAM_FAILED);
	assert_non_null(strstr(bed.err, "the slot's rules are at late0 in another netns"));
	assert_int_equal(hwmark_entry_get(&maps, 5, &why, &entry), 0);
	assert_int_not_equal(entry.generation, 0);
}

static void who_has_the_lock_is_waited_for_as_long_as_was_asked_for(void **state)
{
	pid_t child = hold_lock(200);
	int lock = -1;

	(void)state;
	assert_int_equal(hwmark_lock(PROGRAM_BED_DIR, 0, &why, &lock), -EBUSY);
	assert_true(hwmark_is_locked(PROGRAM_BED_DIR));
	assert_int_equal(hwmark_lock(PROGRAM_BED_DIR, 5000, &why, &lock), 0);
	assert_int_equal(close(lock), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(hwmark_lock("/nowhere", 0, &why, &lock), -ENOENT);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, show_counts_entries_by_their_state, set_up, tear_down);
	TAP_ADD(&plan, show_says_what_a_mark_stands_for, set_up, tear_down);
	TAP_ADD(&plan, what_is_no_mark_is_refused, set_up, tear_down);
	TAP_ADD(&plan, an_entry_that_is_freed_is_free_and_keeps_its_words, set_up, tear_down);
	TAP_ADD(&plan, all_entries_are_cleared_but_those_that_are_kept, set_up, tear_down);
	TAP_ADD(&plan, an_entry_that_cannot_be_had_is_left_as_it_was, set_up, tear_down);
	TAP_ADD(&plan, an_entry_that_has_ended_is_not_renewed, set_up, tear_down);
	TAP_ADD(&plan, stats_has_each_outcome, set_up, tear_down);
	TAP_ADD(&plan, flush_frees_entries_when_whoever_was_at_them_has_ended, set_up, tear_down);
	TAP_ADD(&plan, flush_in_another_netns_than_the_rules_frees_nothing, set_up, tear_down);
	TAP_ADD(&plan, who_has_the_lock_is_waited_for_as_long_as_was_asked_for, set_up, tear_down);
	return tap_run(&plan, "hwmark_cli", 1);
}
