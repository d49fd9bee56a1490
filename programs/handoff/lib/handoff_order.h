/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The few acts on a TCP socket that want CAP_NET_ADMIN, or CAP_NET_BIND_SERVICE for a port below
 * 1024: done by whoever has that right, the application or the agent that it asks. All that
 * is done to a socket in repair beyond them needs no right.
 */
#ifndef HANDOFF_ORDER_H
#define HANDOFF_ORDER_H

#include <stdint.h>

#include <sys/socket.h>

/*
 * Between application and agent, on one machine and so in its byte order: a packet of a
 * SOCK_SEQPACKET socket with one descriptor, answered by one packet. Another layout has another
 * number.
 */
#define HANDOFF_ORDER_VERSION 0x484f0001U
#define HANDOFF_AGENT_ENV "HANDOFF_AGENT"
/* Not in /run/slotd, which goes with slotd. */
#define HANDOFF_AGENT_DIR "/run/slotd-handoff"
#define HANDOFF_AGENT_SOCKET HANDOFF_AGENT_DIR "/repair.sock"

/* The most that HANDOFF_BUFFERS sets, in bytes; the kernel takes twice as much. */
#define HANDOFF_BUFFER_MAX (32U << 20)

enum handoff_act {
	HANDOFF_ENTER,	       /* the socket is in repair */
	HANDOFF_LEAVE,	       /* no more, and its peer is asked how far it is */
	HANDOFF_LEAVE_QUIETLY, /* no more, and nothing is sent */
	HANDOFF_BUFFERS,       /* room for this many bytes */
	HANDOFF_CONNECT,       /* a socket in repair is bound to @local and connected to @peer */
	HANDOFF_ACT_COUNT,
};

struct handoff_order {
	uint32_t version;
	uint32_t act;		       /* enum handoff_act */
	uint32_t send_room, recv_room; /* of HANDOFF_BUFFERS, bytes; 0: as it is */
	/* of HANDOFF_CONNECT: AF_INET or AF_INET6 */
	struct sockaddr_storage local, peer;
};

struct handoff_answer {
	uint32_t version;
	int32_t err; /* 0 or -errno */
	char text[240];
};

/*
 * handoff_order_run - do @order to @fd, which handoff_socket_family() knows. Returns 0, -EINVAL for
 * what is no order, -EPERM or -EACCES without the right, -errno.
 */
int handoff_order_run(int fd, const struct handoff_order *order);

/* handoff_socket_family - of a socket of TCP, and not of MPTCP: AF_INET or AF_INET6. 0: it is none. */
int handoff_socket_family(int fd);

/* handoff_family_size - of an address of AF_INET or AF_INET6, bytes. Pure. */
socklen_t handoff_family_size(int family);

#endif
