/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's TCP and UDP sockets, as the kernel lists them (sock_diag(7)). */
#ifndef SOCKET_LB_RUN_DIAG_H
#define SOCKET_LB_RUN_DIAG_H

#include <linux/inet_diag.h>
#include <linux/types.h>

/* Called with each socket; the message is the kernel's: addresses and ports in network byte order. */
typedef void (*run_diag_fn)(const struct inet_diag_msg *socket, void *data);

struct run_diag_query {
	__u8 family;  /* AF_INET, AF_INET6 */
	__u8 proto;   /* IPPROTO_TCP, IPPROTO_UDP */
	__u32 states; /* 1 << TCP_..., of UDP: TCP_CLOSE is not connected */
	__be16 port;  /* the own; 0: any */
};

/*
 * run_diag_each - call @see for each socket of the own network namespace that @query asks for.
 * No rights are needed. Returns 0, -ENOENT where the kernel has no inet_diag, tcp_diag or
 * udp_diag, or -errno.
 */
int run_diag_each(const struct run_diag_query *query, run_diag_fn see, void *data);

/* run_diag_cookie - the number that SO_COOKIE of the same socket gives. */
__u64 run_diag_cookie(const struct inet_diag_msg *socket);

#endif
