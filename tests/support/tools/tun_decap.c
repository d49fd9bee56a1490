/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tun_decap: the receiving end of IP tunnels, for kernels without the ipip, ip6_tunnel and
 * fou modules. Takes IPIP (protocols 4 and 41, RFC 2003 and RFC 2473) from raw sockets and
 * GUE variant 1 from UDP port PORT, both families; the inner packets come in by the TUN
 * device NAME. Runs until a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SOCKETS 5
#define PACKET_MAX 65536

static void fail(const char *what)
{
	fprintf(stderr, "tun_decap: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request))
		fail(name);
	return fd;
}

static int open_raw(int family, int proto)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, proto);

	if (fd < 0)
		fail("raw socket");
	return fd;
}

/* Both families; over IPv6 the kernel drops what comes without a right checksum. */
static int open_udp(const char *port)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6,
				     .sin6_port = htons((in_port_t)strtoul(port, NULL, 10)) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)))
		fail("UDP socket");
	return fd;
}

/* A raw IPv4 socket hands over the outer header as well, of the length that it says. */
static void take_out(int fd, size_t skip_words, int tun_fd)
{
	static unsigned char packet[PACKET_MAX];
	ssize_t len = recv(fd, packet, sizeof(packet), 0);
	size_t skip = skip_words ? (packet[0] & 15U) * 4 : 0;

	if (len <= (ssize_t)skip)
		return;
	if (write(tun_fd, packet + skip, (size_t)len - skip) < 0)
		fprintf(stderr, "tun_decap: an inner packet is no IP packet: %s\n",
			strerror(errno));
}

int main(int argc, char **argv)
{
	struct pollfd from[SOCKETS] = {};
	int i, tun_fd;

	if (argc != 3) {
		fprintf(stderr, "usage: tun_decap NAME PORT\n");
		return 2;
	}
	tun_fd = open_tun(argv[1]);
	from[0].fd = open_raw(AF_INET, IPPROTO_IPIP);
	from[1].fd = open_raw(AF_INET, IPPROTO_IPV6);
	from[2].fd = open_raw(AF_INET6, IPPROTO_IPIP);
	from[3].fd = open_raw(AF_INET6, IPPROTO_IPV6);
	from[4].fd = open_udp(argv[2]);
	for (i = 0; i < SOCKETS; i++)
		from[i].events = POLLIN;
	while (poll(from, SOCKETS, -1) > 0)
		for (i = 0; i < SOCKETS; i++)
			if (from[i].revents)
				take_out(from[i].fd, i < 2, tun_fd);
	return 0;
}
