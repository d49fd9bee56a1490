/* SPDX-License-Identifier: GPL-2.0-only */
/* What a request's path names. */
#ifndef SLOTD_ROUTE_PATH_H
#define SLOTD_ROUTE_PATH_H

#include <stdbool.h>

#include "loader/lib/config/config.h"

/* What stood where the path has {chain} and {slot}. */
struct route_match {
	char chain[SLOT_CHAIN_NAME_MAX];
	char slot[8];
};

/*
 * route_path_match - whether @path is what @pattern stands for; a segment {chain} or {slot} of
 * that is any that fits @ret_match, which is to be empty before.
 */
bool route_path_match(const char *pattern, const char *path, struct route_match *ret_match);

#endif
