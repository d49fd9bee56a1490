/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load balancer's control plane as a library: no daemon, and no privilege but
 * permission to write the slot's pinned maps.
 *
 * A change is made to the model in memory, with lb_edit.h, as many edits as belong
 * together, and committed as one:
 *
 *	struct lb lb = LB_CLOSED;
 *
 *	if (lb_open(map_dir, true, &why, &lb) ||
 *	    lb_vip_add(&lb.model, &name, &settings, &why) ||
 *	    lb_real_add(&lb.model, &name, &real, &why) ||
 *	    lb_commit(&lb, &why))
 *		...
 *	lb_close(&lb);
 *
 * Functions are for one thread at a time with the same struct lb. Programs and
 * threads keep out of each other's way by the lock that lb_open() takes. Kernel 6.1
 * and newer, as map operations without capabilities need 5.19.
 */
#ifndef LB_H
#define LB_H

#include <stdbool.h>

#include "programs/lb/model/lb_edit.h"
#include "programs/lb/maps/lb_maps.h"
#include "programs/lb/model/lb_model.h"

struct lb {
	struct lb_maps maps;
	struct lb_model current; /* what the maps say */
	struct lb_model model;	 /* what they shall say: to be edited */
};

extern const struct lb lb_closed;
#define LB_CLOSED lb_closed

/*
 * lb_open - open the maps pinned in @map_dir and read them.
 *
 * With @is_writer it waits until no other command is at it, and first puts right
 * what a change that was killed has left: each VIP is then as it was before that
 * change, or as it was to be. Reading needs read permission on the pins only; where
 * the folder can be read as well it waits, some seconds at most, for a command that
 * writes, so that what it reads belongs together.
 * @ret_lb: lb_close. Returns 0, -EEXIST for maps of another version, -ENOMEM, or
 * -errno from the kernel; says why.
 */
int lb_open(const char *map_dir, bool is_writer, struct slot_reason *why, struct lb *ret_lb);
/*
 * lb_look - as lb_open() for reading, but without server ids and source prefixes, of
 * which there may be a million. Not to be committed.
 */
int lb_look(const char *map_dir, struct slot_reason *why, struct lb *ret_lb);
/*
 * lb_look_sure - as lb_look(), for who acts on it: what was read belongs together, or nothing is
 * read. Waits for @wait_ms at most. Returns -EBUSY as well, where a command is still at it.
 */
int lb_look_sure(const char *map_dir, unsigned int wait_ms, struct slot_reason *why,
		 struct lb *ret_lb);
void lb_close(struct lb *lb);

/*
 * lb_commit - make @lb->model what the maps say.
 *
 * All of it is validated before the first write. New rings are built beside those
 * that count; then VIP after VIP gets its new element, so that a packet sees the old
 * state of a VIP or the new one, whole. VIPs that come appear together, with the
 * settings; after them those that go disappear. On a failure all that was written is
 * taken back; where that fails too, @why says so, and the next lb_open() puts it right.
 * Afterwards @lb->current is the new state; after a failure close @lb.
 *
 * Returns 0, -EINVAL, -EEXIST or -E2BIG for what cannot be, -ENOMEM, or -errno from
 * the kernel; says why.
 */
int lb_commit(struct lb *lb, struct slot_reason *why);

/*
 * lb_refresh - end what is over of the changes of a VIP with LB_TABLE_TRANSITIONS:
 * entries that are watched no longer cost the flow table nothing. To be called now
 * and then, before lb_commit().
 */
void lb_refresh(struct lb *lb);

#endif
