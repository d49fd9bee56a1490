/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file of servers' ids (slotctl server-id). Either lines
 *
 *	ID REAL [fallback]	# and comments
 *
 * or JSON with them in "server_ids", such as `slotctl lb dump` prints. Of a real's ids the first
 * that is no fallback is its primary one.
 */
#ifndef SLOTCTL_SERVER_IDS_H
#define SLOTCTL_SERVER_IDS_H

#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/cli.h"

/* As many as a load balancer takes. */
#define SLOT_SERVER_IDS_MAX 65536

struct slot_server_ids {
	struct program_id *list; /* by id */
	size_t count;
};

/*
 * slot_server_ids_parse - the @len bytes at @text of the file @path. Pure. @ret_ids:
 * slot_server_ids_free. Returns 0, -EINVAL for what cannot be, -ENODATA for no ids at all, -E2BIG,
 * -ENOMEM; says why, and where.
 */
int slot_server_ids_parse(const char *path, const char *text, size_t len, struct slot_reason *why,
			  struct slot_server_ids *ret_ids);
void slot_server_ids_free(struct slot_server_ids *ids);

/*
 * slot_server_ids_claim - the ids of the real @text are this host's, and no others; of "none" none
 * are. Returns 0, or -EINVAL for what is no address, -ENOENT where the file has no such real; says
 * why.
 */
int slot_server_ids_claim(struct slot_server_ids *ids, const char *text, struct slot_reason *why);

/*
 * slot_server_ids_claim_local - those of all addresses are that the netns of this thread has, and
 * no others; @ret_count: how many. Returns 0 or -errno; says why.
 */
int slot_server_ids_claim_local(struct slot_server_ids *ids, struct slot_reason *why,
				size_t *ret_count);

/* slot_server_ids_find - the one with this id, or NULL. */
const struct program_id *slot_server_ids_find(const struct slot_server_ids *ids, __u32 id);

/* slot_server_id_real - its real's address in words. Returns @ret_text. */
#define SLOT_REAL_SIZE 48
const char *slot_server_id_real(const struct program_id *id, char ret_text[SLOT_REAL_SIZE]);

#endif
