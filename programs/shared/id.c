/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/id.h"

#include <errno.h>
#include <stdint.h>

#include "loader/lib/base/number.h"

int program_id_parse(const char *text, struct slot_reason *why, __u32 *ret_id)
{
	if (slot_number_parse(text, 1, UINT32_MAX, ret_id))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a server's id, 1 to 4294967295", text);
	return 0;
}
