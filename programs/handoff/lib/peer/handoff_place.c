/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of connections as hosts name them to each other. Pure. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_address.h"

int handoff_place_set(const struct sockaddr_storage *from, struct handoff_place *ret_place)
{
	__be32 address[4];
	__be16 port;
	int err = handoff_address_set((const struct sockaddr *)from, address, &port);

	if (err)
		return err;
	memcpy(ret_place->addr, address, sizeof(ret_place->addr));
	ret_place->port = ntohs(port);
	return 0;
}

void handoff_place_get(const struct handoff_place *place, struct sockaddr_storage *ret_to)
{
	__be32 address[4];

	memcpy(address, place->addr, sizeof(address));
	handoff_address_get(address, htons(place->port), ret_to);
}

void handoff_place_key(const struct handoff_place *client, const struct handoff_place *here,
		       struct handoff_key *ret_key)
{
	memcpy(ret_key->client, client->addr, sizeof(ret_key->client));
	memcpy(ret_key->local, here->addr, sizeof(ret_key->local));
	ret_key->client_port = htons(client->port);
	ret_key->local_port = htons(here->port);
}

void handoff_place_format(const struct sockaddr_storage *at, char ret_text[HANDOFF_PLACE_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "";
	__be32 bytes[4];
	__be16 port;

	if (handoff_address_set((const struct sockaddr *)at, bytes, &port)) {
		snprintf(ret_text, HANDOFF_PLACE_TEXT, "no address of IP");
		return;
	}
	if (handoff_address_is_ip4(bytes)) {
		inet_ntop(AF_INET, &bytes[HANDOFF_MAPPED_WORD + 1], address, sizeof(address));
		snprintf(ret_text, HANDOFF_PLACE_TEXT, "%s:%u", address, ntohs(port));
	} else {
		inet_ntop(AF_INET6, bytes, address, sizeof(address));
		snprintf(ret_text, HANDOFF_PLACE_TEXT, "[%s]:%u", address, ntohs(port));
	}
}
