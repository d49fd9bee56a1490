/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_signal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
