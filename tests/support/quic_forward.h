/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One UDP socket and a forwarder (flow_pass.h) below a server that knows of neither. What the
 * server takes for its UDP socket is a Unix socket, into which the packets of its connections
 * go with the client's address and the control messages in front: from the UDP socket, while it
 * is read here, and from the process that reads it later. Answers go out by the UDP socket.
 */
#ifndef TESTS_SUPPORT_QUIC_FORWARD_H
#define TESTS_SUPPORT_QUIC_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

struct quic_forward {
	const char *dir;      /* where the processes meet */
	unsigned int process; /* bit of connection ids */
	/* the process bit that a packet names; -1: none, it is the reader's */
	int (*read_process)(const uint8_t *packet, size_t len);
	int udp_fd;
	int to_own, to_other; /* -1: no other process */
	int listen_fd;
};

/*
 * Takes the socket of the process before, or makes @fd it, bound to @address; either way @fd
 * becomes the Unix socket. Starts the thread that reads. Returns 0 or -errno.
 */
int quic_forward_start(struct quic_forward *forward, int fd, const struct sockaddr *address,
		       socklen_t len);

/* Reads a packet from the Unix socket @fd with @next, which is recvmsg(). */
ssize_t quic_forward_receive(int fd, struct msghdr *message, int flags,
			     ssize_t (*next)(int fd, struct msghdr *message, int flags));

#endif
