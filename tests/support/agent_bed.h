/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent of hwmark on the pinned maps of a loaded load balancer, which its command line
 * changes (lb_bed.h), with one VIP and two reals, and of a loaded hwmark beside it. Its device
 * is the loopback of a network namespace of the test's own. Flows are told of at their first
 * packet, with a mark.
 */
#ifndef TEST_AGENT_BED_H
#define TEST_AGENT_BED_H

#include "programs/hwmark/agent/hwmark_offload.h"
#include "tests/support/lb_bed.h"

#define AGENT_BED_DIR "/sys/fs/bpf/marks"
#define AGENT_BED_MARKS 64
#define AGENT_BED_VIP "tcp/192.0.2.1:80"

extern struct bpf_object *agent_bed_object; /* hwmark, mode destination, without refreshes */
extern struct hwmark_offload *agent_bed;    /* the agent; NULL: none runs */

/* For TAP_ADD(). */
int agent_bed_set_up(void **state);
int agent_bed_tear_down(void **state);

/* agent_bed_start - an agent of @mode, which the test drives. agent_bed_stop - it ends. */
void agent_bed_start(enum hwmark_mode mode);
void agent_bed_stop(void);

/*
 * agent_bed_event - as the load balancer tells of it now: a client's flow from @sport to the first
 * VIP's first real. agent_bed_tell - the agent is told.
 */
struct lb_mark_event agent_bed_event(__u16 sport, __u32 mark);
void agent_bed_tell(const struct lb_mark_event *event);

#endif
