/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/fail.h"

#include <errno.h>
#include <stdio.h>

int program_fail(const struct slot_reason *why)
{
	fprintf(stderr, "%s\n", why->text);
	return PROGRAM_FAILED;
}

int program_end(int err, const struct slot_reason *why)
{
	if (!err)
		return PROGRAM_OK;
	program_fail(why);
	return err == -EINVAL ? PROGRAM_USAGE : PROGRAM_FAILED;
}
