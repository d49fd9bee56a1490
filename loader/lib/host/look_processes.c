/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose sockets they are: the descriptors of processes, as far as they may be read. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/look.h"
#include "loader/lib/host/process.h"

/* What a descriptor of a socket links to. */
static __u32 parse_socket(const char *text)
{
	unsigned int inode;

	return sscanf(text, "socket:[%u]", &inode) == 1 ? inode : 0;
}

/* Several processes may share one: the first is told. Returns how many are still unknown. */
static size_t name_socket(struct slot_findings *findings, __u32 inode, const char *pid)
{
	size_t unknown = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct slot_finding_place *place = &findings->items[i].place;

		if (!place->socket || *place->process)
			continue;
		if (inode && place->socket == inode)
			slot_process_format(pid, place->process);
		else
			unknown++;
	}
	return unknown;
}

static int look_at_process(const char *pid, void *data)
{
	struct slot_findings *findings = data;
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX], text[64];
	size_t unknown = 1;
	struct dirent *entry;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && unknown && (entry = readdir(dir))) {
		__u32 inode;

		len = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);
		if (len <= 0)
			continue;
		text[len] = '\0';
		inode = parse_socket(text);
		if (inode)
			unknown = name_socket(findings, inode, pid);
	}
	return !unknown;
}

void slot_look_processes(struct slot_findings *findings)
{
	if (name_socket(findings, 0, NULL))
		slot_process_each(look_at_process, findings);
}
