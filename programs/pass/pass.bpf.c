/* SPDX-License-Identifier: GPL-2.0-only */
/* The smallest slot program: every packet goes on to the next slot. Copy it to start your own. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/manifest.h"

SLOT_NAME("pass");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("xdp");
SLOT_MAP_ABI(1);

SEC("xdp")
int pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
