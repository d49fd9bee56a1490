/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall load under packets, and killed at any moment. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "tests/support/fw_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define LARGE 3000
#define KILLS 40

static char line[128];

/* Many rules that say nothing of the packets sent, and in a line @port that is accepted. */
static char *make_large(unsigned int port)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned int i;

	assert_non_null(out);
	fprintf(out, "policy drop\n# %u\n", port);
	for (i = 0; i < LARGE; i++)
		fprintf(out, "ip saddr 10.%u.%u.0/24 udp dport %u drop\n", i >> 8, i & 255,
			1000 + i);
	fprintf(out, "ip saddr 203.0.113.0/24 tcp dport { 80, %u } accept\n", port);
	fclose(out);
	return text;
}

static void kill_load(const char *text, long after_ns)
{
	const struct timespec pause = { .tv_nsec = after_ns };
	int status;
	pid_t child;

	fw_bed_write(text);
	snprintf(line, sizeof(line), "load %s", fw_bed_path);
	child = fork();
	if (!child)
		_exit(program_bed_run(&fw_bed, line));
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* Whatever a load got to, rules and their text are those from before or the new ones. */
static void a_load_that_is_killed_leaves_the_old_or_the_new(void **state)
{
	char *texts[] = { make_large(81), make_large(82) };
	int i, in_force = 0, kept = 0;

	(void)state;
	fw_bed_load(texts[0]);
	for (i = 0; i < KILLS; i++) {
		kill_load(texts[!in_force], 1000000L * i);
		assert_int_equal(program_bed_run(&fw_bed, "show"), PROGRAM_OK);
		assert_true(!strcmp(fw_bed.out, texts[0]) || !strcmp(fw_bed.out, texts[1]));
		kept += !strcmp(fw_bed.out, texts[in_force]);
		in_force = !strcmp(fw_bed.out, texts[1]);
		assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN)), XDP_PASS);
		assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 81, FW_BED_SYN)),
				 in_force ? XDP_DROP : XDP_PASS);
		assert_int_equal(fw_bed_send(fw_bed_tcp("203.0.113.7", 82, FW_BED_SYN)),
				 in_force ? XDP_PASS : XDP_DROP);
	}
	assert_true(kept > 0);
	fw_bed_load(texts[0]);
	program_bed_assert_runs(&fw_bed, "show", texts[0]);
	free(texts[0]);
	free(texts[1]);
}

struct sender {
	int prog_fd;
	atomic_bool is_stopping;
	atomic_ulong sent;
	atomic_ulong wrong;
};

/* To a port that all rulesets accept, and to one that none does. */
static void *send_both(void *data)
{
	struct sender *sender = data;
	struct packet good = fw_bed_tcp("203.0.113.7", 80, FW_BED_SYN), bad;
	struct progrun result;

	bad = fw_bed_tcp("203.0.113.7", 99, FW_BED_SYN);
	while (!atomic_load(&sender->is_stopping)) {
		if (progrun_packet(sender->prog_fd, &good, &result) || result.verdict != XDP_PASS)
			atomic_fetch_add(&sender->wrong, 1);
		if (progrun_packet(sender->prog_fd, &bad, &result) || result.verdict != XDP_DROP)
			atomic_fetch_add(&sender->wrong, 1);
		atomic_fetch_add(&sender->sent, 2);
	}
	return NULL;
}

static void packets_meet_one_ruleset_or_the_other(void **state)
{
	char *texts[] = { make_large(81), make_large(82) };
	struct sender sender = { .prog_fd = progrun_fd(fw_bed.object, "firewall") };
	pthread_t thread;
	int i;

	(void)state;
	fw_bed_load(texts[0]);
	assert_int_equal(pthread_create(&thread, NULL, send_both, &sender), 0);
	for (i = 0; i < 10 || atomic_load(&sender.sent) < 1000; i++)
		fw_bed_load(texts[(i + 1) % 2]);
	atomic_store(&sender.is_stopping, true);
	pthread_join(thread, NULL);
	assert_int_equal(sender.wrong, 0);
	free(texts[0]);
	free(texts[1]);
}

#define ADD(fn) TAP_ADD(&plan, fn, fw_bed_set_up, fw_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_load_that_is_killed_leaves_the_old_or_the_new);
	ADD(packets_meet_one_ruleset_or_the_other);
	return tap_run(&plan, "fw_reload", 1);
}
