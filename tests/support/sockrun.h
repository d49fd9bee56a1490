/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chains of socket programs at work: sockets on the loopback of this process's own netns
 * (loader/lib/host/loopback.h), their maps, and traffic from several processes at once.
 */
#ifndef TEST_SOCKRUN_H
#define TEST_SOCKRUN_H

#include <netinet/in.h>

#include "tests/support/chainrun.h"

/* sockrun_enter - once, before the first case; needs root. */
void sockrun_enter(void);

/* sockrun_add - @object into @slot, answering @answer. */
void sockrun_add(struct chainrun *chain, unsigned int slot, const char *object, int answer);

/* sockrun_build - the chain has to load. */
void sockrun_build(struct chainrun *chain);

/* sockrun_map - the map @name of the program in @slot of a built chain. */
int sockrun_map(const struct chainrun *chain, unsigned int slot, const char *name);

/* sockrun_put - the socket @fd at @index of such a map. */
void sockrun_put(const struct chainrun *chain, unsigned int slot, const char *name, __u32 index,
		 int fd);

/* sockrun_has_datagram - whether one has come; reads it. All sent so far have been looked at. */
bool sockrun_has_datagram(int fd);

/* sockrun_send - a datagram to @address. */
void sockrun_send(const struct sockaddr_in *address);

/* sockrun_send_many - @count each from @processes at a time, which are spread over all CPUs. */
void sockrun_send_many(const struct sockaddr_in *address, unsigned int processes,
		       unsigned int count);

/* sockrun_connect - whether @address takes a connection, and from whom: @ret_fd is the caller's. */
bool sockrun_connect(const struct sockaddr_in *address, int *ret_fd);

#endif
