/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/flow_hash.h"

/* Made by the build from what clang makes of flow_hash.bpf.c. */
static const unsigned char bytes[] __attribute__((aligned(8))) = {
#include "build/gen/flow_hash.inc"
};

struct root_body slot_flow_hash_body(void)
{
	return (struct root_body){
		.insns = (const struct bpf_insn *)bytes,
		.count = sizeof(bytes) / sizeof(struct bpf_insn),
	};
}
