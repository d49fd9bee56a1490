/* SPDX-License-Identifier: GPL-2.0-only */
/* One who asks the service: its orders, done in a process that serves nobody else. */
#ifndef HANDOFF_CLIENT_H
#define HANDOFF_CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct handoff_client {
	int fd;		       /* its connection, a blocking one */
	int signal_fd;	       /* readable when the service ends */
	const uint16_t *ports; /* that HANDOFF_CONNECT may bind */
	size_t port_count;
};

/* handoff_client_serve - do what @client orders, until it hangs up or the service ends. */
void handoff_client_serve(const struct handoff_client *client);

/* handoff_client_refuse - answer an order that need not be there yet with -errno and words. */
void handoff_client_refuse(int fd, int err, const char *text);

#endif
