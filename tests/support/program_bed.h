/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A loaded program with its maps pinned in a private bpffs, for its command line
 * to work on. The bpffs lies over /sys/fs/bpf in a mount namespace of the test's own,
 * so it goes away with the test.
 */
#ifndef TEST_PROGRAM_BED_H
#define TEST_PROGRAM_BED_H

#include <stdbool.h>
#include <stddef.h>

#include "programs/cli.h"

struct bpf_object;

#define PROGRAM_BED_DIR "/sys/fs/bpf/maps"

struct program_bed {
	const struct program_cli *cli;
	struct bpf_object *object;
	const struct program_slot *slot; /* what commands are told of it; NULL: as without slotd */
	char *out;			 /* what the last command said, and wrote to stderr */
	char *err;
};

/* program_bed_open - load @object, which it takes over, and pin its maps for @cli to work on. */
void program_bed_open(struct program_bed *bed, const struct program_cli *cli,
		      struct bpf_object *object);
void program_bed_close(struct program_bed *bed);

/* program_bed_run - run a command, words with blanks between. Returns its exit status. */
int program_bed_run(struct program_bed *bed, const char *line);
int program_bed_run_json(struct program_bed *bed, const char *line);

/* Asserts that the command @line succeeds, or fails, and says just that. */
void program_bed_assert_runs(struct program_bed *bed, const char *line, const char *out);
void program_bed_assert_fails(struct program_bed *bed, const char *line, const char *err);

/* Asserts what the last command said, both streams. */
void program_bed_assert_said(const struct program_bed *bed, const char *out, const char *err);

#endif
