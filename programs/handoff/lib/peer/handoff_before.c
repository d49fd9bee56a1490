/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that a process of before took here. Their sockets may well be other processes'
 * (handoff_host_lend()): what they need is that home leaves its rule as it is, until it is over.
 */
#include <errno.h>
#include <stdlib.h>

#include "programs/handoff/lib/peer/handoff_own.h"

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static int note(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	struct handoff_served *served = data;
	uint64_t *ids;

	(void)key;
	if (rule->ingress != HANDOFF_PASS || rule->egress != HANDOFF_REWRITE)
		return 0;
	if (served->count == served->room) {
		served->room = served->room ? served->room * 2 : 256;
		ids = realloc(served->ids, served->room * sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		served->ids = ids;
	}
	served->ids[served->count++] = rule->id;
	return 0;
}

bool handoff_served_has(struct handoff_host *host, uint64_t id)
{
	struct handoff_served *served = &host->served;

	if (!served->is_known) {
		handoff_served_free(host);
		if (handoff_rules_each(&host->rules, note, served))
			return false;
		if (served->count)
			qsort(served->ids, served->count, sizeof(*served->ids), compare);
		served->is_known = true;
	}
	return served->count &&
	       bsearch(&id, served->ids, served->count, sizeof(*served->ids), compare);
}

void handoff_served_free(struct handoff_host *host)
{
	free(host->served.ids);
	host->served = (struct handoff_served){};
}
