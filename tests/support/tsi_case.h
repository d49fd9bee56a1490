/* SPDX-License-Identifier: GPL-2.0-only */
/* tcp_server_id on the sockets of a cgroup of the test's own, with a peer made of packets. */
#ifndef TEST_TSI_CASE_H
#define TEST_TSI_CASE_H

#include "bpf/tcp_server_id/tcp_server_id_abi.h"
#include "tests/support/tap.h"
#include "tests/support/tcp_peer.h"

struct bpf_object;

#define TSI_ID 0x11223344U
#define TSI_OLD_ID 0x55667788U
#define TSI_OTHER_ID 0x0a0b0c0dU

#define TSI_CONFIG { .server = true, .kind = TCP_ID_EXPERIMENT, .magic = TCP_ID_MAGIC }

/* An option as clients and servers write it. */
struct tsi_option {
	uint8_t bytes[TCP_SEGMENT_OPTIONS];
	size_t len;
};

struct tsi_case {
	struct bpf_object *object, *other;
	struct tcp_peer *peer;
	int group, link, other_link;
	int listener;
	uint16_t port;
	int socket;		    /* what the kernel's end has */
	struct tcp_segment segment; /* the last one received */
};

/* The case that is under way. */
extern struct tsi_case tsi;

/*
 * tsi_case_run - @plan with a peer and in a cgroup for all its cases, or a skip where there is no cgroup2.
 * Returns what main() returns.
 */
int tsi_case_run(struct tap_plan *plan, const char *name);

/*
 * tsi_case_set_up - the program with TSI_CONFIG on the cgroup, its ids TSI_ID and TSI_OLD_ID, and a
 * socket that listens. tsi_case_tear_down - all of it away. Both for cmocka.
 */
int tsi_case_set_up(void **state);
int tsi_case_tear_down(void **state);
/* tsi_case_restart - the same anew, with @config. */
void tsi_case_restart(const struct tcp_server_id_config *config);

/* tsi_case_listen - another socket to listen, in place of the one there is. */
void tsi_case_listen(void);
/* tsi_case_listen_before - the same, as if it had listened before the program was there. */
void tsi_case_listen_before(void);

/* tsi_case_fill - a program before it which fills @size bytes of options. Before tsi_case_listen(). */
void tsi_case_fill(uint32_t size);

void tsi_case_ids(uint32_t primary, uint32_t fallback);

/* tsi_case_count - how often @counter has counted in this case. */
uint64_t tsi_case_count(enum tsi_counter counter);
#define assert_counted(counter, count) assert_int_equal(tsi_case_count(counter), count)

/* tsi_option_make - of @kind with @id; with a magic where the kind has one. */
struct tsi_option tsi_option_make(uint8_t kind, uint32_t id);
/* tsi_option_id - of TSI_CONFIG's kind. */
struct tsi_option tsi_option_id(uint32_t id);
/* tsi_option_none - of @kind without an id. */
struct tsi_option tsi_option_none(uint8_t kind);

/* Asserts that the last segment has the option @kind with @id, or no such option. */
void tsi_case_assert_id(uint8_t kind, uint32_t id);
void tsi_case_assert_none(uint8_t kind);

/*
 * tsi_case_serve - the peer begins a connection, with @syn in its SYN and @ack in its ACK, each
 * NULL for none; the SYN-ACK is tsi.segment and the kernel's end tsi.socket.
 */
void tsi_case_serve(const struct tsi_option *syn, const struct tsi_option *ack);
/*
 * tsi_case_dial - the kernel begins one; its SYN is tsi.segment. _again: by the same socket, which
 * is disconnected first. tsi_case_answer - by a SYN-ACK with @syn_ack. tsi_case_connect - a dial, and that.
 */
void tsi_case_dial(void);
void tsi_case_dial_again(void);
void tsi_case_answer(const struct tsi_option *syn_ack);
void tsi_case_connect(const struct tsi_option *syn_ack);

/* tsi_case_say - the kernel's end sends data, which becomes tsi.segment and is acknowledged. */
void tsi_case_say(void);
/* tsi_case_hear - the peer sends data with @option; what answers is tsi.segment. */
void tsi_case_hear(const struct tsi_option *option);

#endif
