/* SPDX-License-Identifier: GPL-2.0-only */
/* A VIP's rings in their pages: read, planned, written, deleted. */
#ifndef LB_PAGES_H
#define LB_PAGES_H

#include "programs/lb/maps/lb_journal.h"
#include "programs/lb/model/lb_model.h"

/* A ring with what its entries had before, and room up to the end of the last page. */
struct lb_pages {
	__u32 entries[LB_RING_PAGES * LB_PAGE_ENTRIES];
	struct lb_previous previous[LB_PREVIOUS_PAGES * LB_PREVIOUS_ENTRIES];
};

/* lb_pages_read - pages that are not there are 0. Returns 0 or -errno. */
int lb_pages_read(const struct lb_maps *maps, __u32 number, __u8 ring, struct slot_reason *why,
		  struct lb_pages *ret_pages);

/* lb_pages_write - all of the ring, the pages of previous reals where there are any. */
int lb_pages_write(struct lb_journal *journal, __u32 number, __u8 ring,
		   const struct lb_pages *pages, struct slot_reason *why);

/* lb_pages_delete - what is not there is no error. The first page goes last. */
void lb_pages_delete(const struct lb_maps *maps, __u32 number, __u8 ring);

/* lb_pages_exist - whether anything is left of this ring. */
bool lb_pages_exist(const struct lb_maps *maps, __u32 number, __u8 ring);

/* lb_pages_build - the indexes of @vip's ring, LB_RING_SIZE of them. Returns 0 or -errno. */
int lb_pages_build(const struct lb_model *model, const struct lb_model_vip *vip,
		   struct slot_reason *why, __u32 *ret_ring);

/*
 * lb_pages_plan - the ring that @wanted's VIP @number shall have after @current's,
 * which @pages has; it is then replaced, and @wanted's previous_until set.
 *
 * Returns 0, -ENOMEM.
 */
int lb_pages_plan(const struct lb_model *current, const struct lb_model *wanted, __u32 number,
		  struct slot_reason *why, struct lb_pages *pages);

#endif
