/* SPDX-License-Identifier: GPL-2.0-only */
/* fw_egress and a firewall that knows its flows, for packets out and back. */
#ifndef TEST_FW_FLOW_CASE_H
#define TEST_FW_FLOW_CASE_H

#include <stdbool.h>

#include "tests/support/packet.h"

struct bpf_object;

#define FW_HOST4 "192.0.2.1"
#define FW_PEER4 "203.0.113.7"
#define FW_HOST6 "2001:db8::1"
#define FW_PEER6 "2001:db8:1::7"

struct fw_flow_case {
	struct bpf_object *egress, *firewall;
	int egress_fd, firewall_fd;
};

/* fw_flow_case_open - both, loaded; the firewall denies by default, replies pass so long. */
struct fw_flow_case fw_flow_case_open(unsigned int reply_seconds);
void fw_flow_case_close(struct fw_flow_case *bed);

/* fw_flow_case_map - the map @name of the loaded @object; not owned. */
int fw_flow_case_map(struct bpf_object *object, const char *name);

/* The outer headers of a packet; @src has the family. */
void fw_flow_case_finish(struct packet *p, const char *src, const char *dst);

/* Whole packets, sent at once: a TCP segment with @flags, a datagram. */
void fw_flow_case_tcp(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport, uint8_t flags);
void fw_flow_case_udp(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport);

/* fw_flow_case_out - the host sends @p, which goes on as it is. */
void fw_flow_case_out(struct fw_flow_case *bed, struct packet *p);

/* fw_flow_case_in - @p comes in; it passes as a reply, or is dropped. */
void fw_flow_case_in(struct fw_flow_case *bed, struct packet *p, bool passes);

/* fw_flow_case_count - flows that are known. */
int fw_flow_case_count(struct fw_flow_case *bed);

#endif
