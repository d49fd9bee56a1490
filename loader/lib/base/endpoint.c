/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/number.h"

static int parse_proto(const char *text, __u8 *ret_proto)
{
	if (!strncmp(text, "tcp/", 4))
		*ret_proto = IPPROTO_TCP;
	else if (!strncmp(text, "udp/", 4))
		*ret_proto = IPPROTO_UDP;
	else
		return -EINVAL;
	return 0;
}

/* ADDRESS:PORT, an IPv6 address in brackets. */
static int parse_bound(const char *text, struct slot_endpoint *endpoint)
{
	bool is_ip6 = *text == '[';
	const char *start = text + is_ip6, *end = strchr(start, is_ip6 ? ']' : ':');
	char address[INET6_ADDRSTRLEN];
	__u32 port = 0;

	if (!end || (size_t)(end - start) >= sizeof(address))
		return -EINVAL;
	memcpy(address, start, (size_t)(end - start));
	address[end - start] = '\0';
	endpoint->family = is_ip6 ? 6 : 4;
	if (inet_pton(is_ip6 ? AF_INET6 : AF_INET, address, endpoint->addr) != 1)
		return -EINVAL;
	end += is_ip6;
	if (*end != ':' || slot_digits_parse(end + 1, UINT16_MAX, &port) || !port)
		return -EINVAL;
	endpoint->port = (__u16)port;
	return 0;
}

int slot_endpoint_parse(const char *text, struct slot_endpoint *ret_endpoint)
{
	struct slot_endpoint endpoint = {};
	int err = parse_proto(text, &endpoint.proto);

	err = err ? err : parse_bound(text + 4, &endpoint);
	if (!err)
		*ret_endpoint = endpoint;
	return err;
}

void slot_endpoint_format(const struct slot_endpoint *endpoint,
			  char ret_text[SLOT_ENDPOINT_TEXT_MAX])
{
	const char *proto = endpoint->proto == IPPROTO_TCP ? "tcp" : "udp";
	bool is_ip6 = endpoint->family == 6;
	char address[INET6_ADDRSTRLEN];

	inet_ntop(is_ip6 ? AF_INET6 : AF_INET, endpoint->addr, address, sizeof(address));
	if (!endpoint->port)
		snprintf(ret_text, SLOT_ENDPOINT_TEXT_MAX, "%s/%s", proto, address);
	else
		snprintf(ret_text, SLOT_ENDPOINT_TEXT_MAX, is_ip6 ? "%s/[%s]:%u" : "%s/%s:%u",
			 proto, address, endpoint->port);
}
