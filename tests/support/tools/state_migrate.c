/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state_migrate: the converter of tests/system/progs/state_wide.bpf.c. Copies the entries
 * of a map with values of one number into one with values of two; the second number becomes
 * the user that it runs as.
 *
 *   state_migrate MAP OLD_FD NEW_FD
 *
 * It needs no library and no privilege: three operations of bpf(2) on descriptors. It also
 * tries what it may not do, and fails when that works.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

static long call_bpf(enum bpf_cmd command, int fd, const void *key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value; /* of BPF_MAP_GET_NEXT_KEY: the next key */
	return syscall(SYS_bpf, command, &attr, sizeof(attr));
}

static int fail(const char *what, uint32_t key)
{
	fprintf(stderr, "%s, key %u: %s\n", what, key, strerror(errno));
	return EXIT_FAILURE;
}

static int copy_entry(int old_fd, int new_fd, uint32_t key)
{
	uint64_t was = 0;
	uint64_t is[2];

	if (call_bpf(BPF_MAP_LOOKUP_ELEM, old_fd, &key, &was))
		return errno == ENOENT ? 0 : fail("cannot read", key); /* deleted meanwhile */
	is[0] = was;
	is[1] = getuid();
	if (call_bpf(BPF_MAP_UPDATE_ELEM, new_fd, &key, is))
		return fail("cannot write", key);
	if (!call_bpf(BPF_MAP_UPDATE_ELEM, old_fd, &key, &was))
		return fail("the old map can be written", key);
	return 0;
}

int main(int argc, char **argv)
{
	const uint32_t *last = NULL;
	uint32_t key;
	uint32_t next = 0;
	int old_fd;
	int new_fd;

	if (argc != 4) {
		fprintf(stderr, "usage: %s MAP OLD_FD NEW_FD\n", argv[0]);
		return 2;
	}
	old_fd = atoi(argv[2]);
	new_fd = atoi(argv[3]);
	while (!call_bpf(BPF_MAP_GET_NEXT_KEY, old_fd, last, &next)) {
		if (copy_entry(old_fd, new_fd, next))
			return EXIT_FAILURE;
		key = next;
		last = &key;
	}
	return errno == ENOENT ? 0 : fail("cannot go on", last ? key : 0);
}
