/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "loader/lib/base/endpoint.h"
#include "programs/handoff/maps/handoff_address.h"

#define ID_DIGITS 16

/* What is shared of words for sockets has the protocol in front. */
#define PROTO "tcp/"
#define PROTO_LEN (sizeof(PROTO) - 1)

int handoff_address_parse(const char *text, struct slot_reason *why, __be32 ret_address[4],
			  __be16 *ret_port)
{
	struct slot_endpoint endpoint;
	char words[SLOT_ENDPOINT_TEXT_MAX];

	if (snprintf(words, sizeof(words), PROTO "%s", text) >= (int)sizeof(words) ||
	    slot_endpoint_parse(words, &endpoint))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected an address and a port, 192.0.2.1:80 or "
				       "[2001:db8::1]:80",
				       text);
	memcpy(ret_address, endpoint.addr, sizeof(endpoint.addr));
	if (endpoint.family == 4) {
		memset(ret_address, 0, sizeof(endpoint.addr));
		ret_address[HANDOFF_MAPPED_WORD] = htonl(0xffff);
		memcpy(&ret_address[HANDOFF_MAPPED_WORD + 1], endpoint.addr,
		       sizeof(struct in_addr));
	}
	*ret_port = htons(endpoint.port);
	return 0;
}

void handoff_address_format(const __be32 address[4], __be16 port, char ret_text[HANDOFF_WORDS_MAX])
{
	struct slot_endpoint endpoint = { .family = 6, .proto = IPPROTO_TCP, .port = ntohs(port) };
	char words[SLOT_ENDPOINT_TEXT_MAX];

	if (handoff_address_is_ip4(address)) {
		endpoint.family = 4;
		memcpy(endpoint.addr, &address[HANDOFF_MAPPED_WORD + 1], sizeof(struct in_addr));
	} else {
		memcpy(endpoint.addr, address, sizeof(endpoint.addr));
	}
	slot_endpoint_format(&endpoint, words);
	snprintf(ret_text, HANDOFF_WORDS_MAX, "%s", words + PROTO_LEN);
}

int handoff_key_parse(const char *client, const char *local, struct slot_reason *why,
		      struct handoff_key *ret_key)
{
	struct handoff_key key = {};
	int err = handoff_address_parse(client, why, key.client, &key.client_port);

	err = err ? err : handoff_address_parse(local, why, key.local, &key.local_port);
	if (!err && handoff_address_is_ip4(key.client) != handoff_address_is_ip4(key.local))
		err = slot_reason_set(why, -EINVAL,
				      "'%.80s' and '%.80s': expected two addresses of one family",
				      client, local);
	if (!err)
		*ret_key = key;
	return err;
}

int handoff_id_parse(const char *text, struct slot_reason *why, __u64 *ret_id)
{
	size_t digits = strspn(text, "0123456789abcdef");
	unsigned long long id = 0;

	if (!digits || digits > ID_DIGITS || text[digits] || sscanf(text, "%llx", &id) != 1 || !id)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected the id of a handoff, 1 to 16 hexadecimal "
				       "digits",
				       text);
	*ret_id = id;
	return 0;
}

const char *handoff_ingress_name(__u32 ingress)
{
	static const char *const names[HANDOFF_INGRESS_COUNT] = {
		[HANDOFF_PASS] = "pass",
		[HANDOFF_BLOCK] = "block",
		[HANDOFF_REDIRECT] = "redirect",
	};

	return ingress < HANDOFF_INGRESS_COUNT ? names[ingress] : "unknown";
}

const char *handoff_egress_name(__u32 egress)
{
	static const char *const names[HANDOFF_EGRESS_COUNT] = {
		[HANDOFF_NONE] = "none",
		[HANDOFF_REWRITE] = "rewrite",
	};

	return egress < HANDOFF_EGRESS_COUNT ? names[egress] : "unknown";
}
