/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lb_front INTERFACE VIP REAL MAC GATEWAY ENCAP HASH: the load balancer at an
 * interface, with one VIP of TCP port 80 and one real, until the process ends. MAC is the
 * real's, GATEWAY that of who gets what the real answers; ENCAP and HASH are numbers
 * of lb_abi.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <net/if.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/lb_case.h"

#define REAL 1

static int parse_mac(const char *text, __u8 ret_mac[6])
{
	int got = sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ret_mac[0], &ret_mac[1],
			 &ret_mac[2], &ret_mac[3], &ret_mac[4], &ret_mac[5]);

	return got == 6 ? 0 : -1;
}

static int set_real(const struct lb_case *lb, const char *addr, const char *mac)
{
	struct lb_real real = { .flags = LB_REAL_USED };
	__u32 index = REAL;

	if (inet_pton(AF_INET, addr, real.addr) != 1 || parse_mac(mac, real.mac))
		return -1;
	return bpf_map_update_elem(lb_case_map(lb, LB_REALS_NAME), &index, &real, BPF_ANY);
}

/* What the real answers from becomes the VIP again. */
static int set_return(struct lb_case *lb, const char *vip, const char *real)
{
	struct lb_return4_key key = { .port = htons(80), .proto = IPPROTO_TCP };
	__be32 addr;

	if (inet_pton(AF_INET, real, &key.addr) != 1 || inet_pton(AF_INET, vip, &addr) != 1)
		return -1;
	lb->control.flags |= LB_HAS_RETURNS;
	lb_case_control(lb);
	return bpf_map_update_elem(lb_case_map(lb, LB_RETURNS4_NAME), &key, &addr, BPF_ANY);
}

/* A link of a process that has just ended is still there for a moment. */
static int attach(const struct lb_case *lb, const char *interface)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	const struct timespec pause = { .tv_nsec = 10000000 };
	int tries, fd = -EBUSY;

	for (tries = 0; tries < 200 && fd == -EBUSY; tries++) {
		fd = bpf_link_create(progrun_fd(lb->object, "lb"), (int)if_nametoindex(interface),
				     BPF_XDP, &opts);
		if (fd == -EBUSY)
			nanosleep(&pause, NULL);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct lb_config config = { .tcp_option_kind = 0xb7, .mtu = 1500 };
	struct lb_case_vip spec = { .port = 80, .proto = IPPROTO_TCP, .vip.has_ring = 1 };
	struct lb_case lb;

	if (argc != 8) {
		fprintf(stderr, "usage: lb_front INTERFACE VIP REAL MAC GATEWAY ENCAP HASH\n");
		return 2;
	}
	config.hash = (enum lb_hash)atoi(argv[7]);
	spec.addr = argv[2];
	spec.vip.encap = (__u8)atoi(argv[6]);
	lb_case_open(&lb);
	lb_case_load(&lb, &config);
	if (parse_mac(argv[5], lb.control.gateway))
		return 2;
	lb_case_ring_of(&lb, 0, REAL);
	lb_case_vip(&lb, &spec);
	if (set_real(&lb, argv[3], argv[4]) ||
	    (spec.vip.encap == LB_REWRITE && set_return(&lb, argv[2], argv[3])) ||
	    attach(&lb, argv[1]) < 0) {
		fprintf(stderr, "lb_front: cannot set up '%s'\n", argv[1]);
		return 1;
	}
	pause();
	return 0;
}
