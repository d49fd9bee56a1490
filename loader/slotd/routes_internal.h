/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the routes share with each other and with nobody else. */
#ifndef SLOTD_ROUTES_INTERNAL_H
#define SLOTD_ROUTES_INTERNAL_H

#include "loader/lib/chain/loans.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/http.h"
#include "loader/slotd/ops.h"

/* One request on its way: what was asked, of which chain and slot, by whom. */
struct call {
	struct daemon *daemon;
	const struct http_request *request;
	struct slot_chain *chain;
	struct slot_chain *members[SLOT_CONFIG_CHAINS_MAX]; /* of what the path names instead */
	size_t member_count;
	__u32 slots; /* bit per slot that the path or the query names */
	unsigned int slot;
	char who[64];
	struct op_error error;
	struct audit_entry *audit; /* of what is done now; NULL: it only reads */
	struct slot_loans loans;   /* that chain's, before it is changed */
	json_t *answer;
};

/*
 * Changes: each carries out what call->request asks for, once it is
 * known that the peer may. Return 0 with call->answer, or -errno with call->error.
 */
int route_reload(struct call *call);
int route_apply(struct call *call);
int route_rollback(struct call *call);
int route_rollback_slot(struct call *call);
int route_promote(struct call *call);
int route_abort(struct call *call);
int route_detach(struct call *call);
int route_adopt(struct call *call);
int route_deploy(struct call *call);
int route_put(struct call *call);
int route_undeploy(struct call *call);
int route_enable(struct call *call);
int route_disable(struct call *call);

#endif
