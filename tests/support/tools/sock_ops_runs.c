/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sock_ops_runs CGROUP...: how often the programs of hook sock_ops at each cgroup run, and for how
 * many nanoseconds in all, from "counting" on until SIGTERM; then a line RUNS NS for each. The
 * kernel measures as long as this process lives. Linux 5.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define GROUPS_MAX 8
#define PROGRAMS_MAX 64

struct runs {
	uint64_t count;
	uint64_t ns;
};

static bool add_program(__u32 id, struct runs *runs)
{
	int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	bool is_read = fd >= 0 && !bpf_prog_get_info_by_fd(fd, &info, &len);

	if (fd >= 0)
		close(fd);
	runs->count += info.run_cnt;
	runs->ns += info.run_time_ns;
	return is_read;
}

static bool read_group(const char *path, struct runs *ret_runs)
{
	__u32 ids[PROGRAMS_MAX], flags = 0, count = PROGRAMS_MAX;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_read = fd >= 0 && !bpf_prog_query(fd, BPF_CGROUP_SOCK_OPS, 0, &flags, ids, &count);

	*ret_runs = (struct runs){};
	for (__u32 i = 0; is_read && i < count; i++)
		is_read = add_program(ids[i], ret_runs);
	if (!is_read)
		fprintf(stderr, "sock_ops_runs: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return is_read;
}

int main(int argc, char **argv)
{
	struct runs before[GROUPS_MAX], after;
	sigset_t ends;
	int stats;

	if (argc < 2 || argc > GROUPS_MAX + 1) {
		fputs("usage: sock_ops_runs CGROUP...\n", stderr);
		return 2;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0) {
		fprintf(stderr, "sock_ops_runs: the kernel does not measure: %s\n",
			strerror(-stats));
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (!read_group(argv[i], &before[i - 1]))
			return 1;
	puts("counting");
	fflush(stdout);
	sigwaitinfo(&ends, NULL);
	for (int i = 1; i < argc; i++) {
		if (!read_group(argv[i], &after))
			return 1;
		printf("%llu %llu\n", (unsigned long long)(after.count - before[i - 1].count),
		       (unsigned long long)(after.ns - before[i - 1].ns));
	}
	return 0;
}
