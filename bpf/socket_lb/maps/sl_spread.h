/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How an instance's sockets share what names no worker, and which of them a worker has. Pure:
 * fills the tables that the program reads, from a policy, weights and the host's CPUs.
 */
#ifndef SL_SPREAD_H
#define SL_SPREAD_H

#include <stddef.h>

#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/reason.h"

/* The host's CPUs, by number: the NUMA node of each. */
struct sl_cpus {
	__u32 count;
	__u8 node[SL_STEER_SIZE];
};

/* sl_cpus_get - read /sys/devices/system. A host that says nothing of nodes has one, 0. */
void sl_cpus_get(struct sl_cpus *ret_cpus);

/*
 * sl_spread - write steer of @instance from its policy, sockets and weights:
 *   SL_BY_HASH: positions get shares of the table as their weights are to each other;
 *   SL_BY_CPU:  CPU c gets position c % sockets among those with a weight;
 *   SL_BY_NUMA: sockets are dealt to nodes as their CPUs are (position p to the node of CPU
 *               p % CPUs); a node without a socket shares those of all.
 * Returns 0, or -EINVAL where the instance has no socket, or none with a weight; says why.
 */
int sl_spread(struct sl_instance *instance, const struct sl_cpus *cpus, struct slot_reason *why);

/*
 * sl_spread_workers - write by_worker and workers of @instance from @worker_of, the worker that
 * polls each of its sockets: the first of several sockets takes what names that worker.
 * Workers that poll none stay unknown, so that what names them is counted.
 */
void sl_spread_workers(struct sl_instance *instance, const __u8 *worker_of);

#endif
