/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libhandoff: a live TCP connection, with kTLS or without, leaves this socket and goes on in
 * another: in another process, or on another host.
 *
 *	struct handoff *h = handoff_new();
 *	struct handoff_state *state;
 *
 * where the connection is:
 *	block its packets				a rule of slotd's program handoff
 *	handoff_capture(h, fd, &state)			fd is frozen (TCP_REPAIR)
 *	handoff_state_format(state, buffer, size)	and send it; it holds keys where TLS is used
 *	close(fd)					silent: nobody hears of it
 *   or	handoff_undo(h, fd)				as if nothing had been
 *
 * where it goes on:
 *	handoff_state_parse(buffer, size, &state)
 *	handoff_restore(h, state, local, &fd)		fd is frozen, and sends nothing
 *	let packets come here, when the other side has closed its socket
 *	handoff_resume(h, state, fd)			it sends, and is an ordinary socket
 *   or	close(fd)					silent
 *
 * The peer must not be able to reach either socket between capture and resume, as a frozen socket
 * takes data and acknowledges it, and no socket answers with a reset.
 *
 * To freeze and to thaw a socket wants CAP_NET_ADMIN. Who has not got it asks slotd's agent
 * (slotctl handoff repair) on a Unix socket; all else needs no right. That may wait for three
 * seconds, and is -ETIMEDOUT then and for the next five seconds. Functions return 0 or -errno and
 * print nothing; handoff_error() says in one line what went wrong. Outputs are untouched on
 * failure. A handle is for one thread at a time, a state may be read by many.
 * Linux 6.1 is enough.
 */
#ifndef HANDOFF_H
#define HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct handoff;
/* A connection that belongs to no socket. Only _unread() and _strip() write to one that was made. */
struct handoff_state;

/* handoff_new - a handle, to handoff_free(). NULL for lack of memory. */
struct handoff *handoff_new(void);

/* handoff_free - close the handle @h; NULL is fine. Sockets and states stay as they are. */
void handoff_free(struct handoff *h);

/* handoff_error - the line about what failed last, owned by @h; "" when nothing has. */
const char *handoff_error(const struct handoff *h);

/*
 * handoff_set_agent - ask the agent at the Unix socket @path, which is copied, and not the kernel,
 * to freeze and to thaw. Without this the kernel is asked, and, where that says EPERM, the agent
 * at $HANDOFF_AGENT, else /run/slotd-handoff/repair.sock. Returns 0, -EINVAL for a path that is too
 * long, or -ENOMEM.
 */
int handoff_set_agent(struct handoff *h, const char *path);

/*
 * handoff_check - whether it is of any use to block the peer of @fd for handoff_capture(): of what
 * that refuses, what can be told beforehand, with the same errors. Under kTLS a record that was begun
 * (MSG_MORE) is ended.
 */
int handoff_check(struct handoff *h, int fd);

/*
 * handoff_capture - freeze the connected TCP socket @fd and take its connection: both endpoints,
 * sequence numbers, windows, negotiated options, what was sent and not acknowledged, what was
 * not sent, what was not read, the socket options that libhandoff(3) lists, and, under kTLS, both
 * keys. @fd remains the caller's, frozen: to be closed, which is silent, or to handoff_undo().
 * *ret_state is to handoff_state_free().
 *
 * Returns 0, and otherwise leaves the socket as it was: -EAGAIN where it may be tried again (kTLS
 * amid a record, or with bytes that the peer has not acknowledged; a peer that is still sending),
 * -EINVAL for what is no TCP socket, -ENOTCONN where there is no connection, -ESHUTDOWN where its
 * own side was shut down for writing, -EOPNOTSUPP for what cannot be taken (an IPv6 address of one
 * link, a cipher, a kTLS that the device does, a ULP that is not TLS, kTLS of one direction), -EFBIG
 * for more than HANDOFF_QUEUE_MAX bytes in a queue, -EPERM without the right and without an agent,
 * or what the agent said.
 */
int handoff_capture(struct handoff *h, int fd, struct handoff_state **ret_state);

/*
 * handoff_undo - thaw @fd after handoff_capture(): the connection goes on in it. Returns 0 or
 * -errno.
 */
int handoff_undo(struct handoff *h, int fd);

/* handoff_is_frozen - whether @fd is a socket of TCP that was captured, or restored, and not thawed. */
bool handoff_is_frozen(int fd);

/*
 * handoff_restore - make a socket of @state that is bound to @local: its address must be one of
 * this host's and its family that of the connection. A port of 0 is one that the kernel
 * chooses; NULL stands for where the connection was. *ret_fd is frozen, non-blocking and
 * close-on-exec, the caller's to close, which is silent, or to handoff_resume().
 *
 * Returns 0, -EAFNOSUPPORT for a @local of the other family, -EADDRNOTAVAIL where the host has no
 * such address, or another socket these four numbers, -EOPNOTSUPP where the kernel has no kTLS
 * or not this cipher, -EPERM without the right and without an agent, or -errno.
 */
int handoff_restore(struct handoff *h, const struct handoff_state *state,
		    const struct sockaddr *local, int *ret_fd);

/*
 * handoff_resume - thaw @fd, which handoff_restore() made of @state: what the other socket had
 * not sent is sent, and the peer is asked to say how far it is. Returns 0, -EPERM for one that
 * was thawed before, or -errno; @fd is then of no use but to be closed.
 */
int handoff_resume(struct handoff *h, const struct handoff_state *state, int fd);

/*
 * handoff_probe - the peer of @fd, which is frozen, is asked to say how far it is; nothing that is
 * queued is sent, and @fd is frozen again. For who does not know whether anybody has a
 * connection, with a socket restored of a state after handoff_state_strip() and bound to another
 * port, which packets leave in the name of the connection's own: the peer's answer goes to who
 * has it, and otherwise to a stack that resets it. Returns 0 or -errno.
 */
int handoff_probe(struct handoff *h, int fd);

/* --- states ------------------------------------------------------------------------------------ */

/* The most bytes that either queue may hold. */
#define HANDOFF_QUEUE_MAX (16 << 20)
/* The most bytes of a state as handoff_state_format() writes it. */
#define HANDOFF_STATE_MAX (2 * HANDOFF_QUEUE_MAX + 4096)

/* handoff_state_free - wipe @state and free it; NULL is fine. */
void handoff_state_free(struct handoff_state *state);

/* handoff_state_size - the bytes that handoff_state_format() writes. */
size_t handoff_state_size(const struct handoff_state *state);

/*
 * handoff_state_format - write @state to @buffer of @size bytes: versioned, of known length, all
 * numbers in network byte order. With keys where has_tls: to be kept, sent and wiped like such.
 * Returns 0 or -ENOSPC where @size is less than handoff_state_size().
 */
int handoff_state_format(const struct handoff_state *state, void *buffer, size_t size);

/*
 * handoff_state_strip - leave nothing of @state but numbers: no bytes, no keys. Of use to
 * handoff_probe() alone. To be done while nobody else has @state.
 */
void handoff_state_strip(struct handoff_state *state);

/*
 * handoff_state_unread - the @size bytes at @bytes, which the application has read last of this
 * connection, are unread again: handoff_restore() makes a socket that is read from their first
 * on. They are copied; to be done before anybody else has @state. The socket that was captured
 * stays as it is. Returns 0, -EOPNOTSUPP where has_tls (the kernel takes no bytes that were
 * decrypted), -EFBIG for more than HANDOFF_QUEUE_MAX bytes with those that are unread, or -ENOMEM.
 */
int handoff_state_unread(struct handoff_state *state, const void *bytes, size_t size);

/*
 * handoff_state_parse - read what handoff_state_format() wrote, from anybody: each length is
 * checked. *ret_state is a copy, to handoff_state_free(). Returns 0, -EPROTONOSUPPORT for another
 * version, -EBADMSG for what is none, or -ENOMEM.
 */
int handoff_state_parse(const void *buffer, size_t size, struct handoff_state **ret_state);

/* What a state is about. */
struct handoff_state_info {
	struct sockaddr_storage local; /* of the socket that was captured; IPv4 as AF_INET */
	struct sockaddr_storage peer;
	uint32_t unacked;    /* bytes: sent, but not acknowledged */
	uint32_t unsent;     /* bytes: written, but not sent */
	uint32_t unread;     /* bytes: received, but not read */
	bool has_tls;	     /* kTLS in both directions, with keys */
	bool is_peer_closed; /* the peer has sent all: reads end with 0 after @unread bytes */
};

/* handoff_state_get - what @state is about. */
void handoff_state_get(const struct handoff_state *state, struct handoff_state_info *ret_info);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
