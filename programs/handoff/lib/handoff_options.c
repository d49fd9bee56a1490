/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket options that go along with a connection. */
#include <errno.h>
#include <string.h>

#include <linux/tcp.h>

#include "programs/handoff/lib/handoff_socket.h"

/* By enum handoff_option, but for the last. All that may be 0 are 0 of a new socket. */
static const struct {
	int level, name;
} numbers[HANDOFF_TOS] = {
	[HANDOFF_NODELAY] = { IPPROTO_TCP, TCP_NODELAY },
	[HANDOFF_KEEPALIVE] = { SOL_SOCKET, SO_KEEPALIVE },
	[HANDOFF_KEEPIDLE] = { IPPROTO_TCP, TCP_KEEPIDLE },
	[HANDOFF_KEEPINTVL] = { IPPROTO_TCP, TCP_KEEPINTVL },
	[HANDOFF_KEEPCNT] = { IPPROTO_TCP, TCP_KEEPCNT },
	[HANDOFF_USER_TIMEOUT] = { IPPROTO_TCP, TCP_USER_TIMEOUT },
	[HANDOFF_NOTSENT_LOWAT] = { IPPROTO_TCP, TCP_NOTSENT_LOWAT },
};

int handoff_socket_get(int fd, int level, int name, int *ret_value)
{
	socklen_t len = sizeof(*ret_value);

	return getsockopt(fd, level, name, ret_value, &len) ? -errno : 0;
}

int handoff_socket_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int tos_level(const struct handoff_state *state)
{
	return state->local.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

static int tos_name(const struct handoff_state *state)
{
	return state->local.ss_family == AF_INET6 ? IPV6_TCLASS : IP_TOS;
}

int handoff_options_take(int fd, struct handoff_state *state, struct slot_reason *why)
{
	socklen_t len = sizeof(state->congestion);
	int send_room = 0, recv_room = 0, err = 0;

	for (int i = 0; !err && i < HANDOFF_TOS; i++)
		err = handoff_socket_get(fd, numbers[i].level, numbers[i].name, &state->options[i]);
	if (!err)
		err = handoff_socket_get(fd, tos_level(state), tos_name(state),
					 &state->options[HANDOFF_TOS]);
	err = err ? err : handoff_socket_get(fd, SOL_SOCKET, SO_SNDBUF, &send_room);
	err = err ? err : handoff_socket_get(fd, SOL_SOCKET, SO_RCVBUF, &recv_room);
	if (!err && getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, state->congestion, &len))
		err = -errno;
	state->congestion[sizeof(state->congestion) - 1] = '\0';
	state->send_room = (uint32_t)send_room;
	state->recv_room = (uint32_t)recv_room;
	return err ? slot_reason_set(why, err, "cannot read the socket's options: %s",
				     strerror(-err)) :
		     0;
}

static void put_congestion(int fd, const struct handoff_state *state)
{
	char own[HANDOFF_CONGESTION_MAX] = "";
	socklen_t len = sizeof(own);

	if (!*state->congestion || (!getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, own, &len) &&
				    !strncmp(own, state->congestion, sizeof(own))))
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, state->congestion,
		   (socklen_t)strlen(state->congestion));
}

void handoff_options_put(int fd, const struct handoff_state *state)
{
	for (int i = 0; i < HANDOFF_TOS; i++)
		if (state->options[i])
			handoff_socket_set(fd, numbers[i].level, numbers[i].name,
					   state->options[i]);
	if (state->options[HANDOFF_TOS])
		handoff_socket_set(fd, tos_level(state), tos_name(state),
				   state->options[HANDOFF_TOS]);
	put_congestion(fd, state);
}
