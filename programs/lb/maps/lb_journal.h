/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes to the load balancer's maps that can be taken back. */
#ifndef LB_JOURNAL_H
#define LB_JOURNAL_H

#include "programs/lb/maps/lb_maps.h"

/* What was written, so that it can be taken back. To begin with, all 0 but @maps. */
struct lb_journal {
	const struct lb_maps *maps;
	struct lb_journal_entry **entries;
	size_t count, room;
	bool is_vip_replaced, is_vip_deleted; /* since packets were waited for */
};

struct lb_element {
	enum lb_map map;
	const void *key;
	const void *value; /* NULL: delete it, if it is there */
	const void *old;   /* tries only, which cannot be asked for one key: what is there now */
};

/* lb_journal_write - nothing is written where it is so already. Returns 0 or -errno. */
int lb_journal_write(struct lb_journal *journal, const struct lb_element *element,
		     struct slot_reason *why);
/*
 * lb_journal_undo - all of it, the last first, up to the first write that the kernel
 * refuses: what is left then is as if the change had been killed there. Returns 0 or -errno.
 */
int lb_journal_undo(struct lb_journal *journal);
void lb_journal_free(struct lb_journal *journal);

#endif
