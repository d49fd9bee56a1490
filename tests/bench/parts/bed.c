/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/bench/parts/bed.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <net/if.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>

#include "loader/lib/host/pins.h"

static int say(const char *what, int err)
{
	fprintf(stderr, "%s: cannot %s: %s\n", program_invocation_short_name, what, strerror(-err));
	return err;
}

static int enter_namespaces(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return say("make namespaces (needs root)", -errno);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return say("make mounts private", -errno);
	if (mount("bpf", SLOT_BPFFS_DEFAULT, "bpf", 0, NULL))
		return say("mount a bpffs at " SLOT_BPFFS_DEFAULT, -errno);
	return 0;
}

int bench_bed_open(unsigned int *ret_ifindex)
{
	int err = enter_namespaces();
	unsigned int ifindex;

	if (err)
		return err;
	if (system("ip link add bench0 type veth peer name bench1 && "
		   "ip link set bench0 up && ip link set bench1 up"))
		return say("make a veth", -EIO);
	ifindex = if_nametoindex("bench0");
	if (!ifindex)
		return say("find bench0", -errno);
	*ret_ifindex = ifindex;
	return 0;
}

int bench_cpu_pin(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t cpus;
	int cpu;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &cpus); cpu--)
		;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	/* Where that is not allowed figures are only less steady. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

int bench_attach(unsigned int ifindex, int prog_fd, int *link_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd;

	if (*link_fd >= 0)
		return bpf_link_update(*link_fd, prog_fd, NULL);
	fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return fd;
	*link_fd = fd;
	return 0;
}
