/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <sys/utsname.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/look.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define JIT_PATH "/proc/sys/net/core/bpf_jit_enable"
#define LOOPBACK_IFINDEX 1

/* Of linux/bpf.h from 6.6 and 6.7 on, which is younger than the headers that this builds with. */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)
#define ATTACH_NETKIT_PRIMARY ((enum bpf_attach_type)54)

/* What a kernel does not know at all is an invalid argument to it, whatever the device. */
static enum slot_known ask_attach_type(enum bpf_attach_type type)
{
	LIBBPF_OPTS(bpf_prog_query_opts, opts);
	int err = bpf_prog_query_opts(LOOPBACK_IFINDEX, type, &opts);

	if (err == -EPERM)
		return SLOT_UNKNOWN;
	return err == -EINVAL ? SLOT_NO : SLOT_YES;
}

static enum slot_known read_btf(void)
{
	if (!access(BTF_PATH, R_OK))
		return SLOT_YES;
	return errno == ENOENT && !access("/sys/kernel", F_OK) ? SLOT_NO : SLOT_UNKNOWN;
}

/* Only the first netns has the file. */
static enum slot_known read_jit(void)
{
	_cleanup_fclose_ FILE *file = fopen(JIT_PATH, "re");
	int mode;

	if (!file || fscanf(file, "%d", &mode) != 1)
		return SLOT_UNKNOWN;
	return mode ? SLOT_YES : SLOT_NO;
}

void slot_look_kernel(struct slot_picture_kernel *ret_kernel)
{
	struct slot_picture_kernel kernel = {
		.btf = read_btf(),
		.jit = read_jit(),
		.tcx = ask_attach_type(ATTACH_TCX_INGRESS),
		.netkit = ask_attach_type(ATTACH_NETKIT_PRIMARY),
	};
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &kernel.major, &kernel.minor) != 2)
		kernel.major = kernel.minor = 0;
	*ret_kernel = kernel;
}
