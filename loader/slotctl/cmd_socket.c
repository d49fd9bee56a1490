/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bpf/socket_lb/run/sl_run.h"
#include "loader/slotctl/slotctl.h"

#define SECONDS_MAX 1000000
#define WORKERS_MAX 64

static bool is_number(const char *text, unsigned long max, unsigned int *ret_number)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > max)
		return false;
	*ret_number = (unsigned int)number;
	return true;
}

static int parse_number(struct slot_ctl *ctl, const char *option, const char *text,
			unsigned long max, unsigned int *ret_number)
{
	if (!text || is_number(text, max, ret_number))
		return 0;
	return slot_ctl_refuse(ctl, "%s '%s': expected a number from 0 to %lu", option, text, max);
}

/* "QUIT", "SIGQUIT", "3", "RTMIN+1"; 0: none is called so. */
static int find_signal(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	unsigned int number;

	if (is_number(text, (unsigned long)SIGRTMAX, &number))
		return (int)number;
	if (!strncasecmp(name, "RTMIN+", 6) &&
	    is_number(name + 6, (unsigned long)(SIGRTMAX - SIGRTMIN), &number))
		return SIGRTMIN + (int)number;
	for (int i = 1; i < NSIG; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && !strcasecmp(abbreviation, name))
			return i;
	}
	return 0;
}

static int parse_signal(struct slot_ctl *ctl, const char *option, const char *text, int *ret_signal)
{
	int number = text ? find_signal(text) : 0;

	if (!text)
		return 0;
	if (!number || number == SIGKILL || number == SIGSTOP || number == SIGCHLD)
		return slot_ctl_refuse(ctl, "%s '%s': expected the name of a signal, as QUIT",
				       option, text);
	*ret_signal = number;
	return 0;
}

static int parse_options(struct slot_ctl *ctl, struct sl_run *run)
{
	const struct slot_ctl_socket *given = &ctl->socket_run;
	int err = parse_number(ctl, "--workers", given->workers, WORKERS_MAX, &run->workers);

	err = err ? err :
		    parse_number(ctl, "--start-timeout", given->start_timeout, SECONDS_MAX,
				 &run->start_s);
	err = err ? err :
		    parse_number(ctl, "--drain-timeout", given->drain_timeout, SECONDS_MAX,
				 &run->drain_s);
	err = err ? err :
		    parse_number(ctl, "--stop-timeout", given->stop_timeout, SECONDS_MAX,
				 &run->stop_s);
	err = err ? err : parse_signal(ctl, "--stop-signal", given->stop_signal, &run->stop_signal);
	err = err ? err :
		    parse_signal(ctl, "--reload-signal", given->reload_signal, &run->reload_signal);
	if (!err && !given->jump != !ctl->map_dir)
		err = slot_ctl_refuse(ctl, "--jump and --map-dir are given together, or neither");
	return err;
}

int cmd_socket(struct slot_ctl *ctl, int argc, char **argv)
{
	struct sl_run run = {
		.chain = ctl->chain,
		.program = ctl->socket_run.jump,
		.map_dir = ctl->map_dir,
		.vips = ctl->socket_run.vips,
		.vip_count = ctl->socket_run.vip_count,
		.start_s = SL_RUN_START_S,
		.drain_s = SL_RUN_DRAIN_S,
		.stop_s = SL_RUN_STOP_S,
		.stop_signal = SIGTERM,
		.self = ctl->words,
		.command = argv + 1,
	};
	int err;

	(void)argc;
	if (strcmp(argv[0], "run"))
		return slot_ctl_refuse(ctl, "unknown command 'socket %s'; expected socket run",
				       argv[0]);
	if (!run.chain)
		return slot_ctl_refuse(ctl, "socket run needs --chain, the chain's title in "
					    "slots.conf");
	err = parse_options(ctl, &run);
	return err ? err : sl_run(&run, &ctl->failure.why);
}
