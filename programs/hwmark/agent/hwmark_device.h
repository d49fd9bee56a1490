/* SPDX-License-Identifier: GPL-2.0-only */
/* The device that marks packets (loader/lib/offload/device.h). */
#ifndef HWMARK_DEVICE_H
#define HWMARK_DEVICE_H

#include "loader/lib/offload/device.h"
#include "programs/hwmark/hwmark_abi.h"

#define HWMARK_PREF 1000
#define HWMARK_TAG 0x48574d4b /* "HWMK", of the owner of rules */

/*
 * hwmark_device_check_netns - whether this thread is where the rules of @agent are: nothing of
 * them can be seen or removed elsewhere, so that their marks are still in use. Returns 0,
 * -EXDEV, or -errno; says why.
 */
int hwmark_device_check_netns(const struct hwmark_agent *agent, struct slot_reason *why);

#endif
