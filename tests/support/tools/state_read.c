/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state_read PIN: the numbers of the first entry of the map pinned there, one line. Opens it
 * for reading only; needs no privilege but the pin's own mode.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

#define NUMBERS_MAX 16

static long call_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (ret < 0) {
		perror("state_read");
		exit(EXIT_FAILURE);
	}
	return ret;
}

static int open_pin(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	attr.file_flags = BPF_F_RDONLY;
	return (int)call_bpf(BPF_OBJ_GET, &attr);
}

static uint32_t find_value_size(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
	return info.value_size;
}

int main(int argc, char **argv)
{
	uint64_t numbers[NUMBERS_MAX];
	union bpf_attr attr;
	uint32_t key = 0;
	uint32_t count;
	uint32_t i;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PIN\n", argv[0]);
		return 2;
	}
	fd = open_pin(argv[1]);
	count = find_value_size(fd) / (uint32_t)sizeof(numbers[0]);
	if (count > NUMBERS_MAX)
		return EXIT_FAILURE;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)numbers;
	call_bpf(BPF_MAP_LOOKUP_ELEM, &attr);
	for (i = 0; i < count; i++)
		printf("%s%llu", i ? " " : "", (unsigned long long)numbers[i]);
	putchar('\n');
	return 0;
}
