/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int socketlb_socket_key(const struct sockaddr *addr, int proto, struct sl_vip_key *ret_key)
{
	struct sl_vip_key key = { .proto = (__u8)proto };
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (addr->sa_family == AF_INET) {
		memcpy(&in, addr, sizeof(in));
		memcpy(key.addr, &in.sin_addr, sizeof(in.sin_addr));
		key.port = in.sin_port;
		key.family = 4;
	} else if (addr->sa_family == AF_INET6) {
		memcpy(&in6, addr, sizeof(in6));
		memcpy(key.addr, &in6.sin6_addr, sizeof(in6.sin6_addr));
		key.port = in6.sin6_port;
		key.family = 6;
	} else {
		return -EAFNOSUPPORT;
	}
	*ret_key = key;
	return 0;
}

static int get_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

static int refuse(struct slot_reason *why, const char *text)
{
	return slot_reason_set(why, -EINVAL, "cannot add a socket: %s", text);
}

/* What is wrong is told here, as the kernel has one error for all of it. */
int socketlb_socket_check(int fd, struct slot_reason *why, struct sl_vip_key *ret_key)
{
	int proto = get_option(fd, SO_PROTOCOL);
	struct sockaddr_storage addr = {};
	socklen_t len = sizeof(addr);
	struct sl_vip_key key;

	if (proto < 0 || getsockname(fd, (struct sockaddr *)&addr, &len))
		return refuse(why, strerror(errno));
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return refuse(why, "it is neither TCP nor UDP");
	if (socketlb_socket_key((struct sockaddr *)&addr, proto, &key))
		return refuse(why, "it is neither IPv4 nor IPv6");
	if (!key.port)
		return refuse(why, "it is not bound");
	if (get_option(fd, SO_REUSEPORT) != 1)
		return refuse(why, "it has no SO_REUSEPORT, which has to be set before bind()");
	if (proto == IPPROTO_TCP && get_option(fd, SO_ACCEPTCONN) != 1)
		return refuse(why, "it does not listen");
	*ret_key = key;
	return 0;
}
