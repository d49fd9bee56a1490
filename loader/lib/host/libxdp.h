/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxdp put on an interface: a dispatcher, and the programs that it runs.
 * Seen through libxdp itself, in this thread's netns and under the bpffs that
 * libxdp uses ($LIBXDP_BPFFS, else /sys/fs/bpf).
 */
#ifndef SLOT_LIBXDP_H
#define SLOT_LIBXDP_H

#include <stdbool.h>

#include "loader/lib/config/config.h"
#include "loader/lib/registry/adoption.h"

#define SLOT_LIBXDP_PROGRAMS 10 /* libxdp's MAX_DISPATCHER_ACTIONS */
#define SLOT_LIBXDP_FOLDER_MAX 48

struct slot_libxdp {
	int dispatcher_fd;
	enum slot_attach_mode mode; /* native or generic */
	bool has_frags;		    /* how dispatcher and programs are loaded */
	size_t count;
	struct slot_adoptee adoptees[SLOT_LIBXDP_PROGRAMS]; /* in the order in which they run */
	int fds[SLOT_LIBXDP_PROGRAMS];			    /* of the extensions */
	char folder[SLOT_LIBXDP_FOLDER_MAX];		    /* of its pins: "dispatch-3-45" */
};

/* slot_libxdp_is_running - whether @ifindex runs what libxdp calls its dispatcher. */
bool slot_libxdp_is_running(unsigned int ifindex);

/*
 * slot_libxdp_open - the dispatcher on @ifindex and its programs. Waits for
 * whoever holds libxdp's lock. Returns 0, -ENOENT where nothing runs, -ENOTSUP for
 * what is no dispatcher or one that this libxdp does not know; says why.
 * @ret_libxdp: slot_libxdp_close.
 */
int slot_libxdp_open(unsigned int ifindex, const char *interface, struct slot_reason *why,
		     struct slot_libxdp *ret_libxdp);
void slot_libxdp_close(struct slot_libxdp *libxdp);

/*
 * slot_libxdp_unpin - remove the pins in @folder, under libxdp's lock: with its
 * last holder the dispatcher goes. Absent is no error. Returns 0 or -errno.
 */
int slot_libxdp_unpin(const char *folder);

#endif
