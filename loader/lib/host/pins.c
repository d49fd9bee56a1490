/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/config/config.h"

static int mount_bpffs(const char *bpffs, struct slot_reason *why)
{
	struct statfs fs;

	if (!statfs(bpffs, &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mkdir(bpffs, 0755) && errno != EEXIST)
		return slot_reason_set(why, -errno, "cannot make '%s': %s", bpffs, strerror(errno));
	if (mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755"))
		return slot_reason_set(
			why, -errno,
			"no bpffs at '%s' and cannot mount one: %s (as root: mount -t bpf bpf %s)",
			bpffs, strerror(errno), bpffs);
	return 0;
}

/*
 * Everyone may pass through, to maps of their own, but a folder that may be read
 * may be opened, and so locked: slotd could not start again.
 */
static int make_root(const char *root)
{
	int err = slot_pin_mkdir(root);

	return !err && chmod(root, 0711) ? -errno : err;
}

int slot_pins_open(const char *bpffs, struct slot_reason *why, int *ret_lock_fd, char *ret_root)
{
	_cleanup_close_ int fd = -1;
	char root[PATH_MAX];
	int err;

	err = mount_bpffs(bpffs, why);
	if (err)
		return err;
	err = slot_pin_path(root, bpffs, "slotd");
	if (!err)
		err = make_root(root);
	if (err)
		return slot_reason_set(why, err, "cannot make '%s/slotd': %s", bpffs,
				       strerror(-err));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", root, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		return slot_reason_set(why, errno == EWOULDBLOCK ? -EBUSY : -errno,
				       "another slotd manages the chains in '%s'", root);
	memcpy(ret_root, root, sizeof(root));
	*ret_lock_fd = TAKE_FD(fd);
	return 0;
}

int slot_pin_path(char *ret_path, const char *dir, const char *fmt, ...)
{
	size_t len = strlen(dir);
	va_list args;
	int n;

	if (len + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	if (ret_path != dir)
		memcpy(ret_path, dir, len);
	ret_path[len++] = '/';
	va_start(args, fmt);
	n = vsnprintf(ret_path + len, PATH_MAX - len, fmt, args);
	va_end(args);
	return n < 0 || (size_t)n >= PATH_MAX - len ? -ENAMETOOLONG : 0;
}

#define DOT "%2e"

static void encode_name(const char *name, char *ret_code)
{
	for (; *name; name++) {
		if (*name == '.') {
			memcpy(ret_code, DOT, strlen(DOT));
			ret_code += strlen(DOT);
		} else {
			*ret_code++ = *name;
		}
	}
	*ret_code = '\0';
}

int slot_pins_chain_dir(const char *root, const struct slot_target *target, char *ret_dir)
{
	char code[SLOT_CHAIN_NAME_MAX * sizeof(DOT)];

	if (strlen(target->interface) >= SLOT_CHAIN_NAME_MAX)
		return -ENAMETOOLONG;
	encode_name(target->interface, code);
	return slot_pin_path(ret_dir, root, "%llu-%u-%s", (unsigned long long)target->netns_cookie,
			     target->ifindex, code);
}

int slot_pins_chain_parse(const char *folder, struct slot_target *ret_target, char *ret_name)
{
	unsigned long long cookie;
	char name[SLOT_CHAIN_NAME_MAX];
	unsigned int ifindex;
	size_t len = 0;
	int at = 0;

	if (sscanf(folder, "%llu-%u-%n", &cookie, &ifindex, &at) != 2 || !at)
		return -EINVAL;
	for (folder += at; *folder && len < sizeof(name) - 1; len++) {
		bool is_dot = !strncmp(folder, DOT, strlen(DOT));

		name[len] = is_dot ? '.' : *folder;
		folder += is_dot ? strlen(DOT) : 1;
	}
	if (!len || *folder)
		return -EINVAL;
	name[len] = '\0';
	memcpy(ret_name, name, sizeof(name));
	ret_target->netns_cookie = cookie;
	ret_target->ifindex = ifindex;
	return 0;
}

int slot_pin_open(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, dir, "%s", name);

	return err ? err : bpf_obj_get(path);
}

__u32 slot_pin_map_id(const char *dir, const char *name)
{
	_cleanup_close_ int fd = slot_pin_open(dir, name);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

int slot_pin_set(int fd, const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, dir, "%s", name);

	return err ? err : SLOT_STEP("pin.set", bpf_obj_pin(fd, path));
}

int slot_pin_del(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = slot_pin_path(path, dir, "%s", name);

	if (err)
		return err;
	return SLOT_STEP("pin.del", unlink(path) && errno != ENOENT ? -errno : 0);
}

int slot_pin_mkdir(const char *dir)
{
	char path[PATH_MAX];
	size_t i;

	if (strlen(dir) >= sizeof(path))
		return -ENAMETOOLONG;
	for (i = 0; dir[i]; i++) {
		path[i] = dir[i];
		if (i == 0 || (dir[i + 1] && dir[i + 1] != '/'))
			continue;
		path[i + 1] = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
	}
	SLOT_FAULT("pin.mkdir");
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return SLOT_STEP("pin.remove", remove(path)) ? -1 : 0;
}

int slot_pin_remove_all(const char *dir)
{
	if (access(dir, F_OK) && errno == ENOENT)
		return 0;
	return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) ? -errno : 0;
}

void slot_pin_map_name(const char *map, char *ret_name, size_t size)
{
	const char *dot = strchr(map, '.');
	char *c;

	snprintf(ret_name, size, "%s", dot ? dot : map);
	for (c = ret_name; *c; c++)
		if (*c == '.')
			*c = '_';
}
