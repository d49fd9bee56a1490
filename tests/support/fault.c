/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fault points of build/tests/tools/slotd_faults (loader/lib/base/fault.h), as
 * tests/support/arm.h arms them.
 */
#define SLOT_FAULTS
#include "loader/lib/base/fault.h"

#include <signal.h>

#include "tests/support/arm.h"

static struct arm arm;

int slot_fault_error(const char *point)
{
	return arm_is_due(&arm, point, false) ? -arm.err : 0;
}

void slot_fault_pass(const char *point)
{
	arm_trace(point);
	if (arm_is_due(&arm, point, true))
		raise(arm.is_stop ? SIGSTOP : SIGKILL);
}
