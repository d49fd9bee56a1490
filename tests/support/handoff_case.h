/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections, their packets, and handoff with handoff_out to run them through. */
#ifndef TEST_HANDOFF_CASE_H
#define TEST_HANDOFF_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "programs/handoff/maps/handoff_rules.h"
#include "tests/support/packet.h"
#include "tests/support/progrun.h"

struct bpf_object;

/* Both programs, loaded, with one table. */
struct handoff_pair {
	struct bpf_object *in, *out;
	struct handoff_rules rules;
};

void handoff_pair_open(struct handoff_pair *bed);
void handoff_pair_close(struct handoff_pair *bed);
/* What program and counter have counted, packets; @is_out: of handoff_out. */
uint64_t handoff_pair_count(const struct handoff_pair *bed, bool is_out, unsigned int counter);

/* What a packet is made of. Addresses are in words, ports in the host's order. */
struct handoff_spec {
	const char *src, *dst;
	uint16_t sport, dport;
	bool is_ip6;
	unsigned int tags; /* of VLANs */
	size_t options;	   /* bytes of TCP, a multiple of 4 */
	size_t payload;
	uint8_t flags;	   /* of TCP */
	uint32_t seq, ack; /* in the host's order */
	unsigned char dst_mac[6], src_mac[6];
};

#define HANDOFF_FIN 0x01
#define HANDOFF_SYN 0x02
#define HANDOFF_RST 0x04
#define HANDOFF_ACK 0x10

/* handoff_spec_build - the packet of @spec from nothing, all lengths and checksums made anew. */
void handoff_spec_build(const struct handoff_spec *spec, struct packet *ret_p);

/* The key of what comes in as @spec says. */
struct handoff_key handoff_spec_key(const struct handoff_spec *spec);

/* An address in words and a port as rules have them. */
void handoff_address(const char *address, uint16_t port, __be32 ret_address[4], __be16 *ret_port);

#endif
