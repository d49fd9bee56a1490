/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the master does for its workers, as root and once for each configuration. */
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define CALLERS_MAX 128
#define PIECE 4096

static ngx_int_t fail(ngx_cycle_t *cycle, const char *what)
{
	ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno, "handoff: %s", what);
	return NGX_ERROR;
}

static void close_later(void *data)
{
	close((int)(intptr_t)data);
}

static ngx_int_t own(ngx_cycle_t *cycle, int fd)
{
	ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cycle->pool, 0);

	if (!cleanup) {
		close(fd);
		return NGX_ERROR;
	}
	cleanup->handler = close_later;
	cleanup->data = (void *)(intptr_t)fd;
	return NGX_OK;
}

/* --- certificates ------------------------------------------------------------------------------ */

static ngx_int_t copy(int from, int to)
{
	u_char bytes[PIECE];
	ssize_t got;

	do {
		got = read(from, bytes, sizeof(bytes));
		if (got > 0 && write(to, bytes, (size_t)got) != got)
			got = -1;
	} while (got > 0);
	ngx_explicit_memzero(bytes, sizeof(bytes));
	return got ? NGX_ERROR : NGX_OK;
}

static ngx_int_t take_file(ngx_conf_t *cf, const char **path)
{
	static const size_t room = sizeof("/proc/self/fd/") + NGX_INT_T_LEN;
	u_char *name = ngx_pcalloc(cf->pool, room);
	int from = open(*path, O_RDONLY | O_CLOEXEC);
	int fd = from < 0 ? -1 : memfd_create("handoff", MFD_CLOEXEC);
	ngx_int_t copied = fd < 0 ? NGX_ERROR : copy(from, fd);

	if (copied != NGX_OK)
		ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno, "handoff: %s", *path);
	if (from >= 0)
		close(from);
	if (fd < 0 || own(cf->cycle, fd) != NGX_OK || copied != NGX_OK || !name)
		return NGX_ERROR;
	ngx_sprintf(name, "/proc/self/fd/%d", fd);
	*path = (char *)name;
	return NGX_OK;
}

ngx_int_t ngx_handoff_take_files(ngx_conf_t *cf, struct ngx_handoff_main *main)
{
	const char **paths[] = { &main->host.ca, &main->host.cert, &main->host.key };

	for (size_t i = 0; main->host.key && i < 3; i++)
		if (take_file(cf, paths[i]) != NGX_OK)
			return NGX_ERROR;
	return NGX_OK;
}

/* --- the door ---------------------------------------------------------------------------------- */

/*
 * The master's, so that it is there when the mover has ended and another one begins. Its name is
 * the kernel's choice, and anybody can read it: who has the secret, too, is a worker of this
 * configuration.
 */
static ngx_int_t make_door(ngx_cycle_t *cycle, struct ngx_handoff_main *main)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(cycle, "no socket for workers");
	if (own(cycle, fd) != NGX_OK)
		return NGX_ERROR;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) ||
	    listen(fd, CALLERS_MAX))
		return fail(cycle, "no socket for workers");
	if (getrandom(main->secret, sizeof(main->secret), 0) != sizeof(main->secret))
		return fail(cycle, "no secret for workers");
	main->door = fd;
	return NGX_OK;
}

/* --- the role ---------------------------------------------------------------------------------- */

/*
 * Only who has the file open can lock it: root, and workers, which have it from here. It stays, as
 * another generation of workers, or another nginx, may have it locked when this one ends.
 */
static ngx_int_t open_role(ngx_cycle_t *cycle, struct ngx_handoff_main *main, const ngx_str_t *pid)
{
	size_t length = pid->len;
	u_char path[NGX_MAX_PATH];

	while (length && pid->data[length - 1] != '/')
		length--;
	if (ngx_snprintf(path, sizeof(path), "%*s.slotd-handoff.%s%Z", length, pid->data,
			 main->host.name) == path + sizeof(path))
		return fail(cycle, "the name of the lock's file is too long");
	main->role = open((char *)path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (main->role < 0)
		return fail(cycle, (char *)path);
	return own(cycle, main->role);
}

static ngx_int_t prepare(ngx_cycle_t *cycle, struct ngx_handoff_main *main)
{
	const ngx_core_conf_t *core =
		(ngx_core_conf_t *)ngx_get_conf(cycle->conf_ctx, ngx_core_module);

	if (core->master && core->worker_processes > 1 && make_door(cycle, main) != NGX_OK)
		return NGX_ERROR;
	return open_role(cycle, main, &core->pid);
}

/* Where this fails a master that runs would end, and its workers with it. */
ngx_int_t ngx_handoff_prepare(ngx_cycle_t *cycle)
{
	struct ngx_handoff_main *main =
		ngx_http_cycle_get_module_main_conf(cycle, ngx_handoff_module);

	if (!main || !main->host.name || prepare(cycle, main) == NGX_OK)
		return NGX_OK;
	if (ngx_is_init_cycle(cycle->old_cycle))
		return NGX_ERROR;
	ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "handoff: connections stay until a reload");
	return NGX_OK;
}
