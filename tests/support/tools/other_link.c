/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * other_link TARGET HOOK PROGRAM LINK: attaches the pinned PROGRAM to HOOK of TARGET, behind what
 * is there, by a link that is pinned at LINK: as somebody else than slotd does. HOOK is xdp, tcx-ingress,
 * tcx-egress, netkit-primary or netkit-peer of an interface, or sk-lookup of a netns, by its path.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>

/* Of linux/bpf.h from 6.6 and 6.7 on, which is younger than the headers that this builds with. */
static const struct {
	const char *name;
	uint32_t type;
} hooks[] = {
	{ "tcx-ingress", 46 }, { "tcx-egress", 47 },	       { "netkit-primary", 54 },
	{ "netkit-peer", 55 }, { "sk-lookup", BPF_SK_LOOKUP }, { "xdp", BPF_XDP },
};

#define HOOK_COUNT (sizeof(hooks) / sizeof(hooks[0]))

static int call_bpf(enum bpf_cmd command, union bpf_attr *attr, const char *what)
{
	long ret = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (ret < 0) {
		perror(what);
		exit(EXIT_FAILURE);
	}
	return (int)ret;
}

static int get_program(const char *pin)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)pin;
	return call_bpf(BPF_OBJ_GET, &attr, pin);
}

static int attach(int prog_fd, const char *target, uint32_t type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog_fd;
	if (type == BPF_SK_LOOKUP)
		attr.link_create.target_fd = (uint32_t)open(target, O_RDONLY | O_CLOEXEC);
	else
		attr.link_create.target_ifindex = if_nametoindex(target);
	attr.link_create.attach_type = type;
	return call_bpf(BPF_LINK_CREATE, &attr, target);
}

static void pin(int fd, const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	attr.bpf_fd = (uint32_t)fd;
	call_bpf(BPF_OBJ_PIN, &attr, path);
}

int main(int argc, char **argv)
{
	size_t hook = 0;

	while (argc == 5 && hook < HOOK_COUNT && strcmp(argv[2], hooks[hook].name) != 0)
		hook++;
	if (argc != 5 || hook == HOOK_COUNT) {
		fputs("usage: other_link TARGET HOOK PROGRAM LINK\n", stderr);
		return 2;
	}
	pin(attach(get_program(argv[3]), argv[1], hooks[hook].type), argv[4]);
	return EXIT_SUCCESS;
}
