/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/cmd_program.h"
#include "loader/slotctl/program_slot.h"

static const struct program_cli *const programs[] = {
	&firewall_cli, &decap_cli,     &tc_decap_cli,	&tc_redirect_cli, &lb_cli,
	&lb_hc_cli,    &fw_egress_cli, &sk_steer_cli,	&socket_lb_cli,	  &tcp_server_id_cli,
	&hwmark_cli,   &handoff_cli,   &handoff_out_cli
};
/* How wide a command and its arguments are in the usage, and the line is indented. */
#define CALL_COLUMNS 32
#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

const struct program_cli *slot_cli_find(const char *name)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		if (!strcmp(programs[i]->name, name))
			return programs[i];
	}
	return NULL;
}

bool slot_cli_has_options(int argc, char *const *argv)
{
	const struct program_cli *cli = argc < 2		   ? NULL :
					!strcmp(argv[0], "socket") ? &socket_lb_cli :
								     slot_cli_find(argv[0]);

	return cli && cli->options && !strcmp(argv[1], cli->offline_command);
}

void slot_cli_list(FILE *out)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		fprintf(out, "  %-30s %s\n", programs[i]->name, programs[i]->summary);
}

void slot_cli_print(const struct program_cli *cli, FILE *out)
{
	fprintf(out, "usage: slotctl [options] %s [--map-dir DIR] COMMAND [arguments]\n\n",
		cli->name);
	for (const struct program_command *command = cli->commands; command->name; command++) {
		int len = fprintf(out, "  %s %s", command->name, command->args);

		/* What is too long for its column has a line of its own. */
		if (len > CALL_COLUMNS) {
			fputc('\n', out);
			len = 0;
		}
		fprintf(out, "%*s %s\n", CALL_COLUMNS - len, "", command->summary);
	}
	fputs("\n      --map-dir DIR              where the program's maps are pinned; asks no slotd\n",
	      out);
}

/* The slot reserved as @name, else the only one that runs the program @name; or NULL, and why. */
static const json_t *find_slot(struct slot_ctl *ctl, const json_t *answer, const char *name)
{
	const json_t *found = NULL, *slot;
	size_t runners = 0, i;

	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		if (!strcmp(slot_answer_text(slot, "name"), name))
			return slot;
		if (!strcmp(slot_answer_text(slot, "program"), name)) {
			found = slot;
			runners++;
		}
	}
	if (runners == 1)
		return found;
	if (runners)
		slot_reason_set(
			&ctl->failure.why, -ENOENT,
			"%zu slots of '%s' run %s and none is reserved as that; name the map_dir of one (slotctl show SLOT) with --map-dir",
			runners, ctl->chain, name);
	else
		slot_reason_set(&ctl->failure.why, -ENOENT,
				"no slot of '%s' is reserved as '%s' or runs it%s", ctl->chain,
				name,
				json_is_false(json_object_get(answer, "attached")) ?
					"; the chain is detached (slotctl apply)" :
					"");
	slot_ctl_blame_absence(ctl, answer);
	return NULL;
}

/* Both owned by @answer. */
static int find_map_dir(struct slot_ctl *ctl, const json_t *answer, const char *name,
			const json_t **ret_slot, const char **ret_dir)
{
	const json_t *slot = find_slot(ctl, answer, name);
	const char *dir = json_string_value(json_object_get(slot, "map_dir"));

	if (!slot)
		return -ENOENT;
	if (!dir || !*dir)
		return slot_reason_set(&ctl->failure.why, -ENOENT,
				       "slot '%s' of '%s' has no maps yet",
				       slot_answer_text(slot, "name"), ctl->chain);
	*ret_slot = slot;
	*ret_dir = dir;
	return 0;
}

static bool has_slot(const json_t *answer, const char *name)
{
	const json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(answer, "slots"), i, slot)
		if (!strcmp(slot_answer_text(slot, "name"), name) ||
		    !strcmp(slot_answer_text(slot, "program"), name))
			return true;
	return false;
}

static bool has_chain(const json_t *chains, const char *name)
{
	const json_t *chain;
	size_t i;

	json_array_foreach(chains, i, chain)
		if (!strcmp(slot_answer_text(chain, "interface"), name))
			return true;
	return false;
}

/* Of sockets: "web" of "web:sk_lookup" and of "web:sk_reuseport". */
static bool is_titled(const char *chain, const char *title)
{
	size_t len = strlen(title);

	return slot_hook_is_sock(slot_chain_name_hook(chain)) && !strncmp(chain, title, len) &&
	       chain[len] == ':' && !strchr(chain + len + 1, ':');
}

/*
 * The only one of several chains that has a slot for @name, as the chain of lb_hc at lb's interface
 * has none for lb: of all without --chain, else of those with that title. If there is no such
 * one, slot_ctl_get() says what to do.
 */
static int choose_chain(struct slot_ctl *ctl, const char *name)
{
	static char chosen[SLOT_CHAIN_NAME_MAX];
	const struct slot_request request = { .method = "GET", .path = "/v1/status" };
	const char *given = ctl->chain;
	json_auto_t *status = NULL;
	const json_t *chains, *chain;
	size_t found = 0, i;
	int err = slot_ctl_send(ctl, &request, &status);

	chains = json_object_get(status, "chains");
	if (given && has_chain(chains, given))
		return 0;
	json_array_foreach(chains, i, chain) {
		json_auto_t *answer = NULL;

		ctl->chain = slot_answer_text(chain, "interface");
		if (given && !is_titled(ctl->chain, given))
			continue;
		err = slot_ctl_get(ctl, "slots", &answer);
		if (err)
			break;
		if (has_slot(answer, name) && !found++)
			snprintf(chosen, sizeof(chosen), "%s", ctl->chain);
	}
	ctl->chain = found == 1 ? chosen : given;
	return err;
}

static const struct program_command *find_command(const struct program_cli *cli, const char *name)
{
	const struct program_command *command = cli->commands;

	while (command->name && strcmp(command->name, name))
		command++;
	return command->name ? command : NULL;
}

static bool is_command(const char *name, const struct program_command *command)
{
	return name && !strcmp(name, command->name);
}

static int run_command(const struct program_context *context, const struct program_cli *cli,
		       const struct program_command *command, int argc, char **argv)
{
	int status = command->run(context, argc, argv);

	/* who reads its own options says what is wrong; its status may be that of what it runs */
	if (status == PROGRAM_USAGE && !(cli->options && is_command(cli->offline_command, command)))
		fprintf(stderr, "usage: slotctl %s %s%s%s\n", cli->name, command->name,
			*command->args ? " " : "", command->args);
	return status;
}

/* Such a command runs until it is ended, but with --once. */
static bool takes_once(const struct program_cli *cli, const struct program_command *command)
{
	return is_command(cli->once_command, command);
}

/* Without slotd: the folder of the maps, whose pins stay. */
static int add_advice(struct slot_ctl *ctl, const struct program_cli *cli)
{
	struct slot_reason why;
	_cleanup_free_ char *map_dir = NULL;

	if (cli->find_maps && !cli->find_maps(ctl->chain, &why, &map_dir))
		return slot_reason_append(&ctl->failure.why, -ENOTCONN,
					  " (without it: slotctl --map-dir %s %s)", map_dir,
					  cli->name);
	return slot_reason_append(
		&ctl->failure.why, -ENOTCONN,
		" (without it: slotctl --map-dir DIR %s, where DIR is the slot's in "
		"'/sys/fs/bpf/slotd/*-%s/maps')",
		cli->name, ctl->chain ? ctl->chain : "CHAIN");
}

/* On each port of a bond, one after the other: their maps are their own. */
static int run_each(struct slot_ctl *ctl, struct program_context *context,
		    const struct program_cli *cli, const struct program_command *command, int argc,
		    char **argv)
{
	json_auto_t *answer = NULL;
	const json_t *results, *result, *slot = NULL;
	size_t i;
	int err = choose_chain(ctl, cli->name);

	err = err ? err : slot_ctl_get(ctl, "slots", &answer);
	if (err)
		return err == -ENOTCONN ? add_advice(ctl, cli) : err;
	results = json_object_get(answer, "results");
	if (results && json_array_size(results) > 1 && takes_once(cli, command) && !context->once)
		return slot_ctl_refuse(ctl, "'%s %s' does not end: name one port with --chain",
				       cli->name, command->name);
	for (i = 0; !err && i < (results ? json_array_size(results) : 1); i++) {
		_cleanup_(slot_cli_slot_free) struct slot_cli_slot known = {};

		result = results ? json_array_get(results, i) : answer;
		err = find_map_dir(ctl, result, cli->name, &slot, &context->map_dir);
		if (err)
			break;
		known = slot_cli_slot_make(ctl, result, slot_answer_number(slot, "slot"));
		context->slot = &known.slot;
		err = run_command(context, cli, command, argc, argv);
	}
	context->slot = NULL;
	return err;
}

/* --watch, --diff, --once and --counters are of one command each. */
static int take_options(struct slot_ctl *ctl, const struct program_cli *cli,
			const struct program_command *command, struct program_context *context)
{
	const char *interval = ctl->change.watch;
	bool takes_watch = is_command(cli->watch_command, command);
	bool takes_diff = is_command(cli->diff_command, command);
	long seconds = 1;
	char *end;

	if (ctl->watch_s > 0 && !takes_watch)
		return slot_ctl_refuse(ctl, "'%s %s' takes no --watch", cli->name, command->name);
	if (ctl->diff && !takes_diff)
		return slot_ctl_refuse(ctl, "'%s %s' takes no --diff", cli->name, command->name);
	if (ctl->once && !takes_once(cli, command))
		return slot_ctl_refuse(ctl, "'%s %s' takes no --once", cli->name, command->name);
	if (ctl->counters && !is_command(cli->counters_command, command))
		return slot_ctl_refuse(ctl, "'%s %s' takes no --counters", cli->name,
				       command->name);
	context->counters = ctl->counters;
	context->diff = ctl->diff;
	context->once = ctl->once;
	if (!(ctl->watch_s > 0))
		return 0;
	if (interval) {
		seconds = strtol(interval, &end, 10);
		if (end == interval || *end || seconds < 1 || seconds > 86400)
			return slot_ctl_refuse(
				ctl, "--watch '%s': whole seconds from 1 to 86400 expected",
				interval);
	}
	context->watch_s = (unsigned int)seconds;
	return 0;
}

int slot_cli_run(struct slot_ctl *ctl, const struct program_cli *cli, int argc, char **argv)
{
	struct program_context context = { .map_dir = ctl->map_dir,
					   .chain = ctl->chain,
					   .words = ctl->words,
					   .json = ctl->json,
					   .out = stdout };
	const struct program_command *command;
	int status;

	if (!argc) {
		slot_cli_print(cli, stderr);
		return SLOTCTL_EXIT_USAGE;
	}
	command = find_command(cli, argv[0]);
	if (!command)
		return slot_ctl_refuse(ctl, "%s has no command '%s'; see slotctl %s --help",
				       cli->name, argv[0], cli->name);
	status = take_options(ctl, cli, command, &context);
	if (status)
		return status;
	if (!context.map_dir && !is_command(cli->offline_command, command))
		return run_each(ctl, &context, cli, command, argc - 1, argv + 1);
	return run_command(&context, cli, command, argc - 1, argv + 1);
}

int cmd_socket(struct slot_ctl *ctl, int argc, char **argv)
{
	if (strcmp(argv[0], socket_lb_cli.offline_command))
		return slot_ctl_refuse(ctl, "unknown command 'socket %s'; expected socket run",
				       argv[0]);
	return slot_cli_run(ctl, &socket_lb_cli, argc, argv);
}
