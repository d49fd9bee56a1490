/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket as a file. */
#ifndef SLOTD_LISTEN_H
#define SLOTD_LISTEN_H

/*
 * listen_on - a unix socket at @path that anyone may connect to. Replaces one
 * that nobody listens on. Returns the descriptor, which does not block,
 * -EADDRINUSE when somebody listens there, -ENAMETOOLONG, or -errno.
 */
int listen_on(const char *path, int backlog);

#endif
