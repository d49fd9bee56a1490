/* SPDX-License-Identifier: GPL-2.0-only */
/* The control API (docs/api.md): which request is which operation, and who may ask for it. */
#ifndef SLOTD_ROUTES_H
#define SLOTD_ROUTES_H

#include "loader/slotd/http.h"

/* routes_handle - for http_start, whose data is the struct daemon. */
extern const struct http_handler *const routes_handle;

#endif
