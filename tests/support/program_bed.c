/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/program_bed.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "tests/support/tap.h"

#define WORDS_MAX 32

static void mount_bpffs(void)
{
	static bool is_done;

	if (!is_done) {
		assert_int_equal(unshare(CLONE_NEWNS), 0);
		assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
		assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0755"), 0);
	}
	is_done = true;
}

static void pin_maps(struct bpf_object *object)
{
	char path[256];
	struct bpf_map *map;

	assert_int_equal(mkdir(PROGRAM_BED_DIR, 0755), 0);
	bpf_object__for_each_map(map, object) {
		if (bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), "%s/%s", PROGRAM_BED_DIR, bpf_map__name(map));
		assert_int_equal(bpf_map__pin(map, path), 0);
	}
}

/* A test may have taken some away. */
static void unpin_maps(struct bpf_object *object)
{
	char path[256];
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		snprintf(path, sizeof(path), "%s/%s", PROGRAM_BED_DIR, bpf_map__name(map));
		unlink(path);
	}
}

void program_bed_open(struct program_bed *bed, const struct program_cli *cli,
		      struct bpf_object *object)
{
	assert_non_null(object);
	mount_bpffs();
	assert_int_equal(bpf_object__load(object), 0);
	pin_maps(object);
	*bed = (struct program_bed){ .cli = cli, .object = object };
}

void program_bed_close(struct program_bed *bed)
{
	unpin_maps(bed->object);
	assert_int_equal(rmdir(PROGRAM_BED_DIR), 0);
	bpf_object__close(bed->object);
	free(bed->out);
	free(bed->err);
	*bed = (struct program_bed){};
}

static char *read_all(FILE *file)
{
	long size = ftell(file);
	char *text;

	assert_true(size >= 0);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	rewind(file);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	return text;
}

static const struct program_command *find_command(const struct program_cli *cli, const char *name)
{
	const struct program_command *command;

	for (command = cli->commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static int split_words(char *line, char **words)
{
	char *rest, *word;
	int count = 0;

	for (word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(count < WORDS_MAX);
		words[count++] = word;
	}
	return count;
}

/* Catches both streams in files: a command may say more than a pipe holds. */
static int run_words(struct program_bed *bed, bool is_json, char **words, int count)
{
	const struct program_command *command = find_command(bed->cli, words[0]);
	FILE *out = tmpfile(), *err = tmpfile();
	struct program_context ctx = {
		.map_dir = PROGRAM_BED_DIR,
		.slot = bed->slot,
		.json = is_json,
		.out = out,
	};
	int saved = dup(STDERR_FILENO), ret;

	assert_non_null(command);
	if (count > 2 && !strcmp(words[count - 2], "--diff")) {
		ctx.diff = words[count - 1];
		count -= 2;
	}
	if (count > 1 && !strcmp(words[count - 1], "--counters")) {
		ctx.counters = true;
		count--;
	}
	assert_true(out && err && saved >= 0);
	fflush(stderr);
	dup2(fileno(err), STDERR_FILENO);
	ret = command->run(&ctx, count - 1, words + 1);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);

	fseek(err, 0, SEEK_END);
	free(bed->out);
	free(bed->err);
	bed->out = read_all(out);
	bed->err = read_all(err);
	fclose(out);
	fclose(err);
	return ret;
}

static int run_line(struct program_bed *bed, bool is_json, const char *line)
{
	char *words[WORDS_MAX], *copy = strdup(line);
	int ret;

	assert_non_null(copy);
	ret = run_words(bed, is_json, words, split_words(copy, words));
	free(copy);
	return ret;
}

int program_bed_run(struct program_bed *bed, const char *line)
{
	return run_line(bed, false, line);
}

int program_bed_run_json(struct program_bed *bed, const char *line)
{
	return run_line(bed, true, line);
}

void program_bed_assert_said(const struct program_bed *bed, const char *out, const char *err)
{
	assert_string_equal(bed->err, err);
	assert_string_equal(bed->out, out);
}

void program_bed_assert_runs(struct program_bed *bed, const char *line, const char *out)
{
	int ret = program_bed_run(bed, line);

	program_bed_assert_said(bed, out, "");
	assert_int_equal(ret, PROGRAM_OK);
}

void program_bed_assert_fails(struct program_bed *bed, const char *line, const char *err)
{
	int ret = program_bed_run(bed, line);

	program_bed_assert_said(bed, "", err);
	assert_int_equal(ret, PROGRAM_FAILED);
}
