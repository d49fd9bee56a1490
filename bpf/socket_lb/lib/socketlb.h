/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libsocketlb: a server that is restarted without a packet lost, by sockets of its own.
 *
 * The old and the new process each bind sockets of their own to the same address (SO_REUSEPORT);
 * a BPF program in a chain of slotd (hook sk_reuseport, program socket_lb) says which of them a
 * packet goes to. No descriptor is passed and nothing is said between the two: the new one
 * registers its sockets and announces itself, which is one update of a map, and from then on
 * new connections are its own, while packets of older ones still go to the old one.
 *
 *	struct socketlb *lb = socketlb_new();
 *
 *	if (!lb) ...out of memory...
 *	if (socketlb_open(lb, "web"))			the chain's title in slots.conf
 *		...socketlb_error(lb)...
 *	for each worker: socketlb_add(lb, fd, worker)	bound, or listening for TCP
 *	socketlb_announce(lb)				now new connections come here
 *	...serve, until socketlb_is_replaced(lb) == 1, looked at ten times a second or so;
 *	   -ESTALE: socketlb_open(), socketlb_add() and socketlb_announce() again...
 *	...go on with what there is, until socketlb_flows() and the own TCP connections are at 0...
 *	socketlb_leave(lb)				then close the sockets
 *
 * A process that dies at any point of this leaves the other one serving: sockets of the dead are
 * gone from the map with it, and its place is taken by the next that starts.
 *
 * A chain may have its maps made anew: by slotctl detach and apply, by --reset-map, by a socket_lb
 * of another layout. Then nothing is registered any more. Who serves is told by -ESTALE, within a
 * second, and opens, adds and announces again, which takes nothing from who was there first, and
 * where -EEXIST means that the socket is there; until the chain runs and has its VIPs again that
 * fails with -ENOENT and is to be repeated. Who drains has flows no more, and ends when its own
 * connections have. Who has given up the right to look at the pins (another user, a mount namespace
 * of its own) is not told, and cannot come back: it is to be restarted. Where flows or counts
 * alone are made anew nobody is told, as nothing is to be done.
 *
 * No rights are needed but those that slotd gives the slot's owner on its maps. Functions return
 * 0 or more, or -errno, and print nothing; socketlb_error() says in one line what went wrong. A
 * handle is for one thread at a time. After fork() both processes may look at theirs, but one of
 * them adds sockets, announces and leaves: the other one's handle does not learn of it. Where no other
 * version is named, Linux 5.19 is enough.
 */
#ifndef SOCKETLB_H
#define SOCKETLB_H

#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct socketlb;

/* The worker of socketlb_add() that is the socket's position: the n-th added is worker n's. */
#define SOCKETLB_WORKER_ANY (~0U)

/* socketlb_new - a handle that is not open, to socketlb_free(). NULL for lack of memory. */
struct socketlb *socketlb_new(void);

/*
 * socketlb_free - close the handle @lb; NULL is fine. Sockets that were added stay where they
 * are until they are closed: to take them out before that is socketlb_leave().
 */
void socketlb_free(struct socketlb *lb);

/* socketlb_error - the line about what failed last, owned by @lb; "" when nothing has. */
const char *socketlb_error(const struct socketlb *lb);

/*
 * socketlb_set_paths - before socketlb_open(): where the chain's program is pinned and in
 * which folder the slot's maps are, for who does not ask slotd's usual places. Both are copied.
 * Returns 0 or -ENOMEM.
 */
int socketlb_set_paths(struct socketlb *lb, const char *program, const char *map_dir);

/*
 * socketlb_open - open, or open again, the program and the maps of the chain titled @chain (slots.conf). Pins
 * are below $SOCKETLB_BPFFS, else /sys/fs/bpf. Where the chain has other maps than at the time
 * before, no socket is added in them. Returns 0, -ENOENT where no such chain runs,
 * -EACCES where the maps belong to somebody else, -EPROTO for a socket_lb of another layout, or
 * -errno; then what was open before still is.
 */
int socketlb_open(struct socketlb *lb, const char *chain);

/*
 * socketlb_has_vip - whether sockets of the protocol @proto (IPPROTO_TCP, IPPROTO_UDP) that
 * are bound to @addr are the chain's: 1, 0, or -errno.
 */
int socketlb_has_vip(struct socketlb *lb, const struct sockaddr *addr, int proto);

/*
 * socketlb_count_vips - how many addresses the chain has for sockets, of any process: 0 or more,
 * or -errno.
 */
int socketlb_count_vips(struct socketlb *lb);

/*
 * socketlb_add - let the socket @fd have packets, as that of worker @worker: bound, with
 * SO_REUSEPORT set before that, and for TCP listening. Attaches the chain's program to the
 * group of sockets. The first call for a VIP claims one of its two instances, until a socket was
 * there and none is left, or the process dies before socketlb_announce(): so who becomes a daemon
 * does that first, and adds then. Packets come once socketlb_announce() was called; where it
 * was, at once.
 *
 * @fd remains the caller's; when it is closed the kernel takes it out. Returns 0 or -EINVAL for a
 * socket that is not as above, -ENOENT for an address that is no VIP of the chain, -EEXIST where
 * the socket is there, added before: so all is well after socketlb_open(). -EADDRINUSE where it is in a map already, another process's,
 * -ENOSPC for a worker beyond the last or where there is no place left, -EBUSY while both
 * instances of the VIP are in use (an old one that drains: try again later; who waits has no place
 * in a queue) or the maps are locked
 * by another process for ten seconds, -EOWNERDEAD where the instance was freed meanwhile, or is
 * another process's (socketlb_leave() and start anew), -ESTALE where the chain has other maps by
 * now (socketlb_open() and add again), or -errno. Where a VIP's first socket cannot be added, no
 * instance is claimed.
 */
int socketlb_add(struct socketlb *lb, int fd, unsigned int worker);

/*
 * socketlb_announce - from now on new connections come here: for each VIP that sockets were
 * added for, one update of one map. VIPs that were announced before stay as they are, so that who
 * was replaced meanwhile takes nothing back. Two that announce at once do so one after the other,
 * and the later one stays. Returns 0, -ENOENT where no socket was added, -EINVAL where none is
 * left of a VIP's, -EOWNERDEAD or -ESTALE as above, or -errno.
 */
int socketlb_announce(struct socketlb *lb);

/*
 * socketlb_is_replaced - whether a newer instance has taken over: 1, 0, or -errno. It has when
 * all VIPs of this one lead to it that it has sockets for; one that it has none for holds nobody
 * back. Three looks into maps for each VIP, and as many as an instance has room for sockets while
 * the other instance serves or drains: cheap enough for ten times a second. Where the newer one
 * is found to have no socket left, as it died, this one is announced again and is not replaced.
 * -ESTALE: sockets are registered in maps that the chain has no more; looked at once a second.
 */
int socketlb_is_replaced(struct socketlb *lb);

/* socketlb_wait - the same, waited for at most @timeout_ms milliseconds (-1: for ever). */
int socketlb_wait(struct socketlb *lb, int timeout_ms);

/*
 * socketlb_flows - how many UDP flows began with this instance and were heard of within the
 * VIP's memory (slotctl socket_lb vip). Connections of QUIC that are past their handshake, and
 * those of TCP, are known to the server alone. Returns 0, -ESTALE as socketlb_is_replaced(), or
 * -errno.
 */
int socketlb_flows(struct socketlb *lb, uint64_t *ret_flows);

/*
 * socketlb_leave - take the sockets out of the map and free the place. Who is active and
 * leaves refuses new connections from then on, unless another instance is there. Returns 0 or -errno; may be
 * repeated.
 */
int socketlb_leave(struct socketlb *lb);

/* --- connection ids of QUIC ------------------------------------------------------------------ */

/* What socketlb_cid_write() puts into an id, for one socket's VIP. Nothing in here is to be written. */
struct socketlb_cid {
	uint8_t opaque[40];
};

/*
 * socketlb_cid_get - how ids of the VIP that @fd is bound to are laid out, and which process
 * bit is this instance's. After socketlb_add(). Returns 0, -ENOENT before that, -ENOTSUP
 * where the VIP's mode is not quic, or -errno.
 */
int socketlb_cid_get(struct socketlb *lb, int fd, struct socketlb_cid *ret_cid);

/* socketlb_cid_length - the shortest id, in bytes, that has room for what is written into it. */
size_t socketlb_cid_length(const struct socketlb_cid *cid);

/*
 * socketlb_cid_write - write this instance's process bit and @worker into the connection id @id
 * of @len bytes, which the server filled: with random bits, and with its server id where it has
 * one. Where the id's first bits name no version (mvfst) or config (QUIC-LB) of the layout, the
 * first one is written too that @len has room for; all other bits stay. Every id that a
 * server gives to its peers needs this. Returns 0, -EINVAL for fewer bytes than
 * socketlb_cid_length() or more than 20 (RFC 9000, 17.2), -ERANGE for a worker that does not fit.
 */
int socketlb_cid_write(const struct socketlb_cid *cid, unsigned int worker, uint8_t *id,
		       size_t len);

/*
 * socketlb_cid_parse - read both out of @id again. Returns 0, or -EINVAL where it is too
 * short, too long or of no version that the layout knows.
 */
int socketlb_cid_parse(const struct socketlb_cid *cid, const uint8_t *id, size_t len,
		       unsigned int *ret_process, unsigned int *ret_worker);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
