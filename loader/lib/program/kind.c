/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/kind.h"

#include <bpf/libbpf.h>

/*
 * Programs of one prog_array must agree in expected_attach_type (enforced since 6.17 and in
 * stable kernels). So everything at sk_reuseport is of the kind that is asked about
 * migrations as well (5.14), whatever its section says.
 */
static const struct slot_program_kind kinds[ROOT_KIND_COUNT] = {
	[ROOT_KIND_XDP] = {
		.name = "XDP",
		.sections = "SEC(\"xdp\"), SEC(\"xdp.frags\") or SEC(\"freplace\")",
		.type = BPF_PROG_TYPE_XDP,
		.attach = BPF_XDP,
	},
	[ROOT_KIND_TC] = {
		.name = "TC",
		.sections = "SEC(\"tc\")",
		.type = BPF_PROG_TYPE_SCHED_CLS,
	},
	[ROOT_KIND_SOCK_OPS] = {
		.name = "sock_ops",
		.sections = "SEC(\"sockops\")",
		.type = BPF_PROG_TYPE_SOCK_OPS,
		.attach = BPF_CGROUP_SOCK_OPS,
	},
	[ROOT_KIND_SK_LOOKUP] = {
		.name = "sk_lookup",
		.sections = "SEC(\"sk_lookup\")",
		.type = BPF_PROG_TYPE_SK_LOOKUP,
		.attach = BPF_SK_LOOKUP,
	},
	[ROOT_KIND_SK_REUSEPORT] = {
		.name = "sk_reuseport",
		.sections = "SEC(\"sk_reuseport\") or SEC(\"sk_reuseport/migrate\")",
		.type = BPF_PROG_TYPE_SK_REUSEPORT,
		.attach = BPF_SK_REUSEPORT_SELECT_OR_MIGRATE,
	},
};

const struct slot_program_kind *slot_program_kind_get(enum root_kind kind)
{
	return &kinds[kind];
}

enum root_kind slot_program_kind_of(const struct bpf_program *prog)
{
	enum bpf_attach_type attach = bpf_program__expected_attach_type(prog);
	enum bpf_prog_type type = bpf_program__type(prog);
	enum root_kind kind = ROOT_KIND_XDP;

	if (type == BPF_PROG_TYPE_EXT)
		return ROOT_KIND_XDP;
	if (type == BPF_PROG_TYPE_XDP && (attach == BPF_XDP_CPUMAP || attach == BPF_XDP_DEVMAP))
		return ROOT_KIND_COUNT;
	while (kind < ROOT_KIND_COUNT && kinds[kind].type != type)
		kind++;
	return kind;
}
