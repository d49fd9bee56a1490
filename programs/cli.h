/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one shape of a program's command line, `slotctl NAME COMMAND [ARG...]`.
 *
 * A program's commands work on the pinned maps of the slot it runs in, and on
 * nothing else. Data goes to the context's stream, words go to stderr, one
 * clear line for each thing that is wrong.
 */
#ifndef PROGRAM_CLI_H
#define PROGRAM_CLI_H

#include <stdbool.h>
#include <stdio.h>

/* What a command returns, which is also the exit status. */
enum program_exit {
	PROGRAM_OK = 0,
	PROGRAM_FAILED = 1,
	PROGRAM_USAGE = 2, /* the arguments make no sense; the caller shows the usage line */
};

struct program_context {
	/* Folder of the slot's pinned maps, one pin a map, named as the map, '_' for '.'. */
	const char *map_dir;
	bool json; /* data as one JSON document */
	/* Given only to the commands that program_cli names for them. */
	unsigned int watch_s; /* --watch: again and again, so far apart; 0: once */
	const char *diff;     /* --diff: what a file would change; NULL: not asked for */
	bool once;	      /* --once */
	FILE *out;
};

struct program_command {
	const char *name;
	/* @argv: the @argc words behind the command's name. Returns enum program_exit. */
	int (*run)(const struct program_context *ctx, int argc, char **argv);
	const char *args; /* for the usage line, "" for none */
	const char *summary;
};

struct program_cli {
	const char *name;
	const char *summary;
	const struct program_command *commands; /* ends with one whose name is NULL */
	const char *watch_command;		/* which takes --watch; NULL: none */
	const char *diff_command;		/* which takes --diff; NULL: none */
	const char *once_command;		/* which takes --once; NULL: none */
};

extern const struct program_cli firewall_cli;
extern const struct program_cli decap_cli;
extern const struct program_cli lb_hc_cli;
extern const struct program_cli lb_cli;

#endif
