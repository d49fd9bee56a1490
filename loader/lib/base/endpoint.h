/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a socket of TCP or UDP is bound, in words. Pure. */
#ifndef SLOT_ENDPOINT_H
#define SLOT_ENDPOINT_H

#include <linux/types.h>

struct slot_endpoint {
	__u8 family;   /* 4 or 6 */
	__u8 proto;    /* IPPROTO_TCP or IPPROTO_UDP */
	__u16 port;    /* host byte order */
	__u8 addr[16]; /* network byte order; IPv4: the first 4 bytes, the others 0 */
};

/* Room for the longest in words, with its NUL: "udp/[ffff:...]:65535". */
#define SLOT_ENDPOINT_TEXT_MAX 64

/*
 * slot_endpoint_parse - "tcp/192.0.2.1:80", "udp/[2001:db8::1]:443"; any address, and a port from
 * 1 on. Returns 0 or -EINVAL.
 */
int slot_endpoint_parse(const char *text, struct slot_endpoint *ret_endpoint);

/* slot_endpoint_format - the same words; port 0: without one, and without brackets. */
void slot_endpoint_format(const struct slot_endpoint *endpoint,
			  char ret_text[SLOT_ENDPOINT_TEXT_MAX]);

#endif
