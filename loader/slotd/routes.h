/* SPDX-License-Identifier: GPL-2.0-only */
/* The control API (docs/api.md): which request is which operation, and who may ask for it. */
#ifndef SLOTD_ROUTES_H
#define SLOTD_ROUTES_H

#include "loader/slotd/http.h"

/* routes_handle - an http_handler; @data is the struct daemon. */
unsigned int routes_handle(void *data, const struct http_request *request, json_t **ret_answer);

#endif
