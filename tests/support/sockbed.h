/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A chain of socket programs at its hook: of this process's netns (sk_lookup), of its cgroup
 * (sock_ops) or of the group of its sockets (sk_reuseport), and who asks for them.
 */
#ifndef TEST_SOCKBED_H
#define TEST_SOCKBED_H

#include "tests/support/sockrun.h"
#include "tests/support/tap.h"

#define SOCKBED_SOCKS 2

struct sockbed {
	enum root_kind kind;
	struct chainrun chain;
	int type;		    /* of its sockets */
	int socks[SOCKBED_SOCKS];   /* one port in a group, else a port for each; -1: none */
	struct sockaddr_in address; /* of the first */
	struct sockaddr_in asked;   /* where sockbed_ask() goes: as a rule there */
	int link_fd;
	int client, server; /* the ends of the last connection; -1: none */
};

/*
 * sockbed_run - @plan in a netns and a cgroup of its own, which needs root. A cgroup that cannot
 * be had skips the cases of sock_ops. Returns what main() returns.
 */
int sockbed_run(struct tap_plan *plan, const char *name);

/* sockbed_start - an empty chain. sockbed_end - all of it away. */
void sockbed_start(struct sockbed *bed, enum root_kind kind);
void sockbed_end(struct sockbed *bed);

/* sockbed_add - a program that answers @answer. sockbed_add_canary - the same as the slot's canary, on all CPUs of @cpus. */
void sockbed_add(struct sockbed *bed, unsigned int slot, int answer);
void sockbed_add_canary(struct sockbed *bed, unsigned int slot, int answer, __u64 cpus);

/* sockbed_serve - the chain is built and attached, and @count sockets of @type are there. */
void sockbed_serve(struct sockbed *bed, int type, unsigned int count);

/* sockbed_ask - a datagram or a connection. Returns which socket got it, -1: none. */
int sockbed_ask(struct sockbed *bed);

#endif
