/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verifier's log: kept whole in a file, shown by its end. */
#ifndef SLOT_VERIFIER_LOG_H
#define SLOT_VERIFIER_LOG_H

#include "loader/lib/base/reason.h"

/* Only a refused program touches the buffer; the kernel keeps the end of what is longer (6.4), or the start. */
#define SLOT_VERIFIER_LOG_SIZE (16U << 20)

/* slot_verifier_log_new - an empty buffer (free), or NULL. */
char *slot_verifier_log_new(void);

/*
 * slot_verifier_log_reason - put "verifier rejected it" with the last lines of
 * @log into @why; a log longer than that is kept whole in @log_dir (NULL: not
 * kept), whose path is then said. Returns @err.
 */
int slot_verifier_log_reason(const char *log, const char *name, const char *log_dir, int err,
			     struct slot_reason *why);

#endif
