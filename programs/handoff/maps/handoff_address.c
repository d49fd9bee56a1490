/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_address.h"

#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

bool handoff_address_is_ip4(const __be32 address[4])
{
	return !address[0] && !address[1] && address[HANDOFF_MAPPED_WORD] == htonl(0xffff);
}

int handoff_address_set(const struct sockaddr *from, __be32 ret_address[4], __be16 *ret_port)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *in = (const struct sockaddr_in *)from;

	if (from->sa_family == AF_INET6) {
		memcpy(ret_address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		*ret_port = in6->sin6_port;
		return 0;
	}
	if (from->sa_family != AF_INET)
		return -EAFNOSUPPORT;
	memset(ret_address, 0, sizeof(struct in6_addr));
	ret_address[HANDOFF_MAPPED_WORD] = htonl(0xffff);
	ret_address[HANDOFF_MAPPED_WORD + 1] = in->sin_addr.s_addr;
	*ret_port = in->sin_port;
	return 0;
}

void handoff_address_get(const __be32 address[4], __be16 port, struct sockaddr_storage *ret_to)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_to;
	struct sockaddr_in *in = (struct sockaddr_in *)ret_to;

	*ret_to = (struct sockaddr_storage){};
	if (handoff_address_is_ip4(address)) {
		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = address[HANDOFF_MAPPED_WORD + 1];
		return;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = port;
	memcpy(&in6->sin6_addr, address, sizeof(in6->sin6_addr));
}

int handoff_key_set(const struct sockaddr *client, const struct sockaddr *local,
		    struct handoff_key *ret_key)
{
	struct handoff_key key = {};
	int err = handoff_address_set(client, key.client, &key.client_port);

	err = err ? err : handoff_address_set(local, key.local, &key.local_port);
	if (!err && handoff_address_is_ip4(key.client) != handoff_address_is_ip4(key.local))
		err = -EAFNOSUPPORT;
	if (!err)
		*ret_key = key;
	return err;
}
