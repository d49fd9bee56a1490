/* SPDX-License-Identifier: GPL-2.0-only */
/* A program's way to leave out slots behind it: bpf/skip_abi.h tells what that means. */
#ifndef SLOT_BPF_SKIP_H
#define SLOT_BPF_SKIP_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/skip_abi.h"

/*
 * slot_skip_to - what to return to leave out the slots up to and including
 * @slot. A number that is no slot becomes XDP_ABORTED, so that a mistake is not
 * a hole in someone's firewall.
 */
static __always_inline int slot_skip_to(__u32 slot)
{
	return slot <= SLOT_SKIP_LAST ? SLOT_SKIP_TO((int)slot) : XDP_ABORTED;
}

#endif
