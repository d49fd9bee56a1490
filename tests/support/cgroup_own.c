/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/cgroup_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "tests/support/tap.h"

static const char *const trees[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

static char tree[64];
static char group[128];
static char home[256]; /* where the process came from */

static int write_text(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int enter(const char *folder)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	return write_text(path, "0");
}

/* Of /proc/self/cgroup the line of cgroup2, "0::/...". */
static void find_home(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[192];

	snprintf(home, sizeof(home), "%s", tree);
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(home, sizeof(home), "%s%s", tree, line + 3);
	}
}

static int make_group(void)
{
	char path[128];

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", trees[i]);
		if (access(path, F_OK))
			continue;
		snprintf(tree, sizeof(tree), "%s", trees[i]);
		snprintf(group, sizeof(group), "%s/slotd-test-%d", tree, getpid());
		return mkdir(group, 0755) ? -errno : 0;
	}
	return -ENOENT;
}

int cgroup_own_open(void)
{
	int err = make_group();
	int fd;

	if (err)
		return err;
	find_home();
	assert_int_equal(enter(group), 0);
	fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

void cgroup_own_close(int fd)
{
	close(fd);
	assert_int_equal(enter(home), 0);
	assert_int_equal(rmdir(group), 0);
}
