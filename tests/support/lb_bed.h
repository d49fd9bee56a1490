/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer on a bed for its command line (program_bed.h), one for each test. */
#ifndef TEST_LB_BED_H
#define TEST_LB_BED_H

#include "tests/support/program_bed.h"

extern struct program_bed lb_bed;

/* For TAP_ADD(). */
int lb_bed_set_up(void **state);
int lb_bed_tear_down(void **state);

/* lb_bed_runs - assert that the command @line succeeds and says nothing. */
void lb_bed_runs(const char *line);

#endif
