/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands between a client and a server in tests of moved connections (gate.bpf.c). */
#ifndef TEST_HANDOFF_GATE_H
#define TEST_HANDOFF_GATE_H

#include <linux/types.h>

struct handoff_gate {
	__be16 port; /* the server's */
	__u16 is_shut;
	__u32 lose_one_in; /* packets of either direction; 0: none */
	__u64 stopped;
	__u64 lost;
	__u64 resets;  /* passed */
	__u64 answers; /* packets from the server that passed */
};

#endif
