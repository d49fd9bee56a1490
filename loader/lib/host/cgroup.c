/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/netns.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define DEPTH_MAX 8 /* of cgroups in each other; those of containers are two or three */

struct search {
	struct stat own;
	struct stat found; /* or looked at, where @cookie is set */
	__u64 cookie;	   /* of the only netns that counts, or 0 */
	int fd;		   /* of the netns found, or -1 */
	bool is_ambiguous;
	bool is_over; /* no other process has to be looked at */
};

int slot_cgroup_id(const char *path, __u64 *ret_id)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOENT;
	*ret_id = st.st_ino;
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void find_cookie(struct search *search, int *fd, const struct stat *st)
{
	_cleanup_(slot_netns_leave) int home = -1;
	__u64 cookie;

	if (is_same(st, &search->found))
		return;
	search->found = *st;
	if (slot_netns_join(*fd, &home) || slot_netns_cookie(&cookie) || cookie != search->cookie)
		return;
	search->fd = TAKE_FD(*fd);
	search->is_over = true;
}

/* A process that ends meanwhile has no netns. */
static void look_at(struct search *search, int pid)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || is_same(&st, &search->own))
		return;
	if (search->cookie) {
		find_cookie(search, &fd, &st);
	} else if (search->fd < 0) {
		search->found = st;
		search->fd = TAKE_FD(fd);
	} else if (!is_same(&st, &search->found)) {
		search->is_ambiguous = true;
		search->is_over = true;
	}
}

/* Threads of a threaded cgroup are told of by the one above it. */
static void read_processes(struct search *search, int dir_fd)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	int pid;

	if (!file && fd >= 0)
		close(fd);
	while (file && !search->is_over && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			look_at(search, pid);
}

static int visit(struct search *search, int parent_fd, const char *name, int depth)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	read_processes(search, fd);
	while (depth < DEPTH_MAX && !search->is_over && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			visit(search, fd, entry->d_name, depth + 1);
	return 0;
}

int slot_cgroup_netns_open(const char *path, __u64 cookie)
{
	struct search search = { .fd = -1, .cookie = cookie };
	int err = stat(OWN_NETNS, &search.own) ? -errno : 0;

	if (!err)
		err = visit(&search, AT_FDCWD, path, 0);
	if (!err && search.fd < 0)
		err = -ENOENT;
	if (!err && !search.is_ambiguous)
		return search.fd;
	if (search.fd >= 0)
		close(search.fd);
	return err ? err : -ENOTUNIQ;
}
