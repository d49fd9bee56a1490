/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/fail.h"

#include <stdio.h>

int program_fail(const struct slot_reason *why)
{
	fprintf(stderr, "%s\n", why->text);
	return PROGRAM_FAILED;
}
