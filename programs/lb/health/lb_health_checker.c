/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health_checker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/lb.h"
#include "programs/shared/file.h"
#include "programs/shared/signals.h"

#define SYNC_MS 5000  /* what others change in the maps is seen so soon */
#define ROUND_MS 250  /* changes of so long are made as one */
#define RETRY_MS 1000 /* after one that failed */
#define BUSY_MS 20    /* while another command is at it */
#define BUSY_TOLD 250 /* after so many of them */
#define LOOK_MS 100   /* so long lb_hc may be away before what probes say counts nothing */
#define WAIT_MS 60000
#define FDS_BESIDE 64
#define FILE_SIZE_MAX (4U << 20)

const struct lb_checker lb_checker_closed = { .signal_fd = -1 };

static __u64 get_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000 + (__u64)now.tv_nsec / 1000000;
}

/* Probes have as much time as they were given, also when a ring took long to build. */
static __u64 get_now_ms(const struct lb_checker *checker)
{
	return get_clock_ms() - checker->stalled_ms;
}

/* --- what the maps say -------------------------------------------------------------------- */

static void trouble(struct lb_checker *checker, enum lb_trouble which,
		    const struct slot_reason *why)
{
	lb_say_trouble(&checker->troubles, which, why->text, get_now_ms(checker));
}

/* @file: the checker's own, or the one that is to take its place. */
static int absorb(struct lb_checker *checker, const struct lb_health_file *file,
		  const struct lb_model *model, struct slot_reason *why)
{
	_cleanup_(lb_health_view_free) struct lb_health_view view = {};
	int err = lb_health_view_make(model, file, &view);

	if (err)
		return slot_reason_set(why, err, "out of memory");
	err = lb_health_marks_set(file, &view, why);
	if (err && !checker->health.count)
		return err;
	if (err)
		trouble(checker, LB_TROUBLE_MARKS, why);
	else
		lb_say_over(&checker->troubles, LB_TROUBLE_MARKS);
	if (lb_health_merge(&checker->health, view.seen, view.count, get_now_ms(checker)))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	checker->has_transitions = view.has_transitions;
	lb_say_view(&checker->troubles, &view, get_now_ms(checker));
	return 0;
}

static int sync_maps(struct lb_checker *checker, const struct lb_health_file *file,
		     struct slot_reason *why)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	int err = lb_look(checker->map_dir, why, &lb);

	return err ? err : absorb(checker, file, &lb.current, why);
}

/* --- changes ------------------------------------------------------------------------------ */

void lb_checker_look(struct lb_checker *checker)
{
	struct slot_reason why;
	__u64 sent = checker->sent;

	if (checker->marked) {
		/* maps that cannot be read are those of an lb_hc that is gone */
		checker->is_blind = lb_health_sent_get(&checker->file, &why, &sent) ||
				    sent == checker->sent;
		checker->sent = sent;
		checker->sent_ms = get_now_ms(checker);
		checker->marked = 0;
	}
	if (!checker->is_blind) {
		lb_say_over(&checker->troubles, LB_TROUBLE_BLIND);
		return;
	}
	lb_health_forget(&checker->health);
	slot_reason_set(&why, 0,
			"lb_hc has sent none of the last probes to a real (slotctl lb_hc stats): "
			"nothing is judged by them");
	trouble(checker, LB_TROUBLE_BLIND, &why);
}

static void tell_kept(struct lb_checker *checker)
{
	for (size_t i = 0; i < checker->health.count; i++) {
		struct lb_health_target *target = checker->health.targets[i];

		if (!target->is_kept || target->is_told)
			continue;
		lb_say_left(target, &checker->health, get_now_ms(checker));
		target->is_told = true;
	}
}

static int edit(struct lb_model *model, const struct lb_health_change *changes, size_t count,
		struct slot_reason *why)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		const struct lb_health_seen *seen = &changes[i].target->seen;
		struct lb_real_spec spec = { .host = seen->host, .flags = LB_MEMBER_FAILED };

		err = lb_real_mark(model, &seen->vip, &spec, changes[i].is_out, why);
	}
	return err;
}

static void note_changes(struct lb_checker *checker, const struct lb_health_change *changes,
			 size_t count)
{
	__u64 now = get_now_ms(checker);

	for (size_t i = 0; i < count; i++) {
		lb_health_changed(&changes[i], now);
		changes[i].target->is_told = false;
		lb_say_change(&changes[i], &checker->health, now);
	}
}

/* What is to be done is judged anew by what the maps say now that they are ours. */
static int change_maps(struct lb_checker *checker, bool is_refresh, struct slot_reason *why)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	_cleanup_free_ struct lb_health_change *changes = NULL;
	size_t count;
	int err = lb_open(checker->map_dir, true, why, &lb);

	err = err ? err : absorb(checker, &checker->file, &lb.current, why);
	if (err)
		return err;
	changes = calloc(checker->health.count + 1, sizeof(*changes));
	if (!changes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	count = lb_health_decide(&checker->health, changes);
	err = edit(&lb.model, changes, count, why);
	if (!err && is_refresh)
		lb_refresh(&lb);
	if (!err)
		err = lb_commit(&lb, why);
	if (!err)
		note_changes(checker, changes, count);
	return err;
}

/* Whether there is anything to be done; it is said what cannot be done. */
static bool has_changes(struct lb_checker *checker)
{
	_cleanup_free_ struct lb_health_change *changes =
		calloc(checker->health.count + 1, sizeof(*changes));

	if (!changes)
		return true;
	lb_checker_look(checker);
	return lb_health_decide(&checker->health, changes) > 0;
}

static void run_change(struct lb_checker *checker, bool is_refresh)
{
	__u64 before = get_clock_ms();
	struct slot_reason why;

	if (lb_health_is_busy(checker->map_dir)) {
		checker->round_ms = get_now_ms(checker) + BUSY_MS;
		if (++checker->busy % BUSY_TOLD == 0)
			lb_say_trouble(&checker->troubles, LB_TROUBLE_APPLY,
				       "reals cannot be taken out or in: another command has been "
				       "at the load balancer's maps for seconds",
				       get_now_ms(checker));
		return;
	}
	checker->busy = 0;
	if (change_maps(checker, is_refresh, &why)) {
		slot_reason_prefix(&why, 0, "reals cannot be taken out or in: ");
		trouble(checker, LB_TROUBLE_APPLY, &why);
		checker->round_ms = get_now_ms(checker) + RETRY_MS;
	} else {
		lb_say_over(&checker->troubles, LB_TROUBLE_APPLY);
	}
	checker->stalled_ms += get_clock_ms() - before;
}

static void run_round(struct lb_checker *checker, __u64 now)
{
	bool is_refresh = checker->has_transitions && now >= checker->refresh_ms;

	checker->round_ms = LB_HEALTH_NEVER;
	if (now >= checker->refresh_ms)
		checker->refresh_ms = now + (__u64)checker->file.refresh_s * 1000;
	if (has_changes(checker) || is_refresh)
		run_change(checker, is_refresh);
	tell_kept(checker);
}

/* Maps that are gone come back elsewhere, if at all: whoever starts this anew finds out. */
static int run_sync(struct lb_checker *checker, __u64 now, struct slot_reason *why)
{
	bool is_busy = lb_health_is_busy(checker->map_dir);
	int err;

	checker->sync_ms = now + (is_busy ? BUSY_MS : SYNC_MS);
	if (is_busy)
		return 0;
	err = sync_maps(checker, &checker->file, why);
	if (err == -ENOENT)
		return err;
	if (err) {
		trouble(checker, LB_TROUBLE_MAPS, why);
		return 0;
	}
	lb_say_over(&checker->troubles, LB_TROUBLE_MAPS);
	/* An operator may have left too few, or set up again what fails. */
	if (checker->round_ms == LB_HEALTH_NEVER)
		checker->round_ms = now;
	return 0;
}

/* --- probes ------------------------------------------------------------------------------- */

static void tell_result(struct lb_checker *checker, struct lb_health_target *target)
{
	const struct lb_health_seen *seen = &target->seen;
	struct slot_reason why;

	if (target->last.outcome == LB_HEALTH_UNASKED) {
		slot_reason_set(&why, 0, "reals cannot be asked from this host: %s",
				target->last.error);
		trouble(checker, LB_TROUBLE_ASK, &why);
		return;
	}
	if (target->is_told && target->successes) {
		target->is_told = false;
		lb_say_answers(target);
	} else if (seen->is_down && !target->is_told && target->fails >= seen->check->fall) {
		target->is_told = true;
		lb_say_left(target, &checker->health, get_now_ms(checker));
	}
}

static void end_probe(void *ctx, struct lb_health_target *target,
		      const struct lb_health_result *result)
{
	struct lb_checker *checker = ctx;
	__u64 now = get_now_ms(checker);
	bool is_gone = target->is_gone;

	checker->marked += target->seen.mark && target->started_ms >= checker->sent_ms &&
			   result->outcome != LB_HEALTH_UNASKED;
	lb_health_end(&checker->health, target, result, now);
	if (is_gone || checker->is_once)
		return;
	tell_result(checker, target);
	if (lb_health_is_ripe(target) && checker->round_ms == LB_HEALTH_NEVER)
		checker->round_ms = now + ROUND_MS;
}

static void start_probe(struct lb_checker *checker, struct lb_health_target *target, __u64 now)
{
	const struct lb_health_seen *seen = &target->seen;
	struct slot_reason why;

	if (seen->is_direct && !seen->has_source) {
		lb_health_pass(&checker->health, target,
			       seen->host.is_ip6 ? "source6 is not set" : "source4 is not set",
			       now);
		return;
	}
	if (!lb_probes_start(checker->probes, &checker->file, target)) {
		lb_health_start(&checker->health, target, now);
		return;
	}
	lb_health_delay(&checker->health, target, now);
	if (checker->is_once)
		return;
	slot_reason_set(&why, 0, "%u probes run, and no more may at once: others are late",
			checker->file.probes_max);
	trouble(checker, LB_TROUBLE_ROOM, &why);
}

static void run_due(struct lb_checker *checker)
{
	__u64 now = get_now_ms(checker);
	struct lb_health_target *target;

	while ((target = lb_health_due(&checker->health, now))) {
		if (target->is_running)
			lb_probes_expire(target);
		else
			start_probe(checker, target, now);
	}
}

/* --- from start to end -------------------------------------------------------------------- */

static int load_file(const struct lb_checker *checker, struct slot_reason *why,
		     struct lb_health_file *ret_file)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err = program_file_read(checker->path, FILE_SIZE_MAX, why, &text, &len);

	if (err)
		return err;
	err = lb_health_file_parse(text, len, why, ret_file);
	if (err)
		return slot_reason_prefix(why, err, "%s: ", checker->path);
	lb_health_dir_find(checker->map_dir, ret_file);
	return 0;
}

/* The new one counts from its first look at the maps on; until then the old one does. */
static int reload(struct lb_checker *checker, struct slot_reason *why)
{
	_cleanup_(lb_health_file_free) struct lb_health_file file = {};
	struct lb_health_file old = checker->file;
	int err = load_file(checker, why, &file);

	err = err ? err : sync_maps(checker, &file, why);
	if (err)
		return err;
	checker->file = file;
	file = old;
	checker->refresh_ms = 0;
	return 0;
}

static void run_signals(struct lb_checker *checker)
{
	struct signalfd_siginfo info;
	struct slot_reason why;

	if (read(checker->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		checker->is_over = true;
		return;
	}
	if (reload(checker, &why))
		fprintf(stderr, "%s; the checks stay as they were\n", why.text);
	else
		fprintf(stderr, "%s was read again: %zu reals are checked\n", checker->path,
			checker->health.count);
}

/* As many sockets as the system allows without asking. */
static size_t raise_limit(size_t probes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return probes;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= FDS_BESIDE)
		return 1;
	return probes < limit.rlim_cur - FDS_BESIDE ? probes : limit.rlim_cur - FDS_BESIDE;
}

static bool needs_marks(const struct lb_checker *checker)
{
	for (size_t i = 0; i < checker->health.count; i++)
		if (checker->health.targets[i]->seen.mark)
			return true;
	return false;
}

int lb_checker_open(struct lb_checker *checker, struct slot_reason *why)
{
	struct lb_probes_setup setup = { .done = end_probe, .ctx = checker };
	__u64 seed = 0;
	int err = load_file(checker, why, &checker->file);

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = get_clock_ms();
	lb_health_new(seed, &checker->health);
	checker->health.is_at_once = checker->is_once;
	signal(SIGPIPE, SIG_IGN);
	err = err ? err : program_signals_open(SIGHUP, why, &checker->signal_fd);
	if (err)
		return err;
	setup.max = raise_limit(checker->file.probes_max);
	setup.fd = checker->signal_fd;
	err = lb_probes_new(&setup, why, &checker->probes);
	err = err ? err : sync_maps(checker, &checker->file, why);
	if (!err && needs_marks(checker))
		err = lb_probes_check_marks(checker->file.marks, why);
	if (!err && needs_marks(checker))
		err = lb_health_sent_get(&checker->file, why, &checker->sent);
	checker->round_ms = LB_HEALTH_NEVER;
	checker->sync_ms = get_now_ms(checker) + SYNC_MS;
	return err;
}

void lb_checker_close(struct lb_checker *checker)
{
	lb_probes_free(checker->probes);
	lb_health_free(&checker->health);
	lb_health_file_free(&checker->file);
	slot_cleanup_close(&checker->signal_fd);
}

static int get_wait_ms(const struct lb_checker *checker)
{
	__u64 now = get_now_ms(checker), next = lb_health_next(&checker->health);

	if (!checker->is_once && checker->sync_ms < next)
		next = checker->sync_ms;
	if (!checker->is_once && checker->round_ms < next)
		next = checker->round_ms;
	if (next <= now)
		return 0;
	return next - now < WAIT_MS ? (int)(next - now) : WAIT_MS;
}

int lb_checker_step(struct lb_checker *checker, struct slot_reason *why)
{
	bool has_signal = false;
	__u64 now;
	int err;

	run_due(checker);
	err = lb_probes_wait(checker->probes, get_wait_ms(checker), why, &has_signal);
	if (err)
		return err;
	if (has_signal)
		run_signals(checker);
	now = get_now_ms(checker);
	if (checker->is_once || checker->is_over)
		return 0;
	if (now >= checker->sent_ms + LOOK_MS)
		lb_checker_look(checker);
	if (now >= checker->sync_ms)
		err = run_sync(checker, now, why);
	if (!err && now >= checker->round_ms)
		run_round(checker, now);
	return err;
}

bool lb_checker_is_done(const struct lb_checker *checker)
{
	for (size_t i = 0; i < checker->health.count; i++) {
		const struct lb_health_target *target = checker->health.targets[i];

		if (!target->fails && !target->successes &&
		    target->last.outcome != LB_HEALTH_UNASKED)
			return false;
	}
	return true;
}
