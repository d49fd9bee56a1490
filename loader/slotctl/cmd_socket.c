/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bpf/socket_lb/run/sl_run.h"
#include "bpf/socket_lb/run/sl_run_signal.h"
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

static int parse_signal(struct slot_ctl *ctl, const char *option, const char *text, int *ret_signal)
{
	int number = text ? sl_run_signal_parse(text) : 0;

	if (!text)
		return 0;
	if (!number || number == SIGKILL || number == SIGSTOP || number == SIGCHLD)
		return slot_ctl_refuse(ctl, "%s '%s': expected the name of a signal, as QUIT",
				       option, text);
	*ret_signal = number;
	return 0;
}

/* One that ends the command cannot start its successor as well. */
static int check_reload(struct slot_ctl *ctl, const struct sl_run *run)
{
	int reload = run->reload_signal;

	if (reload == SIGTERM || reload == SIGINT || reload == SIGQUIT)
		return slot_ctl_refuse(ctl,
				       "--reload-signal '%s': TERM, INT and QUIT end the command",
				       ctl->socket_run.reload_signal);
	if (reload && reload == run->stop_signal)
		return slot_ctl_refuse(
			ctl, "--reload-signal '%s': the command is told to end by that one",
			ctl->socket_run.reload_signal);
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
	err = err ? err : check_reload(ctl, run);
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
