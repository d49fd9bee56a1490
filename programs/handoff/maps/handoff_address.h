/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses as rules have them, in 16 bytes (handoff_abi.h), and as sockets do. Pure. */
#ifndef HANDOFF_ADDRESS_H
#define HANDOFF_ADDRESS_H

#include <stdbool.h>

#include <netinet/in.h>

#include "programs/handoff/handoff_abi.h"

/* handoff_address_is_ip4 - whether it is one of IPv4, mapped. */
bool handoff_address_is_ip4(const __be32 address[4]);

/* handoff_address_set - @from in 16 bytes, and its port. Returns 0 or -EAFNOSUPPORT. */
int handoff_address_set(const struct sockaddr *from, __be32 ret_address[4], __be16 *ret_port);

/* handoff_address_get - the same as an address of sockets, IPv4 as such. */
void handoff_address_get(const __be32 address[4], __be16 port, struct sockaddr_storage *ret_to);

/*
 * handoff_key_set - the key of a connection between @client and @local, each a struct
 * sockaddr_in or sockaddr_in6, IPv4-mapped or not. Returns 0, or -EAFNOSUPPORT for other
 * families, or two that differ.
 */
int handoff_key_set(const struct sockaddr *client, const struct sockaddr *local,
		    struct handoff_key *ret_key);

#endif
