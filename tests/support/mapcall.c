/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/mapcall.h"

#include <stdio.h>

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/tap.h"

bool mapcall_is_write(const struct ptrace_syscall_info *info)
{
	return info->op == PTRACE_SYSCALL_INFO_ENTRY && info->entry.nr == SYS_bpf &&
	       (info->entry.args[0] == BPF_MAP_UPDATE_ELEM ||
		info->entry.args[0] == BPF_MAP_DELETE_ELEM);
}

__u32 mapcall_map(pid_t child, const struct ptrace_syscall_info *info)
{
	long attr = ptrace(PTRACE_PEEKDATA, child, (void *)info->entry.args[1], NULL);
	char path[64], line[128];
	__u32 id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", child, (__u32)attr);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "map_id: %u", &id) == 1)
			break;
	fclose(file);
	return id;
}

__u32 mapcall_id(const struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	struct bpf_map_info map = {};
	__u32 len = sizeof(map);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &map, &len), 0);
	return map.id;
}
