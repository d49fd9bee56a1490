/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What slotd wants of the kernel, and what goes without. */
#include "loader/lib/doctor/check.h"

#define MAJOR_MIN 6
#define MINOR_MIN 1

struct feature {
	enum slot_known (*get)(const struct slot_picture_kernel *kernel);
	enum slot_severity severity;
	const char *what;
	const char *why;
	const char *next;
};

static enum slot_known get_version(const struct slot_picture_kernel *kernel)
{
	if (!kernel->major)
		return SLOT_UNKNOWN;
	return kernel->major > MAJOR_MIN ||
			       (kernel->major == MAJOR_MIN && kernel->minor >= MINOR_MIN) ?
		       SLOT_YES :
		       SLOT_NO;
}

static enum slot_known get_btf(const struct slot_picture_kernel *kernel)
{
	return kernel->btf;
}

static enum slot_known get_jit(const struct slot_picture_kernel *kernel)
{
	return kernel->jit;
}

static enum slot_known get_freplace(const struct slot_picture_kernel *kernel)
{
	return kernel->freplace;
}

static enum slot_known get_tcx(const struct slot_picture_kernel *kernel)
{
	return kernel->tcx;
}

static enum slot_known get_netkit(const struct slot_picture_kernel *kernel)
{
	return kernel->netkit;
}

static const struct feature features[] = {
	{ get_version, SLOT_ERROR, "the kernel is older than Linux 6.1",
	  "chains need what later kernels have, and none older was tested",
	  "run Linux 6.1 or newer" },
	{ get_btf, SLOT_ERROR, "the kernel has no BTF (/sys/kernel/btf/vmlinux)",
	  "programs that read kernel structures cannot be loaded, nor extensions linked",
	  "run a kernel built with CONFIG_DEBUG_INFO_BTF" },
	{ get_jit, SLOT_WARNING, "BPF programs are interpreted: the JIT compiler is off",
	  "each packet costs several times more in every slot",
	  "sysctl -w net.core.bpf_jit_enable=1, then slotctl apply" },
	{ get_freplace, SLOT_NOTE, "the kernel refuses extension programs (freplace)",
	  "chains run on the engine fused, and slotctl adopt cannot take over what libxdp runs",
	  "nothing, unless adopt is wanted; a kernel in lockdown, or without BTF, refuses them" },
	{ get_tcx, SLOT_NOTE, "the kernel has no tcx (Linux 6.6)",
	  "chains of TC programs are filters of the qdisc clsact there, and no links",
	  "nothing: they do the same; Linux 6.6 has links" },
	{ get_netkit, SLOT_NOTE, "the kernel has no netkit devices (Linux 6.7, CONFIG_NETKIT)",
	  "containers are reached by veth pairs, at the cost of one more softirq for each packet",
	  "nothing; Linux 6.7 has them where that cost matters" },
};

void slot_check_kernel(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *feature = &features[i];
		struct slot_finding finding = { .severity = feature->severity,
						.why = feature->why };

		if (feature->get(&picture->kernel) != SLOT_NO)
			continue;
		slot_finding_set_next(&finding, "%s", feature->next);
		slot_findings_add(findings, &finding, "%s", feature->what);
	}
}
