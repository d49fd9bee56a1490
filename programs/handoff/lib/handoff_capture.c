/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <linux/tcp.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_handle.h"
#include "programs/handoff/lib/handoff_repair.h"
#include "programs/handoff/lib/handoff_socket.h"

/* States of a socket, as TCP_INFO has them. */
enum {
	STATE_ESTABLISHED = 1,
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

/*
 * What still comes in is dropped from now on, as if it had been lost, and neither taken nor
 * acknowledged. For packets that were past the block when that began. Every router takes one off
 * the TTL: none but a neighbour on the link that begins with 255 (Linux begins with 64) is heard
 * all the same. Who gives the connection compares TCP_INFO before and after (libhandoff_host does).
 */
#define TTL_OF_NONE 255

/* A cast to either level is fine: IPv4 packets of an IPv6 socket are told by the other one. */
static int set_deaf(int fd, int domain, bool is_deaf)
{
	int ttl = is_deaf ? TTL_OF_NONE : 0;
	int err = handoff_socket_set(fd, IPPROTO_IP, IP_MINTTL, ttl);

	if (!err && domain == AF_INET6)
		err = handoff_socket_set(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, ttl);
	return err;
}

/* A socket of IPv6 may have a connection of IPv4. */
static void unmap_address(struct sockaddr_storage *address)
{
	const struct sockaddr_in6 ip6 = *(struct sockaddr_in6 *)address;
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = ip6.sin6_port };

	if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&ip6.sin6_addr))
		return;
	memcpy(&ip4.sin_addr, &ip6.sin6_addr.s6_addr[12], sizeof(ip4.sin_addr));
	*address = (struct sockaddr_storage){};
	memcpy(address, &ip4, sizeof(ip4));
}

/* Another host knows neither that link nor the interface that is meant here. */
static bool is_of_one_link(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)address;

	return address->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ip6->sin6_addr);
}

static int take_endpoints(int fd, struct handoff_state *state, struct slot_reason *why)
{
	socklen_t local_len = sizeof(state->local), peer_len = sizeof(state->peer);

	if (getsockname(fd, (struct sockaddr *)&state->local, &local_len) ||
	    getpeername(fd, (struct sockaddr *)&state->peer, &peer_len))
		return slot_reason_set(why, -errno, "cannot tell the connection's addresses: %s",
				       strerror(errno));
	unmap_address(&state->local);
	unmap_address(&state->peer);
	if (is_of_one_link(&state->local) || is_of_one_link(&state->peer))
		return slot_reason_set(why, -EOPNOTSUPP,
				       "an address of the connection is good for one link alone");
	return 0;
}

static int check_state(int fd, struct handoff_state *state, struct handoff_sent *ret_sent,
		       struct slot_reason *why)
{
	struct tcp_info info = {};
	struct pollfd hang_up = { .fd = fd, .events = POLLRDHUP };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return slot_reason_set(why, -errno, "TCP_INFO: %s", strerror(errno));
	switch (info.tcpi_state) {
	case STATE_ESTABLISHED:
	case STATE_CLOSE_WAIT:
		/* Of one that was restored after the peer's end only its shutdown tells. */
		poll(&hang_up, 1, 0);
		state->is_peer_closed = hang_up.revents & POLLRDHUP ? 1 : 0;
		*ret_sent = handoff_repair_sent(&info);
		return 0;
	case STATE_FIN_WAIT1:
	case STATE_FIN_WAIT2:
	case STATE_LAST_ACK:
	case STATE_CLOSING:
		return slot_reason_set(
			why, -ESHUTDOWN,
			"the connection was shut down on this side: its end is on its "
			"way and cannot be captured");
	default:
		return slot_reason_set(why, -ENOTCONN,
				       "the socket has no connection (TCP state %u)",
				       info.tcpi_state);
	}
}

/* What a frozen socket is told by is not to be used by the application itself. */
static int check_ttl(int fd, int domain, struct slot_reason *why)
{
	int ip4 = 0, ip6 = 0;
	int err = handoff_socket_get(fd, IPPROTO_IP, IP_MINTTL, &ip4);

	if (!err && domain == AF_INET6)
		err = handoff_socket_get(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &ip6);
	if (err)
		return slot_reason_set(why, err, "IP_MINTTL: %s", strerror(-err));
	return ip4 || ip6 ?
		       slot_reason_set(why, -EOPNOTSUPP,
				       "the socket has an IP_MINTTL of its own, or is captured "
				       "already") :
		       0;
}

/* All that can be told of a socket that goes on. */
static int check(int fd, struct handoff_state *state, int *ret_family,
		 struct handoff_sent *ret_sent, struct slot_reason *why)
{
	int family = handoff_socket_family(fd), err;

	if (!family)
		return slot_reason_set(why, -EINVAL, "descriptor %d is no socket of TCP over IP",
				       fd);
	err = check_state(fd, state, ret_sent, why);
	err = err ? err : take_endpoints(fd, state, why);
	err = err ? err : check_ttl(fd, family, why);
	*ret_family = family;
	return err ? err : handoff_tls_check(fd, state, why);
}

static int take_frozen(struct handoff *h, int fd, const struct handoff_sent *before,
		       struct handoff_state *state)
{
	int err = handoff_tls_take(fd, state, &h->why);

	err = err ? err : handoff_repair_take(fd, before, state, &h->why);
	return err ? err : handoff_options_take(fd, state, &h->why);
}

static int give_order(struct handoff *h, int fd, enum handoff_act act, const char *what)
{
	struct handoff_order order = { .act = act };

	return handoff_handle_order(h, fd, &order, what);
}

/* The reason that is there already is the one to be read. */
static void take_back(struct handoff *h, int fd, int domain, bool is_frozen)
{
	struct slot_reason why = h->why;

	if (is_frozen && give_order(h, fd, HANDOFF_LEAVE_QUIETLY, "thaw"))
		slot_reason_append(&why, 0, "; and the socket stays frozen: %s", h->why.text);
	h->why = why;
	set_deaf(fd, domain, false);
}

int handoff_check(struct handoff *h, int fd)
{
	struct handoff_state unused = {};
	struct handoff_sent sent;
	int family;

	return check(fd, &unused, &family, &sent, &h->why);
}

int handoff_capture(struct handoff *h, int fd, struct handoff_state **ret_state)
{
	_cleanup_(handoff_state_cleanup) struct handoff_state *state = handoff_state_new();
	struct handoff_sent before = {};
	bool is_frozen = false;
	int err, family = 0;

	if (!state)
		return slot_reason_set(&h->why, -ENOMEM, "out of memory");
	err = check(fd, state, &family, &before, &h->why);
	if (err)
		return err;
	err = set_deaf(fd, family, true);
	err = err ? slot_reason_set(&h->why, err, "IP_MINTTL: %s", strerror(-err)) :
		    give_order(h, fd, HANDOFF_ENTER, "freeze");
	is_frozen = !err;
	err = err ? err : take_frozen(h, fd, &before, state);
	if (err) {
		take_back(h, fd, family, is_frozen);
		return err;
	}
	*ret_state = TAKE_PTR(state);
	return 0;
}

int handoff_undo(struct handoff *h, int fd)
{
	int domain = 0, err = handoff_socket_get(fd, SOL_SOCKET, SO_DOMAIN, &domain);

	err = err ? err : set_deaf(fd, domain, false);
	if (err)
		return slot_reason_set(&h->why, err, "cannot thaw descriptor %d: %s", fd,
				       strerror(-err));
	return give_order(h, fd, HANDOFF_LEAVE, "thaw");
}
