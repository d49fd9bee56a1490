/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of the kernel's TCP, made of packets: what it sends and sees is the test's. In a
 * netns of its own with a TUN device, behind which it is TCP_PEER.
 */
#ifndef TEST_TCP_PEER_H
#define TEST_TCP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_PEER "192.0.2.2"
#define TCP_PEER_KERNEL "192.0.2.1" /* the kernel's address */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define TCP_SEGMENT_OPTIONS 40

/* A segment that the kernel sent. */
struct tcp_segment {
	uint16_t from, to;
	uint32_t seq, ack;
	uint8_t flags;
	uint8_t options[TCP_SEGMENT_OPTIONS];
	size_t options_len;
	size_t payload_len;
};

struct tcp_peer {
	int tun;
	uint16_t port, kernel_port;
	uint32_t seq, ack; /* of what is sent next */
};

/* tcp_peer_open - in a new netns, which the process is in from now on. */
void tcp_peer_open(struct tcp_peer *peer);
void tcp_peer_close(struct tcp_peer *peer);

/* tcp_peer_begin - another connection: from a port that was not used before, to @kernel_port. */
void tcp_peer_begin(struct tcp_peer *peer, uint16_t kernel_port);

/*
 * tcp_peer_send - a segment with the @len bytes of options, of which NOPs make whole words, and
 * @payload_len bytes of anything.
 */
void tcp_peer_send(struct tcp_peer *peer, uint8_t flags, const void *options, size_t len,
		   size_t payload_len);

/*
 * tcp_peer_receive - the kernel's next segment to this connection's port; what is acknowledged
 * from now on includes it. False where none comes within a second.
 */
bool tcp_peer_receive(struct tcp_peer *peer, struct tcp_segment *ret_segment);

/* tcp_peer_accept - the other side of connect(): the kernel's SYN is received and begins a connection. */
bool tcp_peer_accept(struct tcp_peer *peer, struct tcp_segment *ret_syn);

#endif
