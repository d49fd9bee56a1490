/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One UDP socket that is handed from process to process, and packets forwarded between them: how
 * servers restart without a program that chooses among sockets. The newest process reads the
 * socket. What belongs to the one before, by the process bit of the connection id, it forwards
 * over a Unix datagram socket, with the client's address in front; that one answers through its
 * own copy of the UDP socket.
 */
#ifndef TESTS_SUPPORT_FLOW_PASS_H
#define TESTS_SUPPORT_FLOW_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

/* In front of each packet that is forwarded. */
struct flow_forwarded {
	struct sockaddr_in6 from; /* or a sockaddr_in */
	uint32_t from_len;
};

/*
 * Asks the process that serves by the folder @dir for its socket. It has stopped reading when the
 * socket is here. Returns -ENOENT or -ECONNREFUSED where there is none, -EPROTO where it
 * does not hand one over. @ret_process is its process bit.
 */
int flow_pass_take(const char *dir, unsigned int *ret_process, int *ret_fd);

/* Opens the socket on which the next process will ask, in place of the one before. */
int flow_pass_listen(const char *dir, int *ret_fd);

/* Waits for the next process on @listen_fd, at most @wait_ms: -EAGAIN where none came. */
int flow_pass_accept(int listen_fd, int wait_ms, int *ret_peer);

/* Hands @fd and this process's bit to the one that was accepted, which ends @peer. */
int flow_pass_give(int peer, unsigned int process, int fd);

/* Opens the socket on which the process with bit @process gets what is forwarded to it. */
int flow_forward_bind(const char *dir, unsigned int process, int *ret_fd);

/* Opens a socket that leads to the process with bit @process. */
int flow_forward_connect(const char *dir, unsigned int process, int *ret_fd);

#endif
