/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of others at the hook of a chain, as the API tells of them. */
#ifndef SLOTD_API_FILTERS_H
#define SLOTD_API_FILTERS_H

#include <jansson.h>

#include "loader/lib/chain/chain.h"

/*
 * api_filters - what others run at the TC hook of @chain's interface: a new array in the
 * order in which packets meet it, or NULL where the kernel does not say.
 */
json_t *api_filters(const struct slot_chain *chain);

#endif
