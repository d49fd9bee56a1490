/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quic_ids.so, for LD_PRELOAD into ngtcp2's gtlsserver: what a server does itself that is to be
 * restarted without loss, and this one does not. Its connection ids carry process bit and
 * generation (sock_flow.h), and it shares its port with the process before by
 *
 *   QUIC_MODE=reuseport   SO_REUSEPORT alone
 *   QUIC_MODE=socket_lb   the chain that libsocketlb finds by QUIC_CHAIN
 *   QUIC_MODE=forwarder   one socket, handed over in the folder QUIC_DIR (quic_forward.h)
 *
 * gtlsserver's ids are what it asks GnuTLS for 18 random bytes for; it asks so for nothing else.
 * QUIC_GENERATION is the number of the process. Says "ready" on stderr when new connections come
 * to it, and at its end, which SIGINT makes, a line of JSON: packets that it received, and those
 * of them that name another process. A packet with a long header is looked at from the
 * handshake on: before, the client chose the id.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "tests/support/quic_forward.h"
#include "tests/support/sock_flow.h"

#define SERVER_ID_SIZE 18
#define LONG_HEADER 0x80
#define LONG_TYPE(byte) ((byte) >> 4 & 3)
#define HANDSHAKE 2 /* of QUIC version 1 */
#define DCID_LEN_AT 5

static int read_process(const uint8_t *packet, size_t len);

static struct {
	uint32_t generation;
	unsigned int process;
	int fd; /* -1: not bound yet */
	bool has_cid, is_forwarder;
	struct socketlb_cid cid;
	struct quic_forward forward;
	unsigned long received, misrouted;
} self = { .fd = -1, .forward.read_process = read_process };

static void *find_next(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	if (!next) {
		fprintf(stderr, "quic_ids: no '%s' to call\n", name);
		_exit(1);
	}
	return next;
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

	if (err || len != SERVER_ID_SIZE)
		return err;
	flow_id_write(data, self.process, 0, self.generation);
	if (self.has_cid)
		socketlb_cid_write(&self.cid, 0, data, len);
	return 0;
}

/* --- sharing the port ------------------------------------------------------------------------ */

static int bind_shared(int fd, const struct sockaddr *address, socklen_t len)
{
	int (*next)(int, const struct sockaddr *, socklen_t) = find_next("bind");
	const int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) || next(fd, address, len) ?
		       -errno :
		       0;
}

static int register_socket(int fd)
{
	struct socketlb *lb = socketlb_new();
	int err = lb ? socketlb_open(lb, getenv("QUIC_CHAIN")) : -ENOMEM;

	if (!err)
		err = socketlb_add(lb, fd, 0);
	/* a VIP by flows wants nothing in ids */
	self.has_cid = !err && !socketlb_cid_get(lb, fd, &self.cid);
	if (!err)
		err = socketlb_announce(lb);
	if (err && lb)
		fprintf(stderr, "quic_ids: %s\n", socketlb_error(lb));
	/* the handle stays open: with the process its sockets leave the map */
	return err;
}

static int share_port(int fd, const struct sockaddr *address, socklen_t len)
{
	const char *mode = getenv("QUIC_MODE"), *generation = getenv("QUIC_GENERATION");
	int err;

	if (!mode || !generation)
		return -EINVAL;
	self.generation = (uint32_t)atoi(generation);
	self.process = self.generation & 1;
	if (!strcmp(mode, "forwarder")) {
		self.is_forwarder = true;
		self.forward.dir = getenv("QUIC_DIR");
		self.forward.process = self.process;
		return quic_forward_start(&self.forward, fd, address, len);
	}
	err = bind_shared(fd, address, len);
	return err || strcmp(mode, "socket_lb") ? err : register_socket(fd);
}

/* The first socket that is bound is the server's; one of a forwarder is bound from within. */
int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int (*next)(int, const struct sockaddr *, socklen_t) = find_next("bind");
	static bool is_inside;
	int err;

	if (is_inside || self.fd >= 0)
		return next(fd, addr, len);
	is_inside = true;
	err = share_port(fd, addr, len);
	is_inside = false;
	if (err) {
		fprintf(stderr, "quic_ids: sharing the port: %s\n", strerror(-err));
		errno = -err;
		return -1;
	}
	self.fd = fd;
	fputs("ready\n", stderr);
	return 0;
}

/* --- packets --------------------------------------------------------------------------------- */

/* The id that the server gave to the connection; NULL before it did. */
static const uint8_t *find_id(const uint8_t *packet, size_t len)
{
	const uint8_t *id = packet + 1;

	if (len > DCID_LEN_AT && packet[0] & LONG_HEADER) {
		if (LONG_TYPE(packet[0]) != HANDSHAKE || packet[DCID_LEN_AT] != SERVER_ID_SIZE)
			return NULL;
		id = packet + DCID_LEN_AT + 1;
	}
	return len >= (size_t)(id - packet) + SERVER_ID_SIZE ? id : NULL;
}

static int read_process(const uint8_t *packet, size_t len)
{
	const uint8_t *id = find_id(packet, len);

	return id ? (int)flow_id_process(id) : -1;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t (*next)(int, struct msghdr *, int) = find_next("recvmsg");
	const uint8_t *id;
	ssize_t len;

	if (fd != self.fd)
		return next(fd, message, flags);
	len = self.is_forwarder ? quic_forward_receive(fd, message, flags, next) :
				  next(fd, message, flags);
	if (len <= 0)
		return len;
	id = find_id(message->msg_iov[0].iov_base, (size_t)len);
	self.received++;
	self.misrouted += id && flow_id_generation(id) != self.generation;
	return len;
}

/* --- what the server does with its socket, where that is another one ------------------------- */

static int real_fd(int fd)
{
	return self.is_forwarder && fd == self.fd ? self.forward.udp_fd : fd;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int) = find_next("sendmsg");

	return next(real_fd(fd), message, flags);
}

int setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen)
{
	int (*next)(int, int, int, const void *, socklen_t) = find_next("setsockopt");

	return next(real_fd(fd), level, optname, optval, optlen);
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	int (*next)(int, struct sockaddr *, socklen_t *) = find_next("getsockname");

	return next(real_fd(fd), addr, len);
}
