/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_bed.h"

#include "programs/lb/lb.h"
#include "tests/support/progrun.h"

struct program_bed lb_bed;

int lb_bed_set_up(void **state)
{
	(void)state;
	program_bed_open(&lb_bed, &lb_cli, progrun_open("bpf/lb.bpf.o"));
	return 0;
}

int lb_bed_tear_down(void **state)
{
	(void)state;
	program_bed_close(&lb_bed);
	return 0;
}

void lb_bed_runs(const char *line)
{
	program_bed_assert_runs(&lb_bed, line, "");
}
