/* SPDX-License-Identifier: GPL-2.0-only */
/* Other processes' sockets, by their descriptors or by where they are bound. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/sk_steer/sk_steer.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/sockets.h"

static const char *explain(int err)
{
	switch (err) {
	case -ESRCH:
		return "there is no such process";
	case -EBADF:
		return "it has no such descriptor";
	case -ESTALE:
		return "it was closed meanwhile";
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
	struct sk_steer_listener wanted[SK_STEER_SOURCE_SOCKETS];
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
static int take_descriptor(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct search *search = data;

	for (size_t i = 0; i < search->count; i++) {
		int err;

		if (search->wanted[i].inode != inode || search->fds[i] >= 0)
			continue;
		err = program_socket_take(pid, fd, search->wanted[i].cookie, &search->fds[i]);
		if (err)
			search->err = err;
	}
	return is_complete(search);
}

static int search_processes(struct search *search)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while (!is_complete(search) && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			program_sockets_held(atoi(entry->d_name), take_descriptor, search);
	return 0;
}

static bool is_bound_there(const struct sk_steer_listener *listener,
			   const struct slot_endpoint *bound)
{
	return listener->bound.family == bound->family && listener->bound.proto == bound->proto &&
	       listener->bound.port == bound->port &&
	       !memcmp(listener->bound.addr, bound->addr, sizeof(bound->addr));
}

static int list_bound(const struct slot_endpoint *bound, struct slot_reason *why,
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
		search->wanted[search->count++] = list[i];
	}
	return search->count ?
		       0 :
		       slot_reason_set(why, -ENOENT,
				       "no socket of this network namespace is bound there");
}

/* All of them or none. */
static int take_bound(const struct slot_endpoint *bound, struct slot_reason *why,
		      struct search *search)
{
	int err = list_bound(bound, why, search);

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
		err = program_socket_take(source->pid, source->fd, PROGRAM_COOKIE_ANY,
					  &search.fds[0]);
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
