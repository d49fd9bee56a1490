/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/process.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

void slot_process_name(const char *pid, char ret_name[SLOT_PROCESS_NAME_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(ret_name, SLOT_PROCESS_NAME_MAX, file))
		ret_name[strcspn(ret_name, "\n")] = '\0';
	else
		strcpy(ret_name, "?");
}

void slot_process_format(const char *pid, char ret_text[SLOT_PROCESS_TEXT_MAX])
{
	char name[SLOT_PROCESS_NAME_MAX];

	slot_process_name(pid, name);
	snprintf(ret_text, SLOT_PROCESS_TEXT_MAX, "pid %.16s (%s)", pid, name);
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
