/* SPDX-License-Identifier: GPL-2.0-only */
/* A deploy as the API takes it: a form of a change, its objects and their signatures. */
#ifndef SLOTD_DEPLOY_H
#define SLOTD_DEPLOY_H

#include "loader/lib/registry/deploy.h"
#include "loader/slotd/http.h"
#include "loader/slotd/ops.h"

/* Of all parts together: an object of the largest size, and what goes with it. */
#define DEPLOY_SIZE_MAX (SLOT_BLOB_SIZE_MAX + (1U << 20))

/*
 * deploy_read - read the form of @request: "change", and for each slot N in it
 * "object-N" and perhaps "signature-N", nothing else. @slots are those that the
 * request was admitted for; the change has to name just these.
 *
 * Returns 0, -EINVAL, -EFBIG or -ENOMEM, and why. @ret_deploys borrows from
 * @request: op_deploys_free. @ret_asked: slot_deploy_free.
 */
int deploy_read(const struct http_request *request, __u32 slots, struct slot_reason *why,
		struct slot_deploy *ret_asked, struct op_deploys *ret_deploys);

#endif
