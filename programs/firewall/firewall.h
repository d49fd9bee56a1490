/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's rules and counters in the kernel: the pinned maps of its slot. */
#ifndef FIREWALL_H
#define FIREWALL_H

#include <stdbool.h>

#include "programs/firewall/firewall_rules.h"

/* The open maps; not to be copied. */
struct firewall {
	int fds[FIREWALL_KIND_COUNT]; /* by enum firewall_kind */
	int lock_fd;		      /* -1 when opened for reading */
};

#define FIREWALL_CLOSED                                                                            \
	((struct firewall){                                                                        \
		.fds = { -1, -1, -1 },                                                             \
		.lock_fd = -1,                                                                     \
	})

/*
 * firewall_open - open the maps pinned in @map_dir.
 *
 * For changes it waits until no other command is at it: what firewall_get()
 * then returns stays true until firewall_close(). Returns 0 or -errno, and says
 * why.
 */
int firewall_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct firewall *ret_firewall);
void firewall_close(struct firewall *firewall);

/*
 * firewall_get - the rules in force, sorted. @ret_rules: firewall_rules_free.
 * Returns 0, -ENOMEM or -errno from the kernel, and says why.
 */
int firewall_get(const struct firewall *firewall, struct slot_reason *why,
		 struct firewall_rules *ret_rules);

/*
 * firewall_apply - make @change, additions first: no packet meets fewer rules
 * than it would have before or will afterwards. Where the kernel refuses one,
 * those before it stay made. Returns 0 or -errno, and says why.
 */
int firewall_apply(const struct firewall *firewall, const struct firewall_change *change,
		   struct slot_reason *why);

#endif
