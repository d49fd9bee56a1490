/* SPDX-License-Identifier: GPL-2.0-only */
/* A load balancer with the setting `hwmark`, one VIP of each family, and what it told of flows. */
#ifndef TEST_MARKS_BED_H
#define TEST_MARKS_BED_H

#include "tests/support/lb_case.h"

struct ring_buffer;

#define MARKS_VIP "203.0.113.1"	     /* TCP, port 80, number 5 */
#define MARKS_VIP6 "2001:db8:113::1" /* UDP, all ports, number 6 */
#define MARKS_CLIENT "198.51.100.7"
#define MARKS_CLIENT6 "2001:db8:18::7"
#define MARKS_REAL 3 /* of both */
#define MARKS_THRESHOLD 32
#define MARKS_SECONDS 4
#define MARKS_EVENTS_MAX 8192

#define MARKS_SYN 0x02
#define MARKS_RST 0x04
#define MARKS_ACK 0x10

struct marks_bed {
	struct lb_case lb;
	struct lb_case_vip vip, vip6;
	struct ring_buffer *ring;
	struct lb_mark_pool *pool; /* this CPU's */
	struct lb_mark_event events[MARKS_EVENTS_MAX];
	unsigned int count;
};

/* marks_bed_config - destination marks, the threshold above, no rate to speak of. */
extern const struct lb_config marks_bed_config;

void marks_bed_open(struct marks_bed *bed, const struct lb_config *config);
void marks_bed_close(struct marks_bed *bed);

/* marks_bed_take - what was told since, into @bed->events; returns how many. */
unsigned int marks_bed_take(struct marks_bed *bed);

/* marks_bed_count - a counter of lb so far. */
__u64 marks_bed_count(const struct marks_bed *bed, enum lb_counter counter);

/* marks_bed_send - @packets times @p, each of which has to be sent. */
void marks_bed_send(const struct marks_bed *bed, struct packet *p, unsigned int packets);

/* marks_bed_tcp, marks_bed_udp6 - the same of the client's connection from port @sport. */
void marks_bed_tcp(const struct marks_bed *bed, __u16 sport, __u8 flags, unsigned int packets);
void marks_bed_udp6(const struct marks_bed *bed, __u16 sport, __u16 dport, unsigned int packets);

/* marks_bed_candidates - calls @change for each place of each CPU, and keeps what it made of it. */
void marks_bed_candidates(const struct marks_bed *bed, void (*change)(struct lb_candidate *flow));

#endif
