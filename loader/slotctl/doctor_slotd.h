/* SPDX-License-Identifier: GPL-2.0-only */
/* What slotd and the programs in its slots add to the doctor's picture of the host. */
#ifndef SLOTCTL_DOCTOR_SLOTD_H
#define SLOTCTL_DOCTOR_SLOTD_H

#include "loader/lib/doctor/picture.h"
#include "loader/lib/host/netns_list.h"
#include "loader/slotctl/slotctl.h"

/*
 * slot_doctor_ask - the chains of slotd, each in one of @list where that can be told, and
 * the claims of their programs. What slotd or a program does not let this user know is added
 * to picture->unseen. Returns 0 or -ENOMEM.
 */
int slot_doctor_ask(struct slot_ctl *ctl, const struct slot_netns_list *list,
		    struct slot_picture *picture);

/*
 * slot_doctor_place - a chain whose netns is not known is in this process's own, where an
 * interface of its name and ifindex is. After slot_look_netns().
 */
void slot_doctor_place(struct slot_picture *picture);

#endif
