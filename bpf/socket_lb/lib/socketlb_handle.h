/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is behind struct socketlb, and its maps' way through a chain that has them made anew. */
#ifndef SOCKETLB_HANDLE_H
#define SOCKETLB_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "bpf/socket_lb/maps/sl_takeover.h"

/* A VIP that this handle has, or had, sockets of. */
struct served {
	struct sl_vip_key key;
	struct sl_vip vip;
	struct sl_place place;
	__u8 workers[SL_SOCKETS_MAX]; /* of each position */
	__u16 sockets;		      /* positions in use */
	bool is_taken;
	bool is_announced;
	bool was_announced; /* in maps that are gone: it takes nothing from who was there first */
};

struct socketlb {
	struct sl_maps maps;
	int program;
	char *program_path;
	char *map_dir;
	bool has_paths; /* which the caller set: they are not looked for */
	bool is_stale;	/* the chain has other maps by now */
	int64_t checked_ms;
	struct served served[SL_VIPS_MAX];
	size_t served_count;
	struct slot_reason why;
};

/*
 * socketlb_handle_check - that the chain still has the maps that are open; looked at once a
 * second, the answer in between is the last one's. Returns 0, or -ESTALE and says what to do.
 */
int socketlb_handle_check(struct socketlb *lb);

/* socketlb_handle_clock - milliseconds of CLOCK_MONOTONIC. */
int64_t socketlb_handle_clock(void);

#endif
