/* SPDX-License-Identifier: GPL-2.0-only */
/* sk_steer on its pinned maps: lookups without packets, and sockets for it to find. */
#ifndef TEST_STEER_CASE_H
#define TEST_STEER_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/sk_steer/sk_steer.h"
#include "tests/support/program_bed.h"

/* What "socket list" begins with. */
#define STEER_SOCKET_HEAD "group                          cookie  bound to\n"

/* sk_steer's bed in the case that is under way. */
extern struct program_bed steer_bed;

/*
 * steer_set_up - the bed, in a netns of its own in which the documentation's addresses are local. Both
 * are for cmocka.
 */
int steer_set_up(void **state);
int steer_tear_down(void **state);

struct steer_socket {
	const char *addr; /* where it is bound; IPv6 where it has a colon */
	uint16_t port;	  /* 0: the kernel's choice */
	uint8_t proto;	  /* IPPROTO_TCP listens */
	bool is_shared;	  /* SO_REUSEPORT */
	bool is_ip6_only;
};

/* steer_socket_open - bound, TCP listening; the caller's to close. */
int steer_socket_open(const struct steer_socket *wanted);
/* steer_web_open - one of TCP at 127.0.0.1. */
int steer_web_open(uint16_t port);
uint64_t steer_cookie(int fd);
uint16_t steer_port(int fd);

/* Asserts that a command that changes something succeeds; it may note that a group is new. */
void steer_assert_does(const char *line);

/* steer_socket_add - the socket into the group, by the command that owners use. */
void steer_socket_add(const char *group, int fd);

struct steer_lookup {
	const char *addr;
	uint16_t port;
	uint8_t proto;
	uint16_t from_port; /* 0: some port */
};

struct steer_answer {
	uint32_t verdict; /* SK_PASS, SK_DROP */
	uint64_t cookie;  /* of the socket that was selected, 0: none */
};

/* steer_run - the program's answer to one lookup. Returns 0 or -errno. */
int steer_run(const struct steer_lookup *lookup, struct steer_answer *ret_answer);

/* Asserts that the lookup selects the socket @fd; -1: it passes without. */
void steer_assert_finds(const struct steer_lookup *lookup, int fd);
/* Asserts it of a connection to 192.0.2.1, port 80. */
void steer_assert_web_finds(int fd);
void steer_assert_drops(const struct steer_lookup *lookup);

/* Asserts what was counted so far. */
void steer_assert_counted(enum sk_steer_counter counter, uint64_t lookups);

#endif
