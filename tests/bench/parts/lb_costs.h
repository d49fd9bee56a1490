/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load balancer costs but for packets: rings, changes of them, memory. */
#ifndef BENCH_LB_COSTS_H
#define BENCH_LB_COSTS_H

#include <jansson.h>

/*
 * lb_costs_measure - an object with "rings" (how long the ring of 1,000 reals takes to
 * build, by kind), "changes" (the writing of a ring that is there already) and
 * "memory" (what all maps of 10 VIPs with 100 reals have locked). NULL after a line
 * on stderr.
 */
json_t *lb_costs_measure(void);

#endif
