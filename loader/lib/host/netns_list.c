/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netns_list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "loader/lib/host/process.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define INIT_NETNS "/proc/1/ns/net"

struct tally {
	unsigned int refused; /* processes that only root may look at */
	unsigned int beyond;  /* namespaces, or processes, over the maximum */
};

static const struct slot_netns_item *find_item(const struct slot_netns_list *list,
					       const struct stat *st)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].dev == st->st_dev && list->items[i].ino == st->st_ino)
			return &list->items[i];
	return NULL;
}

/* A plain file, as `ip netns add` makes first, is none. */
static int open_netns(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) || fs.f_type != NSFS_MAGIC)
		return -EINVAL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int add_item(struct slot_netns_list *list, const char *path, const char *label,
		    struct tally *tally)
{
	_cleanup_close_ int fd = -1;
	struct slot_netns_item *item;
	struct stat st;
	int err = stat(path, &st) ? -errno : 0;

	if (err || find_item(list, &st))
		return err;
	if (list->count == SLOT_NETNS_LIST_MAX) {
		tally->beyond++;
		return 0;
	}
	err = open_netns(path, &fd);
	if (err || fstat(fd, &st))
		return err ? err : -errno;
	if (find_item(list, &st))
		return 0;
	item = &list->items[list->count++];
	item->dev = st.st_dev;
	item->ino = st.st_ino;
	item->fd = TAKE_FD(fd);
	snprintf(item->label, sizeof(item->label), "%s", label);
	return 0;
}

static void add_named(struct slot_netns_list *list, struct slot_reasons *unseen,
		      struct tally *tally)
{
	_cleanup_closedir_ DIR *dir = opendir(SLOT_NETNS_DIR);
	char path[PATH_MAX];
	struct dirent *entry;
	int err;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", SLOT_NETNS_DIR, entry->d_name);
		err = add_item(list, path, entry->d_name, tally);
		if (err && err != -EINVAL && err != -ENOENT)
			slot_reasons_add(unseen, "network namespace '%s': %s", entry->d_name,
					 strerror(-err));
	}
}

struct search {
	struct slot_netns_list *list;
	struct tally *tally;
};

static int add_process(const char *pid, void *data)
{
	const struct search *search = data;
	char label[SLOT_PROCESS_TEXT_MAX];
	char path[PATH_MAX];
	struct stat st;
	int err;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	if (!stat(path, &st) && find_item(search->list, &st))
		return 0;
	slot_process_format(pid, label);
	err = add_item(search->list, path, label, search->tally);
	if (err == -EACCES || err == -EPERM)
		search->tally->refused++;
	return 0;
}

static void add_processes(struct slot_netns_list *list, struct tally *tally)
{
	struct search search = { list, tally };

	if (!slot_process_each(add_process, &search))
		tally->beyond++;
}

/* The one that the host's interfaces are in is called so, if one may know. */
static void name_host(struct slot_netns_list *list)
{
	struct stat st;

	if (stat(INIT_NETNS, &st))
		return;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].dev == st.st_dev && list->items[i].ino == st.st_ino)
			snprintf(list->items[i].label, sizeof(list->items[i].label), "host");
}

/* A name is better than "own". */
static void name_own(struct slot_netns_list *list)
{
	_cleanup_closedir_ DIR *dir = opendir(SLOT_NETNS_DIR);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !fstatat(dirfd(dir), entry->d_name, &st, 0) &&
		    find_item(list, &st) == list->items)
			snprintf(list->items[0].label, sizeof(list->items[0].label), "%.63s",
				 entry->d_name);
}

int slot_netns_list_get(struct slot_netns_list *ret_list, struct slot_reasons *unseen)
{
	struct tally tally = { 0 };
	int err;

	ret_list->count = 0;
	err = add_item(ret_list, OWN_NETNS, "own", &tally);
	if (err)
		return err;
	name_own(ret_list);
	add_named(ret_list, unseen, &tally);
	add_processes(ret_list, &tally);
	name_host(ret_list);
	if (tally.refused)
		slot_reasons_add(unseen, "network namespaces of processes that %s may look at: %u",
				 geteuid() ? "only root" : "not even root", tally.refused);
	if (tally.beyond)
		slot_reasons_add(unseen,
				 "network namespaces beyond the first %d, or processes beyond %d",
				 SLOT_NETNS_LIST_MAX, SLOT_PROCESSES_MAX);
	return 0;
}

void slot_netns_list_free(struct slot_netns_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		close(list->items[i].fd);
	list->count = 0;
}
