/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/view.h"

#define WATCH_MIN_S 0.1
#define WATCH_MAX_S 3600.0

static int parse_interval(struct slot_ctl *ctl, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (ctl->watch_s <= 0)
		return slot_ctl_refuse(ctl, "stats takes seconds only with --watch");
	if (end == text || *end || !(seconds >= WATCH_MIN_S && seconds <= WATCH_MAX_S))
		return slot_ctl_refuse(ctl, "--watch '%s': seconds, from %.1f to %.0f", text,
				       WATCH_MIN_S, WATCH_MAX_S);
	ctl->watch_s = seconds;
	return 0;
}

/* Drawn as one piece, over what was there before: it does not flicker. */
static int draw_screen(const struct slot_ctl *ctl, const json_t *answer, const json_t *before)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out;
	int err;

	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	err = slot_view_stats(answer, before, true, &ctl->look, out);
	fclose(out);
	if (err)
		return err;
	printf("\033[H\033[2J%s", text);
	return 0;
}

static int print_look(struct slot_ctl *ctl, const json_t *answer, const json_t *before)
{
	bool is_watch = ctl->watch_s > 0;

	if (ctl->json) {
		slot_ctl_print_json(ctl, answer);
		return 0;
	}
	if (json_object_get(answer, "results"))
		return slot_ctl_refuse(ctl, "stats shows one chain: name a port of '%s'",
				       ctl->chain);
	if (is_watch && isatty(STDOUT_FILENO))
		return draw_screen(ctl, answer, before);
	if (before)
		putchar('\n');
	return slot_view_stats(answer, before, is_watch, &ctl->look, stdout);
}

/* Waits until the next look is due. Returns whether Ctrl-C or SIGTERM came first. */
static bool is_stopped(double seconds, const sigset_t *signals)
{
	struct timespec wait = { .tv_sec = (time_t)seconds };

	wait.tv_nsec = (long)((seconds - (double)wait.tv_sec) * 1e9);
	return sigtimedwait(signals, NULL, &wait) > 0;
}

/* A slotd that restarts meanwhile ends nothing: the chain runs on, and so does the watch. */
static int watch_stats(struct slot_ctl *ctl)
{
	json_auto_t *before = NULL;
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	do {
		json_auto_t *answer = NULL;

		err = slot_ctl_get(ctl, "stats", &answer);
		if (err == -EINTR)
			return 0;
		if ((err == -ENOTCONN || err == -ECONNRESET) && before) {
			slot_ctl_warn("slotctl: ", ctl->failure.why.text);
			continue;
		}
		if (!err)
			err = print_look(ctl, answer, before);
		if (err)
			return err;
		fflush(stdout);
		json_decref(before);
		before = TAKE_PTR(answer);
	} while (!ferror(stdout) && !is_stopped(ctl->watch_s, &signals));
	return 0;
}

int cmd_stats(struct slot_ctl *ctl, int argc, char **argv)
{
	json_auto_t *answer = NULL;
	int err;

	err = argc ? parse_interval(ctl, argv[0]) : 0;
	if (err)
		return err;
	if (ctl->watch_s > 0)
		return watch_stats(ctl);
	err = slot_ctl_get(ctl, "stats", &answer);
	return err ? err : print_look(ctl, answer, NULL);
}
