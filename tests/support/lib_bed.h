/* SPDX-License-Identifier: GPL-2.0-only */
/* libsocketlb at socket_lb's own bed: three VIPs, and handles as servers have them. */
#ifndef TEST_LIB_BED_H
#define TEST_LIB_BED_H

#include "bpf/socket_lb/lib/socketlb.h"
#include "tests/support/sl_bed.h"

#define LIB_BED_PROGRAM "/sys/fs/bpf/program"
#define LIB_BED_TCP "tcp/203.0.113.80:80"
#define LIB_BED_UDP "udp/203.0.113.80:80"
#define LIB_BED_QUIC "udp/203.0.113.80:443"

/* The VIPs' indexes, as they are added in this order. */
enum {
	INDEX_TCP,
	INDEX_UDP,
	INDEX_QUIC,
};

/* The VIPs of the case that is under way. */
extern struct lib_bed {
	struct sl_vip_key tcp, udp, quic;
} lib;

/*
 * lib_bed_set_up - sl_bed, with its program pinned. lib_bed_tear_down - with it go the handles and sockets
 * of the case. Both are for cmocka.
 */
int lib_bed_set_up(void **state);
int lib_bed_tear_down(void **state);

/* lib_bed_take_away - program and maps, until lib_bed_set_up() pins others; handles stay open. */
void lib_bed_take_away(void);

/* lib_bed_handle - an open one. */
struct socketlb *lib_bed_handle(void);

/* lib_bed_bind - a socket bound to @vip. lib_bed_add - and it has been added. */
int lib_bed_bind(const struct sl_vip_key *vip);
int lib_bed_add(struct socketlb *lb, const struct sl_vip_key *vip);
void lib_bed_announce(struct socketlb *lb);

/* lib_bed_failed - @err is @expected, and the handle's one line has @words. */
void lib_bed_failed(const struct socketlb *lb, int err, int expected, const char *words);

#endif
