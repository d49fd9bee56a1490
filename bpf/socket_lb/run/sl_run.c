/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "bpf/socket_lb/run/sl_run_chain.h"
#include "bpf/socket_lb/run/sl_run_command.h"
#include "bpf/socket_lb/run/sl_run_connections.h"
#include "bpf/socket_lb/run/sl_run_lack.h"
#include "bpf/socket_lb/run/sl_run_notify.h"
#include "bpf/socket_lb/run/sl_run_serving.h"
#include "bpf/socket_lb/run/sl_run_signal.h"
#include "bpf/socket_lb/run/sl_run_sockets.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"

#define STARTING_MS 20 /* between two looks */
#define SERVING_MS 100
#define SOCKETS_MS 1000 /* between two looks at sockets, once it serves */
#define SETTLED_MS 300	/* no more sockets come for so long: these are all */
#define SPARE_S 5	/* more than what this process does takes, for who waits for it */

enum phase {
	PHASE_STARTING, /* sockets come; nothing new reaches them yet */
	PHASE_SERVING,
	PHASE_DRAINING, /* a newer instance serves */
	PHASE_STOPPING, /* CMD was told to end */
};

struct runner {
	const struct sl_run *run;
	struct socketlb *lb;
	struct sl_run_sockets *sockets;
	enum phase phase;
	pid_t child;
	pid_t successor; /* -1: none */
	pid_t session;	 /* that it leads, and its command is in; -1: there was none */
	int signals;
	sigset_t mask;	/* that was before: children have it */
	int status;	/* of CMD, once it ended, as wait(2) has it */
	bool has_ended; /* there is no process of CMD's left */
	bool was_told_busy;
	bool is_ending_session; /* until nothing of it is left */
	bool is_failed;		/* it was given up before it served */
	bool has_handed_on;	/* a successor of its own is the unit now, as the manager sees it */
	bool is_to_end;		/* it was told to end, by nobody but this process */
	bool has_drained;	/* or its time to do so was over */
	int64_t began_ms;	/* the phase */
	int64_t busy_ms;	/* when an instance was last waited for, or the phase began */
	int64_t changed_ms;	/* when the last socket was registered */
	int64_t looked_ms;	/* at sockets */
	int64_t notified_ms;	/* that it waits */
	char trouble[sizeof(((struct slot_reason *)0)->text)]; /* that was told last */
};

__attribute__((format(printf, 2, 3))) static void say(const struct runner *r, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "slotctl: socket run '%s': ", r->run->chain);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

static void enter(struct runner *r, enum phase phase)
{
	r->phase = phase;
	r->began_ms = slot_clock_ms();
	r->busy_ms = r->began_ms;
}

/* --- start ----------------------------------------------------------------------------------- */

/* A successor is this command again, as it is installed by now. */
static void start_successor(struct runner *r)
{
	if (r->successor > 0 || r->phase != PHASE_SERVING) {
		say(r, "a successor is not started: %s",
		    r->successor > 0 ? "one starts already" : "this one does not serve");
		return;
	}
	sl_run_notify_reloading();
	r->successor = fork();
	if (!r->successor) {
		setsid();
		sigprocmask(SIG_SETMASK, &r->mask, NULL);
		execvp(r->run->self[0], r->run->self);
		_exit(SL_RUN_CANNOT_RUN);
	}
	if (r->successor < 0) {
		say(r, "cannot fork: %s; this one serves on", strerror(errno));
		sl_run_notify_serving();
		return;
	}
	r->session = r->successor;
	r->is_ending_session = false;
}

/* --- what children and others tell -------------------------------------------------------------- */

/*
 * What a successor ran comes to be below this process when it dies. Where it did not take over it
 * is ended, before it holds a place for ever; where it did, it serves on and is left alone.
 */
static void end_successor(struct runner *r, int status)
{
	char how[SL_RUN_SIGNAL_TEXT_MAX];

	r->successor = -1;
	if (r->phase == PHASE_DRAINING || socketlb_is_replaced(r->lb) == 1) {
		r->has_handed_on = true;
		return;
	}
	r->is_ending_session = sl_run_tree_end_session(r->session);
	if (r->phase != PHASE_SERVING)
		return;
	sl_run_signal_format_end(status, how);
	say(r, "the successor ended (%s) before it took over; this one serves on", how);
	sl_run_notify_serving();
}

/* What CMD left behind, a daemon of its own making, is CMD from then on. */
static void reap(struct runner *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->successor) {
			end_successor(r, status);
		} else if (pid == r->child) {
			r->child = -1;
			r->status = status;
			r->has_ended = status != 0;
		}
	}
}

/* To CMD, or to the first of what it left behind. */
static void send_signal(const struct runner *r, int number)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;

	if (r->child > 0)
		kill(r->child, number);
	else if (!sl_run_tree_get(r->session, NULL, &tree) && tree->count)
		kill(tree->pids[0], number);
}

/* From the terminal, CMD has it already. */
static void take_signal(struct runner *r, const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;

	if (number == SIGCHLD) {
		reap(r);
	} else if (number == r->run->reload_signal) {
		start_successor(r);
	} else if (info->ssi_code != SI_KERNEL) {
		if (number == SIGTERM || number == SIGINT || number == SIGQUIT)
			enter(r, PHASE_STOPPING);
		send_signal(r, number);
	}
}

static void take_events(struct runner *r, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = r->signals, .events = POLLIN };
	struct signalfd_siginfo info;

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return;
	while (read(r->signals, &info, sizeof(info)) == sizeof(info))
		take_signal(r, &info);
}

/* --- phases ---------------------------------------------------------------------------------- */

/* Each trouble once, and not every second again. */
static void tell_trouble(struct runner *r, const char *text)
{
	if (!*text || !strcmp(r->trouble, text))
		return;
	snprintf(r->trouble, sizeof(r->trouble), "%s", text);
	say(r, "%s", text);
}

static void look_at_sockets(struct runner *r)
{
	struct slot_reason why;

	r->looked_ms = slot_clock_ms();
	if (sl_run_sockets_look(r->sockets, r->session, &why)) {
		tell_trouble(r, why.text);
		return;
	}
	tell_trouble(r, r->sockets->trouble.text);
	if (r->sockets->is_new)
		r->changed_ms = r->looked_ms;
	if (r->sockets->is_busy && !r->was_told_busy)
		say(r, "%s; waiting for it", socketlb_error(r->lb));
	r->was_told_busy |= r->sockets->is_busy;
}

/* Maps that were made anew have nobody in them, until the next look at sockets. */
static int follow_chain(struct runner *r)
{
	struct slot_reason why;
	bool is_new = false;
	int is_replaced = sl_run_chain_follow(r->run, r->sockets, &why, &is_new);

	if (is_replaced < 0)
		tell_trouble(r, why.text);
	if (is_new)
		say(r, "the chain has new maps; registering all sockets again");
	return is_replaced;
}

static bool is_complete(const struct runner *r)
{
	struct sl_vip_key vip;
	size_t fewest = sl_run_sockets_fewest(r->sockets, &vip);

	if (!fewest || r->sockets->is_busy)
		return false;
	if (r->run->workers)
		return fewest >= r->run->workers;
	return slot_clock_ms() - r->changed_ms >= SETTLED_MS;
}

static void tell_serving(const struct runner *r)
{
	_cleanup_(slot_reasons_free) struct slot_reasons lines = {};

	sl_run_serving_tell(r->sockets, r->session, r->run->chain, &lines);
	for (size_t i = 0; i < lines.count; i++)
		say(r, "%s", lines.lines[i]);
	sl_run_notify_serving();
}

static int announce(struct runner *r)
{
	int err = socketlb_announce(r->lb);

	if (err)
		tell_trouble(r, socketlb_error(r->lb));
	if (err || r->phase != PHASE_STARTING)
		return err;
	enter(r, PHASE_SERVING);
	tell_serving(r);
	return 0;
}

static void stop_command(struct runner *r, const char *why)
{
	char name[SL_RUN_SIGNAL_TEXT_MAX];

	sl_run_signal_format(r->run->stop_signal, name);
	say(r, "%s; sending %s to the command", why, name);
	enter(r, PHASE_STOPPING);
	r->is_to_end = true;
	send_signal(r, r->run->stop_signal);
}

/* The service manager's time to start does not count meanwhile either. */
static void wait_for_place(struct runner *r)
{
	r->busy_ms = r->looked_ms;
	if (r->looked_ms - r->notified_ms < SOCKETS_MS)
		return;
	r->notified_ms = r->looked_ms;
	sl_run_notify_waiting(socketlb_error(r->lb), r->run->start_s + r->run->stop_s + SPARE_S);
}

/*
 * A start that takes too long is given up, as nobody would be told that it is not ready. While an
 * older one drains, the time does not count; but for no longer than that one may drain: it may be
 * a command that nobody runs any more, and that nobody tells to drain.
 */
static void start_phase(struct runner *r)
{
	struct slot_reason lack;
	int err = follow_chain(r);

	if (err >= 0) { /* else each step would tell its own of the same trouble */
		look_at_sockets(r);
		err = is_complete(r) ? announce(r) : 0;
	}
	if (r->phase != PHASE_STARTING)
		return;
	if (r->sockets->is_busy && r->looked_ms - r->began_ms < (int64_t)r->run->drain_s * 1000)
		wait_for_place(r);
	if (slot_clock_ms() - r->busy_ms < (int64_t)r->run->start_s * 1000)
		return;
	r->is_failed = true;
	if (!err)
		sl_run_lack(r->sockets, r->run->workers, r->session, &lack);
	stop_command(r, err ? r->trouble : lack.text);
}

static void serve_phase(struct runner *r)
{
	int is_replaced = follow_chain(r);
	bool is_lost = !sl_run_sockets_count(r->sockets);

	if (is_replaced == 1) {
		enter(r, PHASE_DRAINING);
		r->has_handed_on |= r->successor > 0;
		say(r, "a newer instance serves; draining");
		return;
	}
	if (is_replaced < 0 || slot_clock_ms() - r->looked_ms < (is_lost ? SERVING_MS : SOCKETS_MS))
		return;
	look_at_sockets(r);
	if (!r->sockets->is_new)
		return;
	announce(r);
	if (is_lost)
		say(r, "serving again, with %zu sockets", sl_run_sockets_count(r->sockets));
}

static bool count_left(struct runner *r, uint64_t *ret_flows, size_t *ret_connections)
{
	struct slot_reason why;
	int err = socketlb_flows(r->lb, ret_flows);

	if (err && err != -ESTALE) /* of maps that the chain has no more, no flow is ours */
		tell_trouble(r, socketlb_error(r->lb));
	else if (sl_run_connections_count(r->sockets, r->session, &why, ret_connections))
		tell_trouble(r, why.text);
	else
		return true;
	return false;
}

/* The newer one may die while this one drains, or be turned away from: then this one serves again. */
static void drain_phase(struct runner *r)
{
	bool is_late = slot_clock_ms() - r->began_ms >= (int64_t)r->run->drain_s * 1000;
	uint64_t flows = 0;
	size_t connections = 0;
	bool is_known;

	if (!socketlb_is_replaced(r->lb)) {
		enter(r, PHASE_SERVING);
		r->has_handed_on = false;
		say(r, "this one is active again, and serves");
		sl_run_notify_serving();
		return;
	}
	if (!is_late && slot_clock_ms() - r->looked_ms < SOCKETS_MS)
		return;
	r->looked_ms = slot_clock_ms();
	is_known = count_left(r, &flows, &connections);
	if (is_known && !r->has_handed_on)
		sl_run_notify_draining(connections, flows);
	if (is_known && !flows && !connections) {
		stop_command(r, "drained");
	} else if (is_late) {
		if (is_known)
			say(r, "%" PRIu64 " flows and %zu connections are left", flows,
			    connections);
		stop_command(r, "the time to drain is over");
	}
	r->has_drained = r->phase == PHASE_STOPPING;
	if (r->has_drained && !r->has_handed_on)
		sl_run_notify_stopping(r->run->stop_s + SPARE_S);
}

/* Who cannot end holds the place of the next one. A stop that somebody asked for is theirs to end. */
static void stop_phase(struct runner *r)
{
	if (!r->is_to_end || slot_clock_ms() - r->began_ms < (int64_t)r->run->stop_s * 1000)
		return;
	say(r, "the command did not end within %u s; killing it", r->run->stop_s);
	r->is_to_end = false;
	sl_run_tree_kill(r->session);
}

/* What this ends with. Who never served did not do what was asked, whatever it says of itself. */
static int tell_end(struct runner *r)
{
	int status = WIFSIGNALED(r->status) ? 128 + WTERMSIG(r->status) : WEXITSTATUS(r->status);
	char how[SL_RUN_SIGNAL_TEXT_MAX];
	struct slot_reason what = {};

	/* Its end was asked for: as a failure a service manager would start it again, to take over. */
	if (r->has_drained || r->phase == PHASE_DRAINING) {
		sl_run_signal_format_end(r->status, how);
		say(r, "%sthe command ended with %s%s", r->has_drained ? "drained; " : "", how,
		    r->has_drained ? "" : " while it drained");
		return 0;
	}
	if (r->phase == PHASE_STARTING)
		sl_run_lack_end(r->sockets, status, &what);
	if (r->phase < PHASE_DRAINING)
		say(r, "the command ended with status %d%s", status, what.text);
	return (r->is_failed || r->phase == PHASE_STARTING) && !status ? 1 : status;
}

static int serve(struct runner *r)
{
	while (!r->has_ended) {
		take_events(r, r->phase == PHASE_STARTING && !r->sockets->is_busy ? STARTING_MS :
										    SERVING_MS);
		if (r->child < 0 && !r->has_ended)
			r->has_ended = sl_run_tree_is_empty(r->session); /* nor a daemon of CMD's */
		if (r->has_ended)
			break;
		if (r->is_ending_session)
			r->is_ending_session = sl_run_tree_end_session(r->session);
		switch (r->phase) {
		case PHASE_STARTING:
			start_phase(r);
			break;
		case PHASE_SERVING:
			serve_phase(r);
			break;
		case PHASE_DRAINING:
			drain_phase(r);
			break;
		case PHASE_STOPPING:
			stop_phase(r);
			break;
		}
	}
	return tell_end(r);
}

/* --- all of it ------------------------------------------------------------------------------- */

static int prepare(struct runner *r, struct slot_reason *why)
{
	int err = sl_run_chain_open(r->run, r->sockets, why);

	if (err)
		return err;
	err = sl_run_signal_take(r->run->reload_signal, &r->mask, &r->signals);
	/* what CMD leaves behind when it becomes a daemon stays below this process */
	if (!err && prctl(PR_SET_CHILD_SUBREAPER, 1))
		err = -errno;
	return err ? slot_reason_set(why, err, "cannot watch over a command: %s", strerror(-err)) :
		     sl_run_command_start(r->run->command, &r->mask, why, &r->child);
}

static void free_lb(struct socketlb **lb)
{
	socketlb_free(*lb);
}

int sl_run(const struct sl_run *run, struct slot_reason *why)
{
	__attribute__((cleanup(free_lb))) struct socketlb *lb = socketlb_new();
	_cleanup_(sl_run_sockets_free) struct sl_run_sockets sockets = { .lb = lb };
	struct runner r = { .run = run,
			    .lb = lb,
			    .sockets = &sockets,
			    .successor = -1,
			    .session = -1,
			    .signals = -1 };
	int err;

	if (!lb)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = prepare(&r, why);
	if (err) {
		slot_cleanup_close(&r.signals);
		return err;
	}
	enter(&r, PHASE_STARTING);
	sl_run_notify_starting();
	err = serve(&r);
	socketlb_leave(lb);
	close(r.signals);
	return err;
}
