/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tun_encap: the sending end of an IP tunnel, for kernels without the ipip and ip6_tunnel
 * modules. Makes the TUN device NAME; each IP packet that the kernel routes into it goes to
 * DESTINATION inside another IP packet (RFC 2003, RFC 2473), by a raw socket, or with PORT
 * inside a datagram to it (GUE, variant 1). Runs until SIGTERM, then prints how many
 * packets it sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct tunnel {
	int tun_fd;
	int ip4_fd; /* inner IPv4: protocol 4 */
	int ip6_fd; /* inner IPv6: protocol 41 */
	struct addrinfo *to;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "tun_encap: %s: %s\n", what, strerror(errno));
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

static struct addrinfo *find_address(const char *text, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found = NULL;
	int err = getaddrinfo(text, port, &hints, &found);

	if (!err)
		return found;
	fprintf(stderr, "tun_encap: '%s': %s\n", text, gai_strerror(err));
	exit(2);
}

/* The kernel makes the outer header: source, destination, @proto. */
static int open_raw(const struct addrinfo *from, int proto)
{
	int fd = socket(from->ai_family, SOCK_RAW | SOCK_CLOEXEC, proto);

	if (fd < 0)
		fail("raw socket");
	if (bind(fd, from->ai_addr, from->ai_addrlen))
		fail("outer source");
	return fd;
}

static int open_udp(const struct addrinfo *from)
{
	int fd = socket(from->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("UDP socket");
	if (bind(fd, from->ai_addr, from->ai_addrlen))
		fail("outer source");
	return fd;
}

static bool send_packet(const struct tunnel *tunnel, const unsigned char *packet, size_t len)
{
	int fd = packet[0] >> 4 == 4 ? tunnel->ip4_fd : tunnel->ip6_fd;

	if (sendto(fd, packet, len, 0, tunnel->to->ai_addr, tunnel->to->ai_addrlen) >= 0)
		return true;
	fprintf(stderr, "tun_encap: a packet of %zu bytes: %s\n", len, strerror(errno));
	return false;
}

static unsigned long long run_tunnel(const struct tunnel *tunnel)
{
	unsigned long long sent = 0;
	unsigned char packet[65536];

	while (!is_stopped) {
		ssize_t len = read(tunnel->tun_fd, packet, sizeof(packet));

		if (len < 0 && errno != EINTR)
			fail("reading packets");
		if (len > 0 && send_packet(tunnel, packet, (size_t)len))
			sent++;
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct addrinfo *from;
	struct tunnel tunnel;

	if (argc != 4 && argc != 5) {
		fputs("usage: tun_encap NAME SOURCE DESTINATION [PORT]\n", stderr);
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	from = find_address(argv[2], NULL);
	tunnel.to = find_address(argv[3], argv[4]);
	tunnel.ip4_fd = argv[4] ? open_udp(from) : open_raw(from, IPPROTO_IPIP);
	tunnel.ip6_fd = argv[4] ? tunnel.ip4_fd : open_raw(from, IPPROTO_IPV6);
	tunnel.tun_fd = open_tun(argv[1]);
	freeaddrinfo(from);
	printf("%llu\n", run_tunnel(&tunnel));
	freeaddrinfo(tunnel.to);
	return 0;
}
