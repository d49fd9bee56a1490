/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client and a server in a network namespace of the test, and a gate between them: a
 * connection is moved from socket to socket on one host, where nothing but the gate keeps the
 * client's packets from finding none. For one test at a time; fails by cmocka.
 */
#ifndef TEST_HANDOFF_BED_H
#define TEST_HANDOFF_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "programs/handoff/lib/handoff.h"
#include "tests/support/handoff_gate.h"

#define HANDOFF_BED_IP4 "192.0.2.1"
#define HANDOFF_BED_IP6 "2001:db8::1"

struct handoff_bed {
	struct handoff *handoff;
	struct handoff_gate *gate; /* the map's own memory */
	int family;
	struct sockaddr_storage address; /* the server's */
	socklen_t address_len;
	int listener, client, server;
};

/*
 * handoff_bed_open - the first time in a process the namespace, with @commands run in it (NULL:
 * none); a listener of @family (AF_INET, AF_INET6), no connection.
 */
void handoff_bed_open(struct handoff_bed *bed, int family, const char *commands);
void handoff_bed_close(struct handoff_bed *bed);

/* handoff_bed_connect - a connection from bed->client to bed->server, both blocking. */
void handoff_bed_connect(struct handoff_bed *bed);

/* handoff_bed_shut - packets to the server are dropped, or not. */
void handoff_bed_shut(struct handoff_bed *bed, bool is_shut);

/*
 * handoff_bed_capture - shut, capture bed->server and close it; what comes out went through bytes.
 */
struct handoff_state *handoff_bed_capture(struct handoff_bed *bed);

/* handoff_bed_restore - as bed->server, and open the gate. Frees @state. */
void handoff_bed_restore(struct handoff_bed *bed, struct handoff_state *state);

/* handoff_bed_move - both. */
void handoff_bed_move(struct handoff_bed *bed);

/* handoff_bed_copy - through bytes; frees @state. */
struct handoff_state *handoff_bed_copy(struct handoff_state *state);

/* handoff_bed_say - @text is written to @from and comes out of @to. */
void handoff_bed_say(int from, int to, const char *text);

/*
 * handoff_bed_wait - until @fd's SIOCOUTQ or SIOCINQ (@request) is @bytes, for a few seconds;
 * _wait_below: at most so many.
 */
void handoff_bed_wait(int fd, unsigned long request, int bytes);
void handoff_bed_wait_below(int fd, unsigned long request, int bytes);

/* handoff_bed_wait_end - until @fd has heard an end of its peer, or a reset. */
void handoff_bed_wait_end(int fd);

/* handoff_bed_byte - the one at @at of those that can be told from each other. */
uint8_t handoff_bed_byte(uint64_t at);

/*
 * handoff_bed_put - @len bytes that can be told from each other, from byte @from of them on, are
 * sent with @flags. Returns how many the socket took: with MSG_DONTWAIT maybe fewer.
 */
size_t handoff_bed_put(int fd, size_t from, size_t len, int flags);

/*
 * handoff_bed_expect - these bytes come out of @fd, each within seconds; expect_end: an end does.
 */
void handoff_bed_expect(int fd, size_t from, size_t len);
void handoff_bed_expect_end(int fd);

#endif
