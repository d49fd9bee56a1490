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

struct lib_bed {
	struct sl_bed bed;
	struct sl_vip_key tcp, udp, quic;
};

/* lib_bed_open - with its program pinned; the first enters the netns, which needs root. */
void lib_bed_open(struct lib_bed *lib);
void lib_bed_close(struct lib_bed *lib);

/* lib_bed_handle - an open one; the caller's to free. */
struct socketlb *lib_bed_handle(void);

/* lib_bed_add - a new socket of @vip, which the caller closes, has been added. */
int lib_bed_add(const struct lib_bed *lib, struct socketlb *lb, const struct sl_vip_key *vip);
void lib_bed_announce(struct socketlb *lb);

/* lib_bed_failed - @err is @expected, and the handle's one line has @words. */
void lib_bed_failed(const struct socketlb *lb, int err, int expected, const char *words);

#endif
