/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "bpf/socket_lb/run/sl_run.h"
#include "bpf/socket_lb/run/sl_run_signal.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/number.h"

#define SECONDS_MAX 1000000
#define WORKERS_MAX SL_SOCKETS_MAX

enum run_option {
	OPTION_HELP = 'h',
	OPTION_CHAIN = 'c',
	OPTION_VIP = 256,
	OPTION_WORKERS,
	OPTION_START_TIMEOUT,
	OPTION_DRAIN_TIMEOUT,
	OPTION_STOP_SIGNAL,
	OPTION_STOP_TIMEOUT,
	OPTION_RELOAD_SIGNAL,
	OPTION_JUMP,
	OPTION_MAP_DIR,
};

static const struct option long_options[] = {
	{ "chain", required_argument, NULL, OPTION_CHAIN },
	{ "vip", required_argument, NULL, OPTION_VIP },
	{ "workers", required_argument, NULL, OPTION_WORKERS },
	{ "start-timeout", required_argument, NULL, OPTION_START_TIMEOUT },
	{ "drain-timeout", required_argument, NULL, OPTION_DRAIN_TIMEOUT },
	{ "stop-signal", required_argument, NULL, OPTION_STOP_SIGNAL },
	{ "stop-timeout", required_argument, NULL, OPTION_STOP_TIMEOUT },
	{ "reload-signal", required_argument, NULL, OPTION_RELOAD_SIGNAL },
	{ "jump", required_argument, NULL, OPTION_JUMP },
	{ "map-dir", required_argument, NULL, OPTION_MAP_DIR },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

const char sl_run_options[] =
	"\noptions of socket run:\n"
	"  -c, --chain TITLE              the chain's title in slots.conf (default: the only one)\n"
	"      --vip PROTO/ADDRESS:PORT   wait for sockets there, leave others alone; may be repeated\n"
	"                                 (default: whatever CMD serves of the chain's VIPs)\n"
	"      --workers N                sockets to wait for at each (default: until no more come)\n"
	"      --start-timeout TIME       end CMD if they do not come by then (60s); does not count\n"
	"                                 the wait for a place while another one drains\n"
	"      --drain-timeout TIME       end CMD so long after a newer one took over (5m)\n"
	"      --stop-signal SIGNAL       with this one (TERM)\n"
	"      --stop-timeout TIME        and kill it so long after that (30s)\n"
	"      --reload-signal SIGNAL     on this one start a successor; others go on to CMD\n"
	"      --jump PIN --map-dir DIR   where program and maps are pinned, if not slotd's\n"
	"TIME is in seconds, or as 30s, 5m, 1h.\n";

/* What is being read, and what is wrong with it. */
struct words {
	struct sl_run run;
	struct slot_reason why;
	bool wants_help;
};

static int take_time(struct words *words, const char *option, unsigned int *ret_seconds)
{
	__u32 seconds;

	if (slot_seconds_parse(optarg, 0, SECONDS_MAX, &seconds))
		return slot_reason_set(&words->why, -EINVAL,
				       "%s '%s': a time like 30s or 5m expected, at most %ds",
				       option, optarg, SECONDS_MAX);
	*ret_seconds = seconds;
	return 0;
}

static int take_workers(struct words *words)
{
	__u32 workers;

	if (slot_digits_parse(optarg, WORKERS_MAX, &workers))
		return slot_reason_set(&words->why, -EINVAL,
				       "--workers '%s': expected a number from 0 to %d", optarg,
				       WORKERS_MAX);
	words->run.workers = workers;
	return 0;
}

static int take_signal(struct words *words, const char *option, int *ret_signal)
{
	int number = sl_run_signal_parse(optarg);

	if (!number || number == SIGKILL || number == SIGSTOP || number == SIGCHLD)
		return slot_reason_set(&words->why, -EINVAL,
				       "%s '%s': expected the name of a signal, as QUIT", option,
				       optarg);
	*ret_signal = number;
	return 0;
}

static int take_vip(struct words *words)
{
	struct sl_run *run = &words->run;

	if (run->vip_count == SL_VIPS_MAX)
		return slot_reason_set(&words->why, -E2BIG, "more than %d VIPs", SL_VIPS_MAX);
	return sl_vip_parse(optarg, &words->why, &run->vips[run->vip_count++]);
}

static int take_option(struct words *words, int option)
{
	struct sl_run *run = &words->run;

	switch (option) {
	case OPTION_CHAIN:
		run->chain = optarg;
		return 0;
	case OPTION_VIP:
		return take_vip(words);
	case OPTION_WORKERS:
		return take_workers(words);
	case OPTION_START_TIMEOUT:
		return take_time(words, "--start-timeout", &run->start_s);
	case OPTION_DRAIN_TIMEOUT:
		return take_time(words, "--drain-timeout", &run->drain_s);
	case OPTION_STOP_SIGNAL:
		return take_signal(words, "--stop-signal", &run->stop_signal);
	case OPTION_STOP_TIMEOUT:
		return take_time(words, "--stop-timeout", &run->stop_s);
	case OPTION_RELOAD_SIGNAL:
		return take_signal(words, "--reload-signal", &run->reload_signal);
	case OPTION_JUMP:
		run->program = optarg;
		return 0;
	case OPTION_MAP_DIR:
		run->map_dir = optarg;
		return 0;
	default:
		words->wants_help = true;
		return 0;
	}
}

/* One that ends the command cannot start its successor as well. */
static int check_reload(struct words *words)
{
	int reload = words->run.reload_signal;
	char name[SL_RUN_SIGNAL_TEXT_MAX];

	sl_run_signal_format(reload, name);
	if (reload == SIGTERM || reload == SIGINT || reload == SIGQUIT)
		return slot_reason_set(&words->why, -EINVAL,
				       "--reload-signal %s: TERM, INT and QUIT end the command",
				       name);
	if (reload && reload == words->run.stop_signal)
		return slot_reason_set(&words->why, -EINVAL,
				       "--reload-signal %s: the command is told to end by that one",
				       name);
	return 0;
}

static int check_words(struct words *words)
{
	const struct sl_run *run = &words->run;

	if (!run->chain && run->map_dir)
		return slot_reason_set(&words->why, -EINVAL,
				       "--map-dir needs --chain, for its name");
	if (!run->program != !run->map_dir)
		return slot_reason_set(&words->why, -EINVAL,
				       "--jump and --map-dir are given together, or neither");
	if (!*run->command)
		return slot_reason_set(
			&words->why, -EINVAL,
			"socket run needs a command: slotctl socket run " SL_RUN_ARGS);
	return check_reload(words);
}

static int refuse_option(struct words *words, const char *fault, const char *word)
{
	return slot_reason_set(&words->why, -EINVAL, "socket run: %s '%s'; see --help", fault,
			       word);
}

/* getopt(3) takes the next option for the value, or the -- before CMD; none begins like these. */
static bool has_no_value(char **argv)
{
	return optarg && optarg == argv[optind - 1] && !strncmp(optarg, "--", 2);
}

/* The words from @argv's second on; the first one is what getopt takes for the program's name. */
static int read_words(struct words *words, int argc, char **argv)
{
	int option, err = 0;

	optind = 0; /* getopt(3) begins anew */
	while (!err && (option = getopt_long(argc, argv, "+:c:h", long_options, NULL)) != -1) {
		if (option == '?')
			err = refuse_option(words, "unknown option", argv[optind - 1]);
		else if (option == ':')
			err = refuse_option(words, "nothing follows", argv[optind - 1]);
		else if (has_no_value(argv))
			err = refuse_option(words, "nothing follows", argv[optind - 2]);
		else
			err = take_option(words, option);
	}
	words->run.command = argv + optind;
	return err || words->wants_help ? err : check_words(words);
}

int sl_cmd_run(const struct program_context *ctx, int argc, char **argv)
{
	struct words words = { .run = { .chain = ctx->chain,
					.map_dir = ctx->map_dir,
					.start_s = SL_RUN_START_S,
					.drain_s = SL_RUN_DRAIN_S,
					.stop_s = SL_RUN_STOP_S,
					.stop_signal = SIGTERM,
					.self = ctx->words } };
	_cleanup_free_ char *chain = NULL;
	int err = read_words(&words, argc + 1, argv - 1);
	int status = err ? PROGRAM_USAGE : PROGRAM_OK;

	if (!err && words.wants_help) {
		fprintf(ctx->out, "usage: slotctl socket run " SL_RUN_ARGS "\n%s", sl_run_options);
		return PROGRAM_OK;
	}
	if (!err && !words.run.chain) {
		err = socketlb_paths_only(&words.why, &chain);
		words.run.chain = chain;
		status = err ? PROGRAM_FAILED : PROGRAM_OK;
	}
	if (!err) {
		status = sl_run(&words.run, &words.why);
		err = status < 0 ? status : 0;
	}
	if (err)
		fprintf(stderr, "slotctl: %s\n", words.why.text);
	return status < 0 ? PROGRAM_FAILED : status;
}
