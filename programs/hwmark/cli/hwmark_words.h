/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `slotctl hwmark agent`. Pure. */
#ifndef HWMARK_WORDS_H
#define HWMARK_WORDS_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"
#include "programs/hwmark/agent/hwmark_device.h"

struct hwmark_words {
	struct slot_device_settings device; /* its name "": not given */
	__u32 age_ms;
	enum hwmark_mode mode;
	bool has_mode; /* it was given */
};

/*
 * hwmark_words_parse - @argv, each of them KEY=VALUE, and defaults for the others. Returns 0, or
 * -EINVAL and says why.
 */
int hwmark_words_parse(int argc, char *const *argv, struct slot_reason *why,
		       struct hwmark_words *ret_words);

/* hwmark_words_mode - a mode by its name. Returns 0, or -EINVAL and says why. */
int hwmark_words_mode(const char *text, struct slot_reason *why, enum hwmark_mode *ret_mode);

/* hwmark_words_of_mode - the name of a mode. */
const char *hwmark_words_of_mode(enum hwmark_mode mode);

#endif
