/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time that each step of a handoff takes, in a program that is linked with --wrap for these
 * functions: each of them passes here. A line for each, to the file $HANDOFF_TIMES, which is
 * memory of the process, so that writing costs next to nothing and a killed process leaves it:
 *
 *	id of the handoff, turn, at home (1 or 0), what, begin and end in ns, error
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/mman.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_ways.h"

#define LINE 96
#define LINES 200000

static char *lines;
static size_t count;
/* Steps do not nest, and there is one thread. */
static const struct handoff_conn *current;

__attribute__((constructor)) static void open_times(void)
{
	const char *path = getenv("HANDOFF_TIMES");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	if (!ftruncate(fd, (off_t)LINE * LINES))
		lines = mmap(NULL, (size_t)LINE * LINES, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_POPULATE, fd, 0);
	if (lines == MAP_FAILED)
		lines = NULL;
	close(fd);
}

static int64_t now_ns(void)
{
	return (int64_t)slot_clock_ns();
}

static int note(const char *what, int64_t begin_ns, int err)
{
	int64_t end_ns = now_ns();

	if (lines && current && count < LINES)
		snprintf(lines + count++ * LINE, LINE, "%llx %u %d %s %lld %lld %d\n",
			 (unsigned long long)current->id, current->machine.turn,
			 current->machine.is_home, what, (long long)begin_ns, (long long)end_ns,
			 err);
	return err;
}

/* __wrap_NAME(...) of @parameters, which passes @arguments on to it. */
#define TIMED(name, what, parameters, arguments)                                                   \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		int64_t begin_ns = now_ns();                                                       \
                                                                                                   \
		return note(what, begin_ns, __real_##name arguments);                              \
	}

/* clang-format off */
TIMED(handoff_rules_block, "rule_block",
      (const struct handoff_rules *rules, const struct handoff_key *key, __u64 id, __u64 deadline_ns),
      (rules, key, id, deadline_ns))
TIMED(handoff_rules_redirect, "rule_redirect",
      (const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
       const struct handoff_target *target),
      (rules, key, id, target))
TIMED(handoff_rules_rewrite, "rule_rewrite",
      (const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
       const struct handoff_source *source, enum handoff_ingress ingress),
      (rules, key, id, source, ingress))
TIMED(handoff_rules_remove, "rule_remove",
      (const struct handoff_rules *rules, const struct handoff_key *key, __u64 id),
      (rules, key, id))
TIMED(handoff_ways_find, "find_target",
      (struct handoff_ways *ways, const struct sockaddr *address, struct slot_reason *why,
       struct handoff_target *ret_target),
      (ways, address, why, ret_target))
TIMED(handoff_capture, "capture",
      (struct handoff *h, int fd, struct handoff_state **ret_state), (h, fd, ret_state))
TIMED(handoff_restore, "restore",
      (struct handoff *h, const struct handoff_state *state, const struct sockaddr *local, int *ret_fd),
      (h, state, local, ret_fd))
TIMED(handoff_resume, "thaw",
      (struct handoff *h, const struct handoff_state *state, int fd), (h, state, fd))
/* clang-format on */

static const char *const steps[HANDOFF_ACTION_COUNT] = {
	[HANDOFF_DO_BLOCK] = "do_block",     [HANDOFF_DO_CAPTURE] = "do_capture",
	[HANDOFF_DO_COMMIT] = "do_commit",   [HANDOFF_DO_RESTORE] = "do_restore",
	[HANDOFF_DO_PREPARE] = "do_prepare", [HANDOFF_DO_START] = "do_start",
	[HANDOFF_DO_CLOSE] = "do_close",     [HANDOFF_SAY_OFFER] = "say_offer",
	[HANDOFF_SAY_ACK] = "say_ack",	     [HANDOFF_SAY_READY] = "say_ready",
};

int __real_handoff_step_run(struct handoff_host *host, struct handoff_conn *conn,
			    enum handoff_action_kind kind);
int __wrap_handoff_step_run(struct handoff_host *host, struct handoff_conn *conn,
			    enum handoff_action_kind kind);
int __wrap_handoff_step_run(struct handoff_host *host, struct handoff_conn *conn,
			    enum handoff_action_kind kind)
{
	int64_t begin_ns = now_ns();
	int err;

	current = conn;
	err = __real_handoff_step_run(host, conn, kind);
	if (steps[kind])
		note(steps[kind], begin_ns, err);
	current = NULL;
	return err;
}

int __real_handoff_conn_say(struct handoff_host *host, struct handoff_conn *conn,
			    const struct handoff_action *action);
int __wrap_handoff_conn_say(struct handoff_host *host, struct handoff_conn *conn,
			    const struct handoff_action *action);
int __wrap_handoff_conn_say(struct handoff_host *host, struct handoff_conn *conn,
			    const struct handoff_action *action)
{
	int64_t begin_ns = now_ns();
	int err;

	current = conn;
	err = __real_handoff_conn_say(host, conn, action);
	if (steps[action->kind])
		note(steps[action->kind], begin_ns, err);
	current = NULL;
	return err;
}
