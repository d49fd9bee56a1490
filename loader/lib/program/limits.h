/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a loaded program keeps within what its reservation grants. */
#ifndef SLOT_PROGRAM_LIMITS_H
#define SLOT_PROGRAM_LIMITS_H

#include "loader/lib/config/limits.h"
#include "loader/lib/program/program.h"

/*
 * slot_program_limits_check - hold the loaded @program, with its maps where
 * @place has pinned them, against @limits. Returns 0, -EACCES for a helper that
 * is not granted, -EFBIG for more memory than granted, -errno; says why.
 */
int slot_program_limits_check(const struct slot_program *program,
			      const struct slot_program_place *place,
			      const struct slot_limits *limits, struct slot_reason *why);

/*
 * slot_program_limits_is_known - whether @program can be judged by @limits: one
 * taken over from a pin shows no code, and must have been held against no more
 * than they grant.
 */
bool slot_program_limits_is_known(const struct slot_program *program,
				  const struct slot_limits *limits);

#endif
