/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_signal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sys/signalfd.h>
#include <sys/wait.h>

#include "loader/lib/base/number.h"

int sl_run_signal_parse(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	__u32 number;

	if (!slot_number_parse(text, 1, (__u32)SIGRTMAX, &number))
		return (int)number;
	if (!strncasecmp(name, "RTMIN+", 6) &&
	    !slot_number_parse(name + 6, 0, (__u32)(SIGRTMAX - SIGRTMIN), &number))
		return SIGRTMIN + (int)number;
	for (int i = 1; i < NSIG; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && !strcasecmp(abbreviation, name))
			return i;
	}
	return 0;
}

void sl_run_signal_format(int number, char ret_text[SL_RUN_SIGNAL_TEXT_MAX])
{
	const char *abbreviation = sigabbrev_np(number);

	if (abbreviation)
		snprintf(ret_text, SL_RUN_SIGNAL_TEXT_MAX, "SIG%s", abbreviation);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(ret_text, SL_RUN_SIGNAL_TEXT_MAX, "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(ret_text, SL_RUN_SIGNAL_TEXT_MAX, "signal %d", number);
}

void sl_run_signal_format_end(int status, char ret_text[SL_RUN_SIGNAL_TEXT_MAX])
{
	if (WIFSIGNALED(status))
		sl_run_signal_format(WTERMSIG(status), ret_text);
	else
		snprintf(ret_text, SL_RUN_SIGNAL_TEXT_MAX, "status %d", WEXITSTATUS(status));
}

int sl_run_signal_take(int reload, sigset_t *ret_mask, int *ret_fd)
{
	static const int taken[] = { SIGTERM, SIGINT,  SIGHUP,	SIGQUIT,
				     SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigaddset(&set, taken[i]);
	if (reload)
		sigaddset(&set, reload);
	if (sigprocmask(SIG_BLOCK, &set, ret_mask))
		return -errno;
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? -errno : 0;
}
