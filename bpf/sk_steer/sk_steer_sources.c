/* SPDX-License-Identifier: GPL-2.0-only */
/* Other processes' sockets, by their descriptors or by where they are bound. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/sk_steer/sk_steer.h"
#include "loader/lib/base/cleanup.h"

static int duplicate(int pid, int fd, int *ret_fd)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int copy;

	if (process < 0)
		return -errno;
	copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	if (copy < 0)
		return -errno;
	*ret_fd = copy;
	return 0;
}

static const char *explain(int err)
{
	switch (err) {
	case -ESRCH:
		return "there is no such process";
	case -EBADF:
		return "it has no such descriptor";
	case -EPERM:
	case -EACCES:
		return "this user may not trace that process, which is what taking its "
		       "descriptors needs (ptrace(2), kernel.yama.ptrace_scope)";
	default:
		return strerror(-err);
	}
}

/* What is looked for while processes are gone through. */
struct search {
	__u32 inodes[SK_STEER_SOURCE_SOCKETS];
	int fds[SK_STEER_SOURCE_SOCKETS]; /* -1: not found yet */
	size_t count;
	int err; /* why one that was found could not be taken */
};

static bool is_complete(const struct search *search)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->fds[i] < 0)
			return false;
	return true;
}

/* A process that shares the socket may allow what its owner does not. */
static void take_descriptor(struct search *search, int pid, int fd, __u32 inode)
{
	for (size_t i = 0; i < search->count; i++) {
		int err;

		if (search->inodes[i] != inode || search->fds[i] >= 0)
			continue;
		err = duplicate(pid, fd, &search->fds[i]);
		if (err)
			search->err = err;
	}
}

static void search_process(struct search *search, const char *pid)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX], text[64];
	struct dirent *entry;
	unsigned int inode;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && !is_complete(search) && (entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);
		if (len <= 0)
			continue;
		text[len] = '\0';
		if (sscanf(text, "socket:[%u]", &inode) == 1)
			take_descriptor(search, atoi(pid), atoi(entry->d_name), inode);
	}
}

static int search_processes(struct search *search)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while (!is_complete(search) && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			search_process(search, entry->d_name);
	return 0;
}

static bool is_bound_there(const struct sk_steer_listener *listener,
			   const struct sk_steer_bound *bound)
{
	return listener->bound.family == bound->family && listener->bound.proto == bound->proto &&
	       listener->bound.port == bound->port &&
	       !memcmp(listener->bound.addr, bound->addr, sizeof(bound->addr));
}

static int list_inodes(const struct sk_steer_bound *bound, struct slot_reason *why,
		       struct search *search)
{
	_cleanup_free_ struct sk_steer_listener *list = NULL;
	size_t count = 0;
	int err = sk_steer_listeners_get(&list, &count);

	if (err)
		return slot_reason_set(why, err, "cannot list sockets: %s", strerror(-err));
	for (size_t i = 0; i < count; i++) {
		if (!is_bound_there(&list[i], bound))
			continue;
		if (search->count == SK_STEER_SOURCE_SOCKETS)
			return slot_reason_set(why, -ENOSPC,
					       "more than %d sockets are bound there, which is all "
					       "that fits",
					       SK_STEER_SOURCE_SOCKETS);
		search->fds[search->count] = -1;
		search->inodes[search->count++] = list[i].inode;
	}
	return search->count ?
		       0 :
		       slot_reason_set(why, -ENOENT,
				       "no socket of this network namespace is bound there");
}

/* All of them or none. */
static int take_bound(const struct sk_steer_bound *bound, struct slot_reason *why,
		      struct search *search)
{
	int err = list_inodes(bound, why, search);

	if (err)
		return err;
	err = search_processes(search);
	if (!err && is_complete(search))
		return 0;
	for (size_t i = 0; i < search->count; i++)
		if (search->fds[i] >= 0)
			close(search->fds[i]);
	if (!err && !search->err)
		return slot_reason_set(why, -EPERM,
				       "no process that this user may look into has it: its own "
				       "processes' sockets can be added, or by root");
	err = err ? err : search->err;
	return slot_reason_set(why, err, "%s", explain(err));
}

int sk_steer_sockets_open(const struct sk_steer_source *source, struct slot_reason *why,
			  int ret_fds[SK_STEER_SOURCE_SOCKETS], size_t *ret_count)
{
	struct search search = {};
	int err;

	if (source->pid) {
		search.count = 1;
		err = duplicate(source->pid, source->fd, &search.fds[0]);
		if (err)
			return slot_reason_set(why, err, "%s", explain(err));
	} else {
		err = take_bound(&source->bound, why, &search);
		if (err)
			return err;
	}
	memcpy(ret_fds, search.fds, search.count * sizeof(ret_fds[0]));
	*ret_count = search.count;
	return 0;
}
