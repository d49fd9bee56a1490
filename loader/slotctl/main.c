/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

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
	{ "apply", cmd_apply, "", "read slots.conf again and make this chain like it", 0, 0, 0 },
	{ "reload", cmd_reload, "", "the same for all chains, or for none if one is refused", 0, 0,
	  0 },
	{ "deploy", cmd_deploy, "SLOT OBJECT", "run this object file in the slot", 2, 2, 0 },
	{ "undeploy", cmd_undeploy, "SLOT", "run what slots.conf names again", 1, 1, 0 },
	{ "enable", cmd_enable, "SLOT", "let packets through the slot's program", 1, 1, 0 },
	{ "disable", cmd_disable, "SLOT", "let packets past the slot's program", 1, 1, 0 },
	{ "rollback", cmd_rollback, "", "back to the previous generation", 0, 0, 0 },
	{ "detach", cmd_detach, "", "take the chain off its interface", 0, 0, 0 },
	{ "audit", cmd_audit, "[CHAIN] [--lines N]", "who changed what, latest last", 0, 1,
	  OPTION_LINES },
	{ "verify", cmd_verify, "OBJECT [FUNCTION]",
	  "load an object for nothing and tell what it is; needs no slotd", 1, 2, 0 },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum long_only {
	LONG_SOCKET = 256,
	LONG_JSON,
	LONG_ALL,
	LONG_WATCH,
	LONG_MAP_DIR,
	LONG_LINES,
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

struct command_line {
	unsigned int options; /* of enum option_bit, that were given */
	const char *interval;
	bool wants_help;
	bool wants_version;
};

static void print_command(const struct command *command, FILE *out)
{
	char call[64];

	snprintf(call, sizeof(call), "%s %s", command->name, command->args);
	fprintf(out, "  %-30s %s\n", call, command->summary);
}

static void print_usage(FILE *out)
{
	fputs("usage: slotctl [options] COMMAND [arguments]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		print_command(&commands[i], out);
	slot_cli_list(out);
	fputs("\nSLOT is a number from 0 to 19 or the name it is reserved as.\n", out);
	fputs(global_options, out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
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
		line->interval = optarg;
		line->options |= OPTION_WATCH;
		return true;
	case LONG_MAP_DIR:
		ctl->map_dir = optarg;
		line->options |= OPTION_MAP_DIR;
		return true;
	case LONG_LINES:
		ctl->lines = optarg;
		line->options |= OPTION_LINES;
		return true;
	case LONG_VERSION:
		line->wants_version = true;
		return true;
	default:
		return false;
	}
}

static int run_command(struct slot_ctl *ctl, const struct command_line *line,
		       const struct command *command, int argc, char **argv)
{
	char *interval = (char *)line->interval;

	if (line->wants_help) {
		printf("usage: slotctl %s%s%s\n%s\n%s", command->name, *command->args ? " " : "",
		       command->args, command->summary, global_options);
		return 0;
	}
	if (line->options & ~command->options)
		return slot_ctl_refuse(
			ctl, "'%s' does not take one of these options; see slotctl %s --help",
			command->name, command->name);
	if (interval && !argc)
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
	if (line->options & ~(unsigned int)OPTION_MAP_DIR)
		return slot_ctl_refuse(ctl, "'%s' takes no --all and no --watch", argv[0]);
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

int main(int argc, char **argv)
{
	const char *socket = getenv("SLOTD_SOCKET");
	struct slot_ctl ctl = { .socket = socket && *socket ? socket : DEFAULT_SOCKET };
	struct command_line line = { 0 };
	int option, status;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* figures read alike everywhere */
	slot_look_get(stdout, &ctl.look);
	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		if (!set_option(&ctl, &line, option))
			return SLOTCTL_EXIT_USAGE;
	}
	status = run_line(&ctl, &line, argc - optind, argv + optind);
	if (status < 0)
		status = print_failure(&ctl, status);
	if (fflush(stdout) || ferror(stdout)) {
		slot_ctl_warn("slotctl: cannot write to standard output: ", strerror(errno));
		return SLOTCTL_EXIT_FAILURE;
	}
	return status;
}
