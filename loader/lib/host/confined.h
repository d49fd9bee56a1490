/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program of somebody else's, run by slotd with nothing but what it is given:
 * as another user, without capabilities and without a way to get some, with two
 * descriptors, an empty environment and a deadline.
 */
#ifndef SLOT_CONFINED_H
#define SLOT_CONFINED_H

#include "loader/lib/base/reason.h"
#include "loader/lib/host/owner.h"

/* The first descriptor that the program is given; the second follows. */
#define SLOT_CONFINED_FD 3

struct slot_confined {
	const char *path;     /* absolute */
	const char *argument; /* its first; then come the numbers of the descriptors */
	int fds[2];	      /* lent to it as SLOT_CONFINED_FD and the next */
	const struct slot_identity *identity;
	long long deadline_ms; /* by slot_confined_now_ms: then it is killed */
};

long long slot_confined_now_ms(void);

/*
 * slot_confined_run - run it and wait for its end.
 *
 * The file, and each folder on the way to it, must belong to root or to the user
 * it runs as, and nobody else may write it. The program has no_new_privs and no
 * capability even as root, "/" as working directory, /dev/null as input; it may
 * write no file that it has not got, and start no process or thread (root may).
 * Of its output the last line goes into the reason.
 *
 * Returns 0 when it ended with status 0, -EACCES for a file that is not safe to
 * run, -EPROTO when it failed, died or was killed at the deadline, -errno; says
 * why. Needs CAP_SETUID, CAP_SETGID, CAP_KILL, and, to run it as root,
 * CAP_SETPCAP. Rests on pidfd_open (Linux 5.3) and close_range (5.9).
 */
int slot_confined_run(const struct slot_confined *confined, struct slot_reason *why);

#endif
