/* SPDX-License-Identifier: GPL-2.0-only */
/* map_clear PATH: all bytes of the pinned array, which can be mapped, become 0. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/mman.h>

#include <bpf/bpf.h>

int main(int argc, char **argv)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	void *bytes;
	size_t size;
	int fd;

	if (argc != 2) {
		fputs("usage: map_clear PATH\n", stderr);
		return 2;
	}
	fd = bpf_obj_get(argv[1]);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
		fprintf(stderr, "map_clear: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	size = (size_t)info.value_size * info.max_entries;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		fprintf(stderr, "map_clear: mmap: %s\n", strerror(errno));
		return 1;
	}
	memset(bytes, 0, size);
	return 0;
}
