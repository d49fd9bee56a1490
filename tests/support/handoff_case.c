/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/handoff_case.h"

#include <string.h>

#include <arpa/inet.h>

#include <bpf/libbpf.h>

#include "programs/handoff/maps/handoff_address.h"
#include "programs/shared/counts.h"
#include "tests/support/tap.h"

#define TAG 0x2a
#define TCP_SEQ 4
#define TCP_ACK 8
#define TCP_DOFF 12
#define NOP 1

void handoff_pair_open(struct handoff_pair *bed)
{
	bed->in = progrun_open("bpf/handoff.bpf.o");
	bed->out = progrun_open("bpf/handoff_out.bpf.o");
	assert_non_null(bed->in);
	assert_non_null(bed->out);
	assert_int_equal(bpf_object__load(bed->in), 0);
	progrun_share(bed->out, bed->in);
	assert_int_equal(bpf_object__load(bed->out), 0);
	bed->rules.table = bpf_object__find_map_fd_by_name(bed->in, HANDOFF_RULES_NAME);
	assert_true(bed->rules.table >= 0);
}

void handoff_pair_close(struct handoff_pair *bed)
{
	bpf_object__close(bed->out);
	bpf_object__close(bed->in);
}

uint64_t handoff_pair_count(const struct handoff_pair *bed, bool is_out, unsigned int counter)
{
	const char *name = is_out ? HANDOFF_OUT_COUNTS_NAME : HANDOFF_COUNTS_NAME;
	int fd = bpf_object__find_map_fd_by_name(is_out ? bed->out : bed->in, name);
	struct slot_count counts[HANDOFF_COUNTS_SIZE];
	struct slot_reason why = {};

	assert_int_equal(program_counts_get(fd, HANDOFF_COUNTS_SIZE, &why, counts), 0);
	return counts[counter].packets;
}

void handoff_spec_build(const struct handoff_spec *spec, struct packet *ret_p)
{
	const struct packet_ip4 ip4 = { .src = spec->src, .dst = spec->dst };
	const struct packet_ip6 ip6 = { .src = spec->src, .dst = spec->dst };
	unsigned char bytes[PACKET_SIZE_MAX];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i < spec->options ? NOP : (unsigned char)(i * 7);
	packet_start(ret_p, bytes, spec->options + spec->payload);
	packet_tcp(ret_p, spec->sport, spec->dport, spec->flags);
	*(__be32 *)(packet_bytes(ret_p) + TCP_SEQ) = htonl(spec->seq);
	*(__be32 *)(packet_bytes(ret_p) + TCP_ACK) = htonl(spec->ack);
	packet_bytes(ret_p)[TCP_DOFF] = (unsigned char)((20 + spec->options) / 4 << 4);
	if (spec->is_ip6)
		packet_ip6(ret_p, &ip6);
	else
		packet_ip4(ret_p, &ip4);
	for (unsigned int i = 0; i < spec->tags; i++)
		packet_vlan(ret_p, (uint16_t)(TAG + i), 0x8100);
	packet_eth(ret_p);
	memcpy(packet_bytes(ret_p), spec->dst_mac, sizeof(spec->dst_mac));
	memcpy(packet_bytes(ret_p) + sizeof(spec->dst_mac), spec->src_mac, sizeof(spec->src_mac));
}

void handoff_address(const char *address, uint16_t port, __be32 ret_address[4], __be16 *ret_port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct sockaddr *from = (const struct sockaddr *)&in6;

	if (inet_pton(AF_INET6, address, &in6.sin6_addr) != 1) {
		assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
		from = (const struct sockaddr *)&in;
	}
	assert_int_equal(handoff_address_set(from, ret_address, ret_port), 0);
}

struct handoff_key handoff_spec_key(const struct handoff_spec *spec)
{
	struct handoff_key key = {};

	handoff_address(spec->src, spec->sport, key.client, &key.client_port);
	handoff_address(spec->dst, spec->dport, key.local, &key.local_port);
	return key;
}
