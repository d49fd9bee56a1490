/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses, ports and steps of rules in words. Pure. */
#ifndef HANDOFF_WORDS_H
#define HANDOFF_WORDS_H

#include "loader/lib/base/reason.h"
#include "programs/handoff/handoff_abi.h"

/* "[ffff:...]:65535", with its NUL. */
#define HANDOFF_WORDS_MAX 64

/*
 * handoff_address_parse - "192.0.2.1:80", "[2001:db8::1]:80"; an IPv4-mapped address is the IPv4
 * one. Returns 0, or -EINVAL and says what would be accepted.
 */
int handoff_address_parse(const char *text, struct slot_reason *why, __be32 ret_address[4],
			  __be16 *ret_port);

/* handoff_address_format - the same words. */
void handoff_address_format(const __be32 address[4], __be16 port, char ret_text[HANDOFF_WORDS_MAX]);

/* handoff_key_parse - the key of @client and @local, as words. Returns 0 or -EINVAL; says why. */
int handoff_key_parse(const char *client, const char *local, struct slot_reason *why,
		      struct handoff_key *ret_key);

/* handoff_id_parse - up to 16 hexadecimal digits, not 0. Returns 0 or -EINVAL; says why. */
int handoff_id_parse(const char *text, struct slot_reason *why, __u64 *ret_id);

/* handoff_ingress_name, handoff_egress_name - "unknown" for what is none. */
const char *handoff_ingress_name(__u32 ingress);
const char *handoff_egress_name(__u32 egress);

#endif
