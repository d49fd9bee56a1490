/* SPDX-License-Identifier: GPL-2.0-only */
/* Where roots are measured: a veth in a netns and a bpffs that both end with the process. */
#ifndef BENCH_BED_H
#define BENCH_BED_H

/*
 * bench_bed_open - move this process into a netns and a mount namespace of its
 * own, with an empty bpffs at /sys/fs/bpf and a veth that is up. Returns 0 or
 * -errno, after a line on stderr.
 */
int bench_bed_open(unsigned int *ret_ifindex);

/*
 * bench_cpu_pin - stay on the last CPU this process may use: interrupts mostly
 * go to the first. Other processes there wait. Returns 0 or -errno.
 */
int bench_cpu_pin(void);

/*
 * bench_attach - attach the XDP program, in place of what @link_fd attached, unless that is
 * -1: a program that is not attached is called through a retpoline. @link_fd is the
 * caller's. Returns 0 or -errno.
 */
int bench_attach(unsigned int ifindex, int prog_fd, int *link_fd);

#endif
