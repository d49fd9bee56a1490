/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "loader/slotctl/cmd_program.h"
#include "loader/slotctl/slotctl.h"

#define DEFAULT_SOCKET "/run/slotd/slotd.sock"
#define DEFAULT_WATCH_S 1.0

/* Options that only some commands take. */
enum option_bit {
	OPTION_ALL = 1 << 0,
	OPTION_WATCH = 1 << 1,
	OPTION_MAP_DIR = 1 << 2,
	OPTION_LINES = 1 << 3,
	OPTION_GENERATION = 1 << 4,
	OPTION_DEPLOY = 1 << 5,
	OPTION_DIFF = 1 << 6,
	OPTION_ONCE = 1 << 7,
	OPTION_COUNTERS = 1 << 8,
	OPTION_RESET_MAP = 1 << 9,
};

struct command {
	const char *name;
	int (*run)(struct slot_ctl *ctl, int argc, char **argv); /* argv without the name */
	const char *args;
	const char *summary;
	int min_args;
	int max_args;
	unsigned int options;
};

static const struct command commands[] = {
	{ "slots", cmd_slots, "[--all]", "the chain, slot by slot, with what each did to packets",
	  0, 0, OPTION_ALL },
	{ "show", cmd_show, "SLOT", "one slot: program, terms, settings, maps", 1, 1, 0 },
	{ "stats", cmd_stats, "[--watch [SECONDS]]",
	  "packets per slot; --watch: per second, until Ctrl-C", 0, 1, OPTION_WATCH },
	{ "status", cmd_status, "", "the daemon and its chains", 0, 0, 0 },
	{ "generations", cmd_generations, "", "the chains that are built, newest first", 0, 0, 0 },
	{ "plan", cmd_plan, "", "what apply would do", 0, 0, 0 },
	{ "apply", cmd_apply, "", "read slots.conf again and make this chain like it", 0, 0,
	  OPTION_GENERATION | OPTION_RESET_MAP },
	{ "reload", cmd_reload, "", "the same for all chains, or for none if one is refused", 0, 0,
	  0 },
	{ "deploy", cmd_deploy, "SLOT OBJECT [SLOT OBJECT]...",
	  "run these object files in the slots: all of them or none", 2, 2 * ROOT_SLOTS,
	  OPTION_GENERATION | OPTION_WATCH | OPTION_DEPLOY | OPTION_RESET_MAP },
	{ "promote", cmd_promote, "SLOT", "make the slot's canary its version", 1, 1,
	  OPTION_GENERATION },
	{ "abort", cmd_abort, "SLOT", "end the slot's canary", 1, 1, OPTION_GENERATION },
	{ "undeploy", cmd_undeploy, "SLOT", "run what slots.conf names again", 1, 1,
	  OPTION_GENERATION },
	{ "enable", cmd_enable, "SLOT", "let packets through the slot's program", 1, 1,
	  OPTION_GENERATION },
	{ "disable", cmd_disable, "SLOT", "let packets past the slot's program", 1, 1,
	  OPTION_GENERATION },
	{ "rollback", cmd_rollback, "[SLOT]",
	  "back to the previous generation, or to what the slot ran before", 0, 1,
	  OPTION_GENERATION },
	{ "adopt", cmd_adopt, "", "take over what libxdp's dispatcher runs on the interface", 0, 0,
	  0 },
	{ "detach", cmd_detach, "", "take the chain off, with its maps", 0, 0, 0 },
	{ "audit", cmd_audit, "[CHAIN] [--lines N]", "who changed what, latest last", 0, 1,
	  OPTION_LINES },
	{ "server-id", cmd_server_id, "check|sync [FILE] [real=ADDRESS|none]",
	  "load servers' ids into all slots that go by them", 1, 3, 0 },
	{ "doctor", cmd_doctor, "", "what on this host gets in the way of packets, and why", 0, 0,
	  0 },
	{ "socket", cmd_socket, "run [options] -- CMD [ARG]...",
	  "run a server whose restarts lose nothing (socket_lb run); needs no slotd", 1, INT_MAX,
	  OPTION_MAP_DIR },
	{ "verify", cmd_verify, "OBJECT [FUNCTION]",
	  "load an object for nothing and tell what it is; needs no slotd", 1, 2, 0 },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define SUMMARY_COLUMN 33

enum long_only {
	LONG_SOCKET = 256,
	LONG_JSON,
	LONG_ALL,
	LONG_WATCH,
	LONG_MAP_DIR,
	LONG_LINES,
	LONG_GENERATION,
	LONG_CANARY,
	LONG_SIGNATURE,
	LONG_MAX_DROP_RATIO,
	LONG_MAX_ABORT,
	LONG_RESET_MAP,
	LONG_MIGRATE,
	LONG_DIFF,
	LONG_ONCE,
	LONG_COUNTERS,
	LONG_VERSION,
};

static const struct option long_options[] = {
	{ "chain", required_argument, NULL, 'c' },
	{ "socket", required_argument, NULL, LONG_SOCKET },
	{ "json", no_argument, NULL, LONG_JSON },
	{ "all", no_argument, NULL, LONG_ALL },
	{ "watch", optional_argument, NULL, LONG_WATCH },
	{ "map-dir", required_argument, NULL, LONG_MAP_DIR },
	{ "lines", required_argument, NULL, LONG_LINES },
	{ "generation", required_argument, NULL, LONG_GENERATION },
	{ "canary", required_argument, NULL, LONG_CANARY },
	{ "signature", required_argument, NULL, LONG_SIGNATURE },
	{ "max-drop-ratio", required_argument, NULL, LONG_MAX_DROP_RATIO },
	{ "max-abort", required_argument, NULL, LONG_MAX_ABORT },
	{ "reset-map", required_argument, NULL, LONG_RESET_MAP },
	{ "migrate", required_argument, NULL, LONG_MIGRATE },
	{ "diff", required_argument, NULL, LONG_DIFF },
	{ "once", no_argument, NULL, LONG_ONCE },
	{ "counters", no_argument, NULL, LONG_COUNTERS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, LONG_VERSION },
	{ 0 },
};

static const char global_options[] =
	"\noptions, before or after the command:\n"
	"  -c, --chain IFACE              which chain (default: the only one)\n"
	"      --socket PATH              where slotd listens (default: $SLOTD_SOCKET, else " DEFAULT_SOCKET
	")\n"
	"      --json                     print JSON: slotd's answer\n"
	"  -h, --help                     this, or the usage of the command\n"
	"      --version\n";

static const char change_options[] =
	"\noptions of changes:\n"
	"      --generation N             only if generation N runs, as you saw it\n";

static const char apply_options[] =
	"\noptions of apply:\n"
	"      --reset-map SLOT:MAP       start this map empty, as where settings change its size\n";

static const char deploy_options[] =
	"\noptions of deploy, for all slots that it names:\n"
	"      --canary P%|cpu:LIST       for P percent of the flows or these CPUs only, beside the\n"
	"                                 version that runs; then promote or abort\n"
	"      --watch TIME               go back by itself if it does worse than before within\n"
	"                                 TIME (30s, 5m), by one of these:\n"
	"      --max-drop-ratio R         drops R of all packets more than before (0.2)\n"
	"      --max-abort N              aborts N packets more than before\n"
	"      --reset-map [SLOT:]MAP     start this map empty\n"
	"      --migrate [SLOT:]MAP       let the object's converter fill this map\n"
	"      --signature FILE           of the object (default: OBJECT.minisig, if it is there)\n";

struct command_line {
	unsigned int options; /* of enum option_bit, that were given */
	bool wants_help;
	bool wants_version;
};

static void print_command(const struct command *command, FILE *out)
{
	int width = fprintf(out, "  %s %s", command->name, command->args);

	/* A call that reaches into the next column has its summary below it. */
	if (width >= SUMMARY_COLUMN) {
		fputc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s%s\n", SUMMARY_COLUMN - width, "", command->summary);
}

static void print_usage(FILE *out)
{
	fputs("usage: slotctl [options] COMMAND [arguments]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		print_command(&commands[i], out);
	slot_cli_list(out);
	fputs("\nSLOT is a number from 0 to 19 or the name it is reserved as.\n", out);
	fputs(global_options, out);
	fputs(change_options, out);
	fputs(apply_options, out);
	fputs(deploy_options, out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static bool add_map(const char **maps, size_t *count)
{
	if (*count == SLOTCTL_MAPS_MAX) {
		slot_ctl_warn("slotctl: ", "too many maps");
		return false;
	}
	maps[(*count)++] = optarg;
	return true;
}

static unsigned int find_option_bit(int option)
{
	return option == LONG_GENERATION ? OPTION_GENERATION :
	       option == LONG_RESET_MAP	 ? OPTION_RESET_MAP :
					   OPTION_DEPLOY;
}

/* Options of changes. */
static bool set_change(struct slot_ctl *ctl, struct command_line *line, int option)
{
	struct slot_ctl_change *change = &ctl->change;

	line->options |= find_option_bit(option);
	switch (option) {
	case LONG_GENERATION:
		change->generation = optarg;
		return true;
	case LONG_CANARY:
		change->canary = optarg;
		return true;
	case LONG_SIGNATURE:
		change->signature = optarg;
		return true;
	case LONG_MAX_DROP_RATIO:
		change->max_drop_ratio = optarg;
		return true;
	case LONG_MAX_ABORT:
		change->max_abort = optarg;
		return true;
	case LONG_RESET_MAP:
		return add_map(change->reset_maps, &change->reset_count);
	case LONG_MIGRATE:
		return add_map(change->migrate_maps, &change->migrate_count);
	default:
		return false;
	}
}

/* The value of an option that can do without: "--watch 30s" as well as "--watch=30s". */
static const char *take_value(int argc, char **argv)
{
	if (optarg || optind >= argc || !isdigit((unsigned char)*argv[optind]))
		return optarg;
	return argv[optind++];
}

static bool set_option(struct slot_ctl *ctl, struct command_line *line, int option)
{
	switch (option) {
	case 'c':
		ctl->chain = optarg;
		return true;
	case 'h':
		line->wants_help = true;
		return true;
	case LONG_SOCKET:
		ctl->socket = optarg;
		return true;
	case LONG_JSON:
		ctl->json = true;
		return true;
	case LONG_ALL:
		ctl->all = true;
		line->options |= OPTION_ALL;
		return true;
	case LONG_WATCH:
		ctl->watch_s = DEFAULT_WATCH_S;
		line->options |= OPTION_WATCH;
		return true;
	case LONG_MAP_DIR:
		ctl->map_dir = optarg;
		line->options |= OPTION_MAP_DIR;
		return true;
	case LONG_DIFF:
		ctl->diff = optarg;
		line->options |= OPTION_DIFF;
		return true;
	case LONG_ONCE:
		ctl->once = true;
		line->options |= OPTION_ONCE;
		return true;
	case LONG_COUNTERS:
		ctl->counters = true;
		line->options |= OPTION_COUNTERS;
		return true;
	case LONG_LINES:
		ctl->lines = optarg;
		line->options |= OPTION_LINES;
		return true;
	case LONG_VERSION:
		line->wants_version = true;
		return true;
	default:
		return set_change(ctl, line, option);
	}
}

static int run_command(struct slot_ctl *ctl, const struct command_line *line,
		       const struct command *command, int argc, char **argv)
{
	char *interval = (char *)ctl->change.watch;

	if (line->wants_help) {
		printf("usage: slotctl %s%s%s\n%s\n%s%s%s", command->name,
		       *command->args ? " " : "", command->args, command->summary,
		       command->options & OPTION_GENERATION ? change_options : "",
		       command->options & OPTION_DEPLOY	   ? deploy_options :
		       command->run == cmd_socket	   ? socket_lb_cli.options :
		       command->options & OPTION_RESET_MAP ? apply_options :
							     "",
		       global_options);
		return 0;
	}
	if (line->options & ~command->options)
		return slot_ctl_refuse(
			ctl, "'%s' does not take one of these options; see slotctl %s --help",
			command->name, command->name);
	if (interval && !argc && !command->min_args)
		return command->run(ctl, 1, &interval);
	if (argc < command->min_args || argc > command->max_args)
		return slot_ctl_refuse(ctl, "'%s' takes %s; see slotctl --help", command->name,
				       *command->args ? command->args : "no arguments");
	return command->run(ctl, argc, argv);
}

static int run_line(struct slot_ctl *ctl, const struct command_line *line, int argc, char **argv)
{
	const struct command *command;
	const struct program_cli *program;

	if (line->wants_version) {
		puts("slotctl " SLOTD_VERSION);
		return 0;
	}
	if (!argc) {
		print_usage(line->wants_help ? stdout : stderr);
		return line->wants_help ? 0 : SLOTCTL_EXIT_USAGE;
	}
	if (ctl->chain && (!*ctl->chain || strlen(ctl->chain) >= SLOT_CHAIN_NAME_MAX))
		return slot_ctl_refuse(ctl, "--chain '%s': a chain's name has 1 to %d characters",
				       ctl->chain, SLOT_CHAIN_NAME_MAX - 1);
	command = find_command(argv[0]);
	if (command)
		return run_command(ctl, line, command, argc - 1, argv + 1);
	program = slot_cli_find(argv[0]);
	if (!program)
		return slot_ctl_refuse(ctl, "unknown command '%s'; see slotctl --help", argv[0]);
	if (line->wants_help) {
		slot_cli_print(program, stdout);
		return 0;
	}
	if (line->options & ~(unsigned int)(OPTION_MAP_DIR | OPTION_WATCH | OPTION_DIFF |
					    OPTION_ONCE | OPTION_COUNTERS))
		return slot_ctl_refuse(
			ctl, "'%s' does not take one of these options; see slotctl %s --help",
			argv[0], argv[0]);
	return slot_cli_run(ctl, program, argc - 1, argv + 1);
}

static int print_failure(struct slot_ctl *ctl, int err)
{
	const char *text = ctl->failure.why.text;

	slot_ctl_warn("slotctl: ", *text ? text : strerror(-err));
	for (size_t i = 0; i < ctl->failure.details.count; i++)
		slot_ctl_warn("  ", ctl->failure.details.lines[i]);
	slot_reasons_free(&ctl->failure.details);
	return ctl->is_usage ? SLOTCTL_EXIT_USAGE : SLOTCTL_EXIT_FAILURE;
}

static bool set_options(struct slot_ctl *ctl, struct command_line *line, const char *letters,
			int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
		if (!set_option(ctl, line, option))
			return false;
		if (option == LONG_WATCH)
			ctl->change.watch = take_value(argc, argv);
	}
	return true;
}

/*
 * Options may be before and behind the command; but a command that reads its own has all behind
 * its name, untouched and in its order. @argc and @argv become the words that are left.
 */
static bool read_options(struct slot_ctl *ctl, struct command_line *line, int *argc, char ***argv)
{
	char *name = **argv;

	if (!set_options(ctl, line, "+c:h", *argc, *argv))
		return false;
	if (!slot_cli_has_options(*argc - optind, *argv + optind)) {
		*argc -= optind - 1;
		*argv += optind - 1;
		**argv = name;
		optind = 0; /* getopt(3) begins anew */
		if (!set_options(ctl, line, "c:h", *argc, *argv))
			return false;
	}
	*argc -= optind;
	*argv += optind;
	return true;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("SLOTD_SOCKET");
	struct slot_ctl ctl = { .socket = socket && *socket ? socket : DEFAULT_SOCKET,
				.words = argv };
	struct command_line line = { 0 };
	int status;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* figures read alike everywhere */
	slot_look_get(stdout, &ctl.look);
	if (!read_options(&ctl, &line, &argc, &argv))
		return SLOTCTL_EXIT_USAGE;
	status = run_line(&ctl, &line, argc, argv);
	if (status < 0)
		status = print_failure(&ctl, status);
	if (fflush(stdout) || ferror(stdout)) {
		slot_ctl_warn("slotctl: cannot write to standard output: ", strerror(errno));
		return SLOTCTL_EXIT_FAILURE;
	}
	return status;
}
