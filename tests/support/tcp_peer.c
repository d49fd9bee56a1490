/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tcp_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/packet.h"
#include "tests/support/tap.h"

#define FIRST_PORT 20000
#define PATIENCE_MS 1000
#define PAYLOAD_MAX 1400
#define WINDOW 64000
#define NOP 1

void tcp_peer_open(struct tcp_peer *peer)
{
	struct ifreq request = { .ifr_name = "peer", .ifr_flags = IFF_TUN | IFF_NO_PI };

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*peer = (struct tcp_peer){ .tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC),
				   .port = FIRST_PORT };
	assert_true(peer->tun >= 0);
	assert_int_equal(ioctl(peer->tun, TUNSETIFF, &request), 0);
	assert_int_equal(system("ip link set lo up && ip address add " TCP_PEER_KERNEL
				"/24 dev peer && ip link set peer up"),
			 0);
}

void tcp_peer_close(struct tcp_peer *peer)
{
	close(peer->tun);
}

void tcp_peer_begin(struct tcp_peer *peer, uint16_t kernel_port)
{
	peer->port++;
	peer->kernel_port = kernel_port;
	peer->seq = 1000;
	peer->ack = 0;
}

void tcp_peer_send(struct tcp_peer *peer, uint8_t flags, const void *options, size_t len,
		   size_t payload_len)
{
	const struct packet_ip4 ip = { .src = TCP_PEER, .dst = TCP_PEER_KERNEL };
	uint8_t bytes[TCP_SEGMENT_OPTIONS + PAYLOAD_MAX];
	size_t words = (len + 3) / 4;
	struct packet p;
	uint8_t *tcp;

	assert_in_range(words, 0, TCP_SEGMENT_OPTIONS / 4);
	assert_in_range(payload_len, 0, PAYLOAD_MAX);
	memset(bytes, NOP, words * 4);
	if (len)
		memcpy(bytes, options, len);
	memset(bytes + words * 4, 'x', payload_len);
	packet_start(&p, bytes, words * 4 + payload_len);
	packet_tcp(&p, peer->port, peer->kernel_port, flags);
	tcp = packet_bytes(&p);
	tcp[12] = (uint8_t)((5 + words) << 4);
	*(uint32_t *)(tcp + 4) = htonl(peer->seq);
	*(uint32_t *)(tcp + 8) = htonl(flags & TCP_ACK ? peer->ack : 0);
	*(uint16_t *)(tcp + 14) = htons(WINDOW);
	packet_ip4(&p, &ip);
	assert_int_equal(write(peer->tun, packet_bytes(&p), p.len), p.len);
	peer->seq += (uint32_t)payload_len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

/* Whether the @len bytes are a TCP segment to the peer. */
static bool read_segment(const uint8_t *bytes, size_t len, struct tcp_segment *segment)
{
	const struct iphdr *ip = (const void *)bytes;
	const struct tcphdr *tcp;
	size_t headers;

	if (len < sizeof(*ip) || ip->version != 4 || ip->protocol != IPPROTO_TCP)
		return false;
	tcp = (const void *)(bytes + ip->ihl * 4);
	headers = ip->ihl * 4U + tcp->doff * 4U;
	if (headers > len)
		return false;
	*segment = (struct tcp_segment){
		.from = ntohs(tcp->source),
		.to = ntohs(tcp->dest),
		.seq = ntohl(tcp->seq),
		.ack = ntohl(tcp->ack_seq),
		.flags = ((const uint8_t *)tcp)[13],
		.options_len = tcp->doff * 4U - sizeof(*tcp),
		.payload_len = len - headers,
	};
	memcpy(segment->options, tcp + 1, segment->options_len);
	return true;
}

/* Of which connection is the caller's to judge. */
static bool receive_any(struct tcp_peer *peer, struct tcp_segment *segment)
{
	struct pollfd waits = { .fd = peer->tun, .events = POLLIN };
	uint8_t bytes[PACKET_SIZE_MAX];

	while (poll(&waits, 1, PATIENCE_MS) == 1) {
		ssize_t len = read(peer->tun, bytes, sizeof(bytes));

		if (len > 0 && read_segment(bytes, (size_t)len, segment))
			return true;
	}
	return false;
}

static void take(struct tcp_peer *peer, const struct tcp_segment *segment)
{
	peer->ack = segment->seq + (uint32_t)segment->payload_len + !!(segment->flags & TCP_SYN) +
		    !!(segment->flags & TCP_FIN);
}

bool tcp_peer_receive(struct tcp_peer *peer, struct tcp_segment *ret_segment)
{
	while (receive_any(peer, ret_segment)) {
		if (ret_segment->to != peer->port)
			continue;
		take(peer, ret_segment);
		return true;
	}
	return false;
}

bool tcp_peer_accept(struct tcp_peer *peer, struct tcp_segment *ret_syn)
{
	while (receive_any(peer, ret_syn)) {
		if (!(ret_syn->flags & TCP_SYN))
			continue;
		tcp_peer_begin(peer, ret_syn->from);
		peer->port = ret_syn->to;
		take(peer, ret_syn);
		return true;
	}
	return false;
}
