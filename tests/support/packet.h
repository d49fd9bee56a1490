/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets for tests, built from the inside out: payload first, then each header
 * in front of what is there, with right lengths and checksums.
 *
 *	packet_start(&p, "hello", 5);
 *	packet_udp(&p, 1000, 53);
 *	packet_ip4(&p, &(struct packet_ip4){ .src = "192.0.2.1", .dst = "192.0.2.2" });
 *	packet_eth(&p);
 */
#ifndef TEST_PACKET_H
#define TEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* BPF_PROG_TEST_RUN takes less than a page. */
#define PACKET_SIZE_MAX 2048

#define PACKET_MAC_SRC "\x02\x00\x00\x00\x00\x01"
#define PACKET_MAC_DST "\x02\x00\x00\x00\x00\x02"

struct packet {
	unsigned char room[PACKET_SIZE_MAX];
	size_t start; /* of the first byte in room */
	size_t len;
	uint16_t ethertype; /* of what is in front, host byte order */
	uint8_t proto;	    /* the same as IPPROTO_*, for the next IP header */

	/* A transport checksum that waits for the addresses: 0 or IPPROTO_*, and where. */
	uint8_t sum_proto;
	size_t sum_start;
	size_t sum_at;
};

struct packet_ip4 {
	const char *src, *dst;
	uint8_t tos;
	uint8_t ttl;	    /* 0: 64 */
	uint8_t proto;	    /* 0: what is in front */
	uint16_t fragment;  /* the header's flags and offset word, host byte order */
	size_t options_len; /* a multiple of 4, filled with no-operation options */
};

struct packet_ip6 {
	const char *src, *dst;
	uint8_t traffic_class;
	uint8_t hop_limit; /* 0: 64 */
	uint8_t proto;	   /* 0: what is in front */
};

void packet_start(struct packet *p, const void *payload, size_t len);

/* packet_bytes - the first byte; the packet's own memory, of p->len bytes. */
unsigned char *packet_bytes(struct packet *p);

/* packet_push - @len zeroed bytes more in front; returns where they begin. */
unsigned char *packet_push(struct packet *p, size_t len);

/* Transport headers; the IP header in front of them completes their checksum. */
void packet_udp(struct packet *p, uint16_t src_port, uint16_t dst_port);
void packet_tcp(struct packet *p, uint16_t src_port, uint16_t dst_port, uint8_t flags);
void packet_icmp(struct packet *p, uint8_t type, uint8_t code);
void packet_icmp6(struct packet *p, uint8_t type, uint8_t code);

/* packet_ip6_ext - an extension header of type @proto, @len bytes long (a multiple of 8). */
void packet_ip6_ext(struct packet *p, uint8_t proto, size_t len);
/* packet_ip6_auth - an authentication header, whose length counts otherwise. */
void packet_ip6_auth(struct packet *p, size_t len);
/* packet_ip6_fragment - a fragment header; @offset in bytes, a multiple of 8. */
void packet_ip6_fragment(struct packet *p, uint16_t offset, bool has_more);

void packet_ip4(struct packet *p, const struct packet_ip4 *spec);
void packet_ip6(struct packet *p, const struct packet_ip6 *spec);
void packet_vlan(struct packet *p, uint16_t tci, uint16_t tpid);
void packet_eth(struct packet *p);

/* packet_cut - shorten to @len bytes; no length or checksum is changed. */
void packet_cut(struct packet *p, size_t len);
/* packet_pad - append zeros up to @len bytes, as senders of short frames do; comes last. */
void packet_pad(struct packet *p, size_t len);

/* packet_sum - the Internet checksum over @len bytes added to @sum, not yet folded. */
uint32_t packet_sum(uint32_t sum, const void *bytes, size_t len);
uint16_t packet_sum_fold(uint32_t sum);

#endif
