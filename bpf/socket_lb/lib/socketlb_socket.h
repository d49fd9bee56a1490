/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which VIP a socket is of, and whether it can be added. */
#ifndef SOCKETLB_SOCKET_H
#define SOCKETLB_SOCKET_H

#include <sys/socket.h>

#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/reason.h"

/* socketlb_socket_key - the VIP of sockets bound to @addr. Returns 0 or -EAFNOSUPPORT. */
int socketlb_socket_key(const struct sockaddr *addr, int proto, struct sl_vip_key *ret_key);

/* socketlb_socket_check - the VIP of @fd. Returns 0, or -EINVAL and says what @fd lacks. */
int socketlb_socket_check(int fd, struct slot_reason *why, struct sl_vip_key *ret_key);

#endif
