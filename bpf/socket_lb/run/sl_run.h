/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `slotctl socket run -- CMD`: a server that knows nothing of socket_lb, restarted without loss.
 *
 * CMD is started as it is and opens its sockets itself, with SO_REUSEPORT. They are found from
 * outside and registered, by descriptors got with pidfd_getfd(2): nothing is preloaded, and no
 * system call of the server's is held up, as a seccomp listener would do, whose end would take the
 * server's calls with it. This process can die at any point: the server goes on, and its
 * sockets stay registered.
 */
#ifndef SL_RUN_H
#define SL_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/reason.h"

#define SL_RUN_DRAIN_S 300
#define SL_RUN_START_S 60
#define SL_RUN_STOP_S 30

struct sl_run {
	const char *chain;
	const char *program; /* with map_dir, in place of the chain's usual places; NULL: those */
	const char *map_dir;
	struct sl_vip_key vips[SL_VIPS_MAX];
	size_t vip_count;     /* none: whatever CMD serves of the chain's */
	unsigned int workers; /* sockets of each VIP to wait for; 0: until no more come */
	unsigned int start_s; /* how long they may take */
	unsigned int drain_s; /* how long connections may go on, once a newer instance serves */
	int stop_signal;      /* which ends CMD then */
	unsigned int stop_s;  /* from that to SIGKILL */
	int reload_signal;    /* starts a successor; 0: none does, all are CMD's */
	char *const *self;    /* the whole command line, for the successor */
	char *const *command;
};

/*
 * sl_run - run the command until it ends, all that was said above. @run and what it points
 * to stay the caller's. Words go to stderr, a line for each thing that happens. Returns 0
 * where a newer instance served and this one drained, else CMD's exit status, 128 + its signal, or
 * -errno where CMD was not started; says why.
 */
int sl_run(const struct sl_run *run, struct slot_reason *why);

#endif
