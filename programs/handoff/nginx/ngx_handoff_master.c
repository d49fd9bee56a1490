/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the master does for its workers, as root and once for each configuration. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define CALLERS_MAX 128
#define KEY_MAX 65536

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

/* --- the key ----------------------------------------------------------------------------------- */

static ngx_int_t copy_key(const char *path, int to)
{
	u_char bytes[KEY_MAX];
	int from = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = from < 0 ? -1 : read(from, bytes, sizeof(bytes));
	ssize_t put = got <= 0 ? -1 : write(to, bytes, (size_t)got);

	ngx_explicit_memzero(bytes, sizeof(bytes));
	if (from >= 0)
		close(from);
	return put > 0 && put == got ? NGX_OK : NGX_ERROR;
}

/* Its file is for root to read, as those of ssl_certificate_key are: workers have it in memory. */
static ngx_int_t take_key(ngx_cycle_t *cycle, struct ngx_handoff_main *main)
{
	static const size_t room = sizeof("/proc/self/fd/") + NGX_INT_T_LEN;
	u_char *name = ngx_pcalloc(cycle->pool, room);
	int fd = name ? memfd_create("handoff_key", MFD_CLOEXEC) : -1;

	if (fd < 0)
		return fail(cycle, "no room for the key");
	if (own(cycle, fd) != NGX_OK)
		return NGX_ERROR;
	if (copy_key(main->host.key, fd) != NGX_OK)
		return fail(cycle, main->host.key);
	ngx_sprintf(name, "/proc/self/fd/%d", fd);
	main->host.key = (char *)name;
	return NGX_OK;
}

/* --- the door ---------------------------------------------------------------------------------- */

/*
 * The master's, so that it is there when the mover has ended and another one begins. Its name is
 * the kernel's choice, and each configuration has its own.
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

ngx_int_t ngx_handoff_prepare(ngx_cycle_t *cycle)
{
	struct ngx_handoff_main *main =
		ngx_http_cycle_get_module_main_conf(cycle, ngx_handoff_module);
	const ngx_core_conf_t *core =
		(ngx_core_conf_t *)ngx_get_conf(cycle->conf_ctx, ngx_core_module);

	if (!main || !main->host.name)
		return NGX_OK;
	if (main->host.key && take_key(cycle, main) != NGX_OK)
		return NGX_ERROR;
	if (open_role(cycle, main, &core->pid) != NGX_OK)
		return NGX_ERROR;
	if (!core->master || core->worker_processes < 2)
		return NGX_OK;
	return make_door(cycle, main);
}
