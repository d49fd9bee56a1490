/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quic_ids.so, for LD_PRELOAD into ngtcp2's gtlsserver: what a server does itself that is to be
 * restarted without loss, and this one does not. Its socket gets SO_REUSEPORT, and its
 * connection ids carry process bit and generation (sock_flow.h). gtlsserver's ids are what it
 * asks GnuTLS for 18 random bytes for; it asks so for nothing else.
 *
 * QUIC_GENERATION is the number of the process. Says "ready" on stderr when its socket is bound,
 * and at its end, which SIGINT makes, a line of JSON: packets that it received, and those of
 * them that name another process. A packet with a long header is looked at from the
 * handshake on: before, the client chose the id.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/socket.h>

#include "tests/support/sock_flow.h"

#define SERVER_ID_SIZE 18
#define LONG_HEADER 0x80
#define LONG_TYPE(byte) ((byte) >> 4 & 3)
#define HANDSHAKE 2 /* of QUIC version 1 */
#define DCID_LEN_AT 5

static struct {
	uint32_t generation;
	unsigned int process;
	int fd; /* -1: not bound yet */
	unsigned long received, misrouted;
} self = { .fd = -1 };

static void *find_next(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	if (!next) {
		fprintf(stderr, "quic_ids: no '%s' to call\n", name);
		_exit(1);
	}
	return next;
}

__attribute__((constructor)) static void begin(void)
{
	const char *generation = getenv("QUIC_GENERATION");

	self.generation = generation ? (uint32_t)atoi(generation) : 0;
	self.process = self.generation & 1;
}

__attribute__((destructor)) static void report(void)
{
	if (self.fd >= 0)
		fprintf(stderr, "{\"generation\":%u,\"received\":%lu,\"misrouted\":%lu}\n",
			self.generation, self.received, self.misrouted);
}

/* Of libgnutls, whose header the build does not need otherwise. */
int gnutls_rnd(int level, void *data, size_t len);

int gnutls_rnd(int level, void *data, size_t len)
{
	int (*next)(int, void *, size_t) = find_next("gnutls_rnd");
	int err = next(level, data, len);

	if (!err && len == SERVER_ID_SIZE)
		flow_id_write(data, self.process, 0, self.generation);
	return err;
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	int (*next)(int, const struct sockaddr *, socklen_t) = find_next("bind");
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		return -1;
	if (next(fd, address, len))
		return -1;
	self.fd = fd;
	fputs("ready\n", stderr);
	return 0;
}

static bool is_misrouted(const uint8_t *packet, size_t len)
{
	const uint8_t *id = packet + 1;

	if (len > DCID_LEN_AT && packet[0] & LONG_HEADER) {
		if (LONG_TYPE(packet[0]) != HANDSHAKE || packet[DCID_LEN_AT] != SERVER_ID_SIZE)
			return false;
		id = packet + DCID_LEN_AT + 1;
	}
	return len >= (size_t)(id - packet) + SERVER_ID_SIZE &&
	       flow_id_generation(id) != self.generation;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t (*next)(int, struct msghdr *, int) = find_next("recvmsg");
	ssize_t len = next(fd, message, flags);

	if (fd == self.fd && len > 0) {
		self.received++;
		self.misrouted += is_misrouted(message->msg_iov[0].iov_base, (size_t)len);
	}
	return len;
}
