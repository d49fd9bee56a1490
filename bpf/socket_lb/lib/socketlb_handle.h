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
	__u8 workers[SL_SOCKETS_MAX]; /* of each position, and whose cookie is there */
	__u64 cookies[SL_SOCKETS_MAX];
	__u16 sockets; /* positions in use */
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
	bool is_stale;	/* what was registered is in maps that the chain has no more */
	int64_t checked_ms;
	struct served served[SL_VIPS_MAX];
	size_t served_count;
	struct slot_reason why;
};

/*
 * socketlb_handle_check - that the chain still has the maps that sockets are registered in; looked
 * at once a second, the answer in between is the last one's. Where others than those were made
 * anew, they are opened. Returns 0, or -ESTALE and says what to do.
 */
int socketlb_handle_check(struct socketlb *lb);

/* socketlb_handle_look - the same, looked at now. Returns whether it is -ESTALE. */
bool socketlb_handle_look(struct socketlb *lb);

/*
 * socketlb_handle_take_out - the sockets of @served alone, from the maps that are open, for a
 * place that is nothing any more. Returns 0 or -errno, and says why.
 */
int socketlb_handle_take_out(struct socketlb *lb, const struct served *served,
			     struct slot_reason *why);

#endif
