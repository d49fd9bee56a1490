/* SPDX-License-Identifier: GPL-2.0-only */
/* A command of sk_steer that is killed before any of its writes: lookups follow the rules before it. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/mapcall.h"
#include "tests/support/steer_case.h"
#include "tests/support/tap.h"

#define RULES_APART 500 /* the bank's rules are not read by the program: one write is as the next */

static int before, after, fallback;

static int open_web(const char *group)
{
	int fd = steer_web_open(0);

	steer_socket_add(group, fd);
	return fd;
}

static int set_up(void **state)
{
	steer_set_up(state);
	steer_assert_does("rule add 192.0.2.0/24 tcp any fallback");
	before = open_web("before");
	after = open_web("after");
	fallback = open_web("fallback");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(before);
	close(after);
	close(fallback);
	return steer_tear_down(state);
}

static pid_t fork_command(const char *line)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	_exit(program_bed_run(&steer_bed, line));
}

static bool is_worth_it(pid_t child, const struct ptrace_syscall_info *info, int *rules)
{
	if (!mapcall_is_write(info))
		return false;
	return mapcall_map(child, info) != mapcall_id(steer_bed.object, SK_STEER_RULES_NAME) ||
	       !((*rules)++ % RULES_APART);
}

/* Kills @child before the write number @kill_at of these. Returns whether it came to that. */
static bool trace_until(pid_t child, int kill_at)
{
	int status, rules = 0, count = 0;

	while (waitpid(child, &status, 0) == child && !WIFEXITED(status) && !WIFSIGNALED(status)) {
		struct ptrace_syscall_info info = {};

		ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
		if (is_worth_it(child, &info, &rules) && count++ == kill_at) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return true;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), PROGRAM_OK);
	return false;
}

static void assert_leads(uint16_t port, int fd)
{
	steer_assert_finds(&(struct steer_lookup){ "192.0.2.1", port, IPPROTO_TCP, 0 }, fd);
}

/* Once killed the same command is said again, and then all is as it was meant. */
static void assert_is_whole(const char *line, int old, int new)
{
	bool is_killed = true;

	for (int kill_at = 0; is_killed; kill_at++) {
		is_killed = trace_until(fork_command(line), kill_at);
		assert_leads(80, is_killed ? old : new);
		assert_leads(81, fallback);
		assert_true(is_killed || kill_at > 5);
	}
}

static void a_rule_that_comes_is_there_or_not(void **state)
{
	(void)state;
	assert_is_whole("rule add 192.0.2.1 tcp 80 after", fallback, after);
}

static void a_rule_that_moves_leads_here_or_there(void **state)
{
	(void)state;
	steer_assert_does("rule add 192.0.2.1 tcp 80 before");
	assert_is_whole("rule add 192.0.2.1 tcp 80 after", before, after);
}

static void a_rule_that_goes_is_gone_or_not(void **state)
{
	(void)state;
	steer_assert_does("rule add 192.0.2.1 tcp 80 before");
	steer_assert_does("rule add 192.0.2.0/25 tcp 82 before");
	assert_is_whole("rule del 192.0.2.1 tcp 80", before, fallback);
	assert_leads(82, before);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_rule_that_comes_is_there_or_not);
	ADD(a_rule_that_moves_leads_here_or_there);
	ADD(a_rule_that_goes_is_gone_or_not);
	return tap_run(&plan, "sk_steer_kill", 1);
}
