/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an object written for libxdp says about its place in a chain:
 * XDP_RUN_CONFIG of <xdp/xdp_helpers.h>, kept in its types (BTF). Pure.
 */
#ifndef SLOT_RUN_CONFIG_H
#define SLOT_RUN_CONFIG_H

#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "loader/lib/registry/state.h"

/*
 * slot_run_config_read - the run config of @function in the types @bytes, the
 * contents of an object's .BTF section (may be empty). @function "": that of the
 * only program that has one. Where there is none, ret_run->present is false.
 *
 * What it does not mention is as libxdp takes it: priority 50, the chain goes on
 * after pass. Returns 0, or -EINVAL for types that cannot be read or a run config
 * that libxdp would not take either; says why.
 */
int slot_run_config_read(const void *bytes, size_t size, const char *function,
			 struct slot_reason *why, struct slot_run_config *ret_run);

#endif
