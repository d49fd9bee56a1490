/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socket_lb at work: its object loaded, its maps pinned for its commands, and servers and
 * clients on the loopback of this process's own netns.
 */
#ifndef TEST_SL_BED_H
#define TEST_SL_BED_H

#include <netinet/in.h>
#include <stdbool.h>

#include "bpf/socket_lb/maps/sl_takeover.h"
#include "bpf/socket_lb/maps/sl_vip.h"
#include "tests/support/program_bed.h"

/* Addresses that the netns has. */
#define SL_BED_ADDR4 "203.0.113.80"
#define SL_BED_OTHER4 "203.0.113.81"
#define SL_BED_ADDR6 "2001:db8::80"

struct sl_bed {
	struct program_bed program;
	struct sl_maps maps;
	int prog; /* owned by the object */
};

/* What a process of its own would hold. */
struct sl_server {
	struct sl_vip_key vip;
	struct sl_place place;
	__u32 count;
	int fds[SL_SOCKETS_MAX];
};

/* A packet's way back: what the last socket that got one was. */
struct sl_arrival {
	const struct sl_server *server; /* NULL: nobody */
	__u32 position;
};

/* The bed of the case that is under way. */
extern struct sl_bed sl_bed;

/* sl_bed_set_up - an empty one; the first enters the netns, which needs root. Both are for cmocka. */
int sl_bed_set_up(void **state);
int sl_bed_tear_down(void **state);

/* sl_bed_vip - "vip add @words" must succeed. Returns the VIP that they name. */
struct sl_vip_entry sl_bed_vip(const char *words);

/* sl_bed_count - packets of a counter, of a VIP's row or SL_NO_VIP. */
__u64 sl_bed_count(__u32 row, enum sl_counter counter);

/* sl_bed_address - of a VIP, as sockets take it; any address becomes the host's own. */
socklen_t sl_bed_address(const struct sl_vip_key *vip, bool is_client,
			 struct sockaddr_storage *ret_address);

/* sl_bed_bind - a socket bound to @vip, listening where it is TCP, of the bed's group. */
int sl_bed_bind(const struct sl_vip_key *vip);

/* sl_server_fill - @count sockets are bound and added, in an instance of its own. */
void sl_server_fill(struct sl_server *server, const struct sl_vip_key *vip, __u32 count);
/* sl_server_start - and served, shared by @share (NULL: by hash), and announced. */
void sl_server_start(struct sl_server *server, const struct sl_vip_key *vip, __u32 count,
		     const struct sl_share *share);
void sl_server_announce(struct sl_server *server);

/* sl_server_crash - its sockets are closed, and nothing is said of it. */
void sl_server_crash(struct sl_server *server);
/* sl_server_stop - it leaves, and its sockets are closed. */
void sl_server_stop(struct sl_server *server);

/* sl_bed_client - a socket bound to a port of its own and connected to @vip. */
int sl_bed_client(const struct sl_vip_key *vip);

/* sl_bed_send - @len bytes from @client; false where they are refused. */
bool sl_bed_send(int client, const void *bytes, size_t len);

/* sl_bed_arrived - who of @servers got a datagram, which is read; it was sent from this CPU. */
struct sl_arrival sl_bed_arrived(struct sl_server *const *servers, size_t count);

/* sl_bed_accepted - the same for a connection; @ret_fd (or NULL: closed) is the caller's. */
struct sl_arrival sl_bed_accepted(struct sl_server *const *servers, size_t count, int *ret_fd);

#endif
