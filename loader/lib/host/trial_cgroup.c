/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/trial_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"

#define PREFIX "slotd-trial-"

/* A process that was waited for leaves its cgroup a moment later. */
#define REMOVE_TRIES 20
#define REMOVE_PAUSE_NS 1000000

static int find_mount(char ret_path[PATH_MAX])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;
	int err = -ENOENT;

	if (!mounts)
		return -errno;
	while (err && (mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_type, "cgroup2") != 0)
			continue;
		snprintf(ret_path, PATH_MAX, "%s", mount->mnt_dir);
		err = 0;
	}
	endmntent(mounts);
	return err;
}

/* The part of this process's own cgroup behind the mount: "/system.slice/slotd.service". */
static int read_own(char ret_own[PATH_MAX])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_own, PATH_MAX, "%s", strcmp(line, "0::/") != 0 ? line + 3 : "");
		return 0;
	}
	return -ENOENT;
}

static void sweep(const char *parent)
{
	_cleanup_closedir_ DIR *dir = opendir(parent);
	const struct dirent *entry;
	char path[PATH_MAX];
	int pid;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, PREFIX "%d", &pid) != 1 || !kill(pid, 0) ||
		    errno != ESRCH ||
		    snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name) >= PATH_MAX)
			continue;
		rmdir(path);
	}
}

int slot_trial_cgroup_add(struct slot_reason *why, struct slot_trial_cgroup *ret_cgroup)
{
	char mount[PATH_MAX], own[PATH_MAX], parent[PATH_MAX], path[PATH_MAX];
	int err = find_mount(mount);

	if (!err)
		err = read_own(own);
	if (err)
		return slot_reason_set(why, err, "there is no cgroup2: %s", strerror(-err));
	if (snprintf(parent, sizeof(parent), "%s%s", mount, own) >= PATH_MAX ||
	    snprintf(path, sizeof(path), "%s/" PREFIX "%d", parent, getpid()) >= PATH_MAX)
		return slot_reason_set(why, -ENAMETOOLONG,
				       "the path of the own cgroup is too long");
	sweep(parent);
	if (mkdir(path, 0755) && errno != EEXIST)
		return slot_reason_set(why, -errno, "cannot make the cgroup '%s': %s", path,
				       strerror(errno));
	memcpy(ret_cgroup->path, path, sizeof(path));
	return 0;
}

int slot_trial_cgroup_enter(const struct slot_trial_cgroup *cgroup)
{
	_cleanup_close_ int dir_fd = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = dir_fd < 0 ? -1 :
					      openat(dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "0", 1) != 1 ? -errno : 0;
}

void slot_trial_cgroup_del(struct slot_trial_cgroup *cgroup)
{
	static const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_NS };
	unsigned int i;

	for (i = 0; *cgroup->path && i < REMOVE_TRIES; i++) {
		if (!rmdir(cgroup->path) || errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	*cgroup->path = '\0';
}
