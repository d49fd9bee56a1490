/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "loader/lib/base/cleanup.h"

static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
}

int listen_on(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	err = remove_stale(&address);
	if (err)
		return err;
	/* Anyone may connect and read; who may change what is decided by SO_PEERCRED. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0666) ||
	    listen(fd, backlog))
		return -errno;
	return TAKE_FD(fd);
}
