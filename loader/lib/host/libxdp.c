/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/libxdp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"

#define DISPATCHER_NAME "xdp_dispatcher"

static void cleanup_multiprog(struct xdp_multiprog **mp)
{
	if (*mp)
		xdp_multiprog__close(*mp);
}

/* What libxdp would print becomes part of the reason, or is not said. */
static int swallow(enum libxdp_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int query_program(unsigned int ifindex, struct bpf_prog_info *ret_info)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	_cleanup_close_ int fd = -1;
	__u32 len = sizeof(*ret_info);

	if (bpf_xdp_query((int)ifindex, 0, &query) || !query.prog_id)
		return -ENOENT;
	fd = bpf_prog_get_fd_by_id(query.prog_id);
	if (fd < 0)
		return fd;
	return bpf_prog_get_info_by_fd(fd, ret_info, &len);
}

bool slot_libxdp_is_running(unsigned int ifindex)
{
	struct bpf_prog_info info = { 0 };

	return !query_program(ifindex, &info) && !strcmp(info.name, DISPATCHER_NAME);
}

static int refuse(unsigned int ifindex, const char *interface, struct slot_reason *why)
{
	struct bpf_prog_info info = { 0 };

	if (query_program(ifindex, &info))
		return slot_reason_set(why, -ENOENT, "no XDP program runs on '%s'", interface);
	if (!strcmp(info.name, DISPATCHER_NAME))
		return slot_reason_set(
			why, -ENOTSUP,
			"'%s' runs a libxdp dispatcher (id %u) that libxdp here does "
			"not understand: of another version, or its pins are gone",
			interface, info.id);
	return slot_reason_set(why, -ENOTSUP,
			       "'%s' runs the program '%s' (id %u) by itself, not under a libxdp "
			       "dispatcher: reserve a slot for its object, take it off, and apply",
			       interface, info.name, info.id);
}

static __u8 find_continue_on(const struct xdp_program *program)
{
	__u8 mask = 0;

	for (unsigned int verdict = 0; verdict < ROOT_VERDICTS; verdict++) {
		if (xdp_program__chain_call_enabled(program, verdict))
			mask |= 1U << verdict;
	}
	return mask;
}

static int add_program(const struct xdp_program *program, struct slot_libxdp *libxdp)
{
	struct slot_adoptee *adoptee = &libxdp->adoptees[libxdp->count];
	int fd;

	if (libxdp->count == SLOT_LIBXDP_PROGRAMS)
		return -E2BIG;
	fd = fcntl(xdp_program__fd(program), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	libxdp->fds[libxdp->count++] = fd;
	snprintf(adoptee->name, sizeof(adoptee->name), "%s", xdp_program__name(program));
	memcpy(adoptee->tag, xdp_program__tag(program), sizeof(adoptee->tag));
	adoptee->run = (struct slot_run_config){
		.present = true,
		.priority = xdp_program__run_prio(program),
		.continue_on = find_continue_on(program),
	};
	return 0;
}

static int fill(struct xdp_multiprog *mp, unsigned int ifindex, struct slot_libxdp *libxdp)
{
	struct xdp_program *main_prog = xdp_multiprog__main_prog(mp);
	struct xdp_program *program = NULL;
	int err = 0;

	libxdp->dispatcher_fd = fcntl(xdp_program__fd(main_prog), F_DUPFD_CLOEXEC, 3);
	if (libxdp->dispatcher_fd < 0)
		return -errno;
	libxdp->mode = xdp_multiprog__attach_mode(mp) == XDP_MODE_SKB ? SLOT_ATTACH_GENERIC :
									SLOT_ATTACH_NATIVE;
	libxdp->has_frags = xdp_multiprog__xdp_frags_support(mp);
	snprintf(libxdp->folder, sizeof(libxdp->folder), "dispatch-%u-%u", ifindex,
		 xdp_program__id(main_prog));
	while (!err && (program = xdp_multiprog__next_prog(program, mp)))
		err = add_program(program, libxdp);
	return err;
}

int slot_libxdp_open(unsigned int ifindex, const char *interface, struct slot_reason *why,
		     struct slot_libxdp *ret_libxdp)
{
	libxdp_print_fn_t printed = libxdp_set_print(swallow);
	struct slot_libxdp libxdp = { .dispatcher_fd = -1 };
	_cleanup_(cleanup_multiprog) struct xdp_multiprog *mp =
		xdp_multiprog__get_from_ifindex((int)ifindex);
	int err;

	libxdp_set_print(printed);
	if (!mp || libxdp_get_error(mp)) {
		mp = NULL;
		return refuse(ifindex, interface, why);
	}
	if (xdp_multiprog__is_legacy(mp) || !xdp_multiprog__main_prog(mp))
		return refuse(ifindex, interface, why);
	err = fill(mp, ifindex, &libxdp);
	if (err) {
		slot_libxdp_close(&libxdp);
		return slot_reason_set(why, err, "cannot take over the programs of '%s': %s",
				       interface, strerror(-err));
	}
	*ret_libxdp = libxdp;
	return 0;
}

void slot_libxdp_close(struct slot_libxdp *libxdp)
{
	for (size_t i = 0; i < libxdp->count; i++)
		close(libxdp->fds[i]);
	libxdp->count = 0;
	if (libxdp->dispatcher_fd >= 0)
		close(libxdp->dispatcher_fd);
	libxdp->dispatcher_fd = -1;
}

int slot_libxdp_unpin(const char *folder)
{
	const char *bpffs = secure_getenv("LIBXDP_BPFFS");
	_cleanup_close_ int lock_fd = -1;
	char root[PATH_MAX];
	char path[PATH_MAX];
	int err = slot_pin_path(root, bpffs ? bpffs : SLOT_BPFFS_DEFAULT, "xdp");

	if (!err)
		err = slot_pin_path(path, root, "%s", folder);
	if (err)
		return err;
	lock_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(lock_fd, LOCK_EX))
		return -errno;
	return slot_pin_remove_all(path);
}
