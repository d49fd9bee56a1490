/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where applications find the chains of sk_reuseport: the folders "sk_reuseport/<title>" of the pins. */
#ifndef SLOT_SEAT_H
#define SLOT_SEAT_H

#include <stdbool.h>

#include "loader/lib/chain/chain.h"

/*
 * slot_seat_path - where the jump of @chain (sk_reuseport) is pinned, into @ret_path (PATH_MAX
 * bytes). Returns 0 or -ENAMETOOLONG.
 */
int slot_seat_path(const struct slot_chain *chain, char *ret_path);

/*
 * slot_seat_sweep - remove the folders of chains that slots.conf does not name any more (@config),
 * and that run nothing. Sockets that have their jump keep it, and pass.
 */
void slot_seat_sweep(const struct slot_host *host, const struct slot_config *config);

#endif
