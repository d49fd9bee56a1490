/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_tree.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/socket_lb/run/sl_run_room.h"
#include "loader/lib/base/cleanup.h"

#define PATH_SIZE 64
#define KILLS 3 /* what was forked while /proc was read is found by the next one */

struct process {
	pid_t pid;
	pid_t parent;
	pid_t session;
};

struct processes {
	struct process *items;
	size_t count;
};

static void free_processes(struct processes *all)
{
	free(all->items);
}

/* The name of a command may hold blanks and brackets: what follows the last ')' is what counts. */
static int read_process(pid_t pid, struct process *ret_process)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_SIZE], line[512];
	const char *rest;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	len = fread(line, 1, sizeof(line) - 1, file);
	line[len] = '\0';
	rest = strrchr(line, ')');
	if (!rest ||
	    sscanf(rest + 1, " %*c %d %*d %d", &ret_process->parent, &ret_process->session) != 2)
		return -ESRCH;
	ret_process->pid = pid;
	return 0;
}

static int add_process(struct processes *all, pid_t pid)
{
	struct process process;
	struct process *items;

	if (read_process(pid, &process))
		return 0; /* it is gone */
	items = sl_run_room(all->items, all->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	items[all->count++] = process;
	all->items = items;
	return 0;
}

static int read_processes(struct processes *all)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (isdigit((unsigned char)*entry->d_name))
			err = add_process(all, (pid_t)strtol(entry->d_name, NULL, 10));
	return err;
}

static bool is_left_out(const struct process *process, pid_t except)
{
	return except > 0 && (process->pid == except || process->session == except);
}

static int add_children(const struct processes *all, pid_t parent, pid_t except,
			struct sl_run_tree *tree)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].parent != parent || is_left_out(&all->items[i], except))
			continue;
		if (tree->count == SL_RUN_TREE_MAX)
			return -E2BIG;
		tree->pids[tree->count++] = all->items[i].pid;
	}
	return 0;
}

int sl_run_tree_get(pid_t except, struct slot_reason *why, struct sl_run_tree **ret_tree)
{
	__attribute__((cleanup(free_processes))) struct processes all = {};
	_cleanup_free_ struct sl_run_tree *tree = calloc(1, sizeof(*tree));
	int err = tree ? read_processes(&all) : -ENOMEM;

	err = err ? err : add_children(&all, getpid(), except, tree);
	for (size_t i = 0; !err && i < tree->count; i++)
		err = add_children(&all, tree->pids[i], except, tree);
	if (err)
		return slot_reason_set(why, err, "cannot list the command's processes: %s",
				       strerror(-err));
	*ret_tree = TAKE_PTR(tree);
	return 0;
}

int sl_run_tree_sockets(const struct sl_run_tree *tree, program_held_fn see, void *data)
{
	int err = 0;

	for (size_t i = 0; !err && i < tree->count; i++)
		err = program_sockets_held(tree->pids[i], see, data);
	return err;
}

bool sl_run_tree_is_empty(pid_t except)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;

	return sl_run_tree_get(except, NULL, &tree) || !tree->count;
}

void sl_run_tree_kill(pid_t except)
{
	for (int i = 0; i < KILLS; i++) {
		_cleanup_free_ struct sl_run_tree *tree = NULL;

		if (sl_run_tree_get(except, NULL, &tree))
			return;
		for (size_t j = 0; j < tree->count; j++)
			kill(tree->pids[j], SIGKILL);
	}
}

bool sl_run_tree_end_session(pid_t session)
{
	_cleanup_free_ struct sl_run_tree *tree = NULL;
	bool is_there = false;

	if (sl_run_tree_get(-1, NULL, &tree) || !tree)
		return true;
	for (size_t i = 0; i < tree->count; i++) {
		if (getsid(tree->pids[i]) != session)
			continue;
		is_there = true;
		kill(tree->pids[i], SIGKILL);
	}
	return is_there;
}
