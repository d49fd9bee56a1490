/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/process.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

void slot_process_format(const char *pid, char ret_text[SLOT_PROCESS_TEXT_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_MAX];
	char comm[32] = "?";

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(comm, sizeof(comm), file))
		comm[strcspn(comm, "\n")] = '\0';
	snprintf(ret_text, SLOT_PROCESS_TEXT_MAX, "pid %.16s (%s)", pid, comm);
}

int slot_process_each(int (*look)(const char *pid, void *data), void *data)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	unsigned int seen = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (++seen > SLOT_PROCESSES_MAX)
			return 0;
		if (look(entry->d_name, data))
			break;
	}
	return 1;
}
