/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP and UDP sockets as the kernel lists them (sock_diag(7)), and the processes that hold them. */
#ifndef PROGRAM_SOCKETS_H
#define PROGRAM_SOCKETS_H

#include <stdint.h>
#include <sys/types.h>

#include <linux/inet_diag.h>
#include <linux/types.h>

/* Called with each socket; the message is the kernel's: addresses and ports in network byte order. */
typedef void (*program_socket_fn)(const struct inet_diag_msg *socket, void *data);

struct program_socket_query {
	__u8 family;  /* AF_INET, AF_INET6 */
	__u8 proto;   /* IPPROTO_TCP, IPPROTO_UDP */
	__u32 states; /* 1 << TCP_..., of UDP: TCP_CLOSE is not connected */
	__be16 port;  /* the own; 0: any */
};

#define PROGRAM_SERVING_KINDS 4

/* What asks for all that wait for whoever comes: TCP that listens, UDP that is not connected. */
extern const struct program_socket_query program_sockets_serving[PROGRAM_SERVING_KINDS];

/*
 * program_sockets_each - call @see for each socket of the own network namespace that @query asks
 * for. No rights are needed. Returns 0, -ENOENT where the kernel has no inet_diag, tcp_diag or
 * udp_diag, or -errno.
 */
int program_sockets_each(const struct program_socket_query *query, program_socket_fn see,
			 void *data);

/* program_socket_cookie - the number that SO_COOKIE of the same socket gives. */
__u64 program_socket_cookie(const struct inet_diag_msg *socket);

/* Called with a descriptor that was a socket; what is not 0 ends the search. */
typedef int (*program_held_fn)(pid_t pid, int fd, uint64_t inode, void *data);

/*
 * program_sockets_held - call @see for every socket among the descriptors of @pid. A process that
 * is gone or may not be looked into has none. Returns what @see did, or 0.
 */
int program_sockets_held(pid_t pid, program_held_fn see, void *data);

#define PROGRAM_COOKIE_ANY 0

/*
 * program_socket_take - a descriptor of our own for descriptor @fd of process @pid, which must
 * still be the socket with @cookie: since it was seen, it or its process may have become another.
 * PROGRAM_COOKIE_ANY: whatever it is. @ret_fd is the caller's to close. Returns 0, -ESRCH, -EBADF,
 * -ESTALE: another one, -EPERM: ptrace(2) rules, or -errno. Linux 5.6.
 */
int program_socket_take(pid_t pid, int fd, __u64 cookie, int *ret_fd);

#endif
