/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections of a process of before, of which the rules still tell. What it took here may well be
 * served by other processes (handoff_host_lend()): what they need is that home leaves its rule as
 * it is, until it is over. What it gave away is served where its rule leads.
 */
#include <errno.h>
#include <stdlib.h>

#include "programs/handoff/lib/peer/handoff_own.h"

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

static int add(struct handoff_ids *ids, uint64_t id)
{
	uint64_t *list;

	if (ids->count == ids->room) {
		ids->room = ids->room ? ids->room * 2 : 256;
		list = realloc(ids->list, ids->room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		ids->list = list;
	}
	ids->list[ids->count++] = id;
	return 0;
}

static int note(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	struct handoff_host *host = data;

	(void)key;
	if (handoff_table_find_id(host, rule->id))
		return 0;
	if (rule->ingress == HANDOFF_PASS && rule->egress == HANDOFF_REWRITE)
		return add(&host->before.served, rule->id);
	if (rule->ingress == HANDOFF_REDIRECT)
		return add(&host->before.given, rule->id);
	return 0;
}

static void sort(struct handoff_ids *ids)
{
	if (ids->count)
		qsort(ids->list, ids->count, sizeof(*ids->list), compare);
}

static int read_rules(struct handoff_host *host)
{
	int err;

	if (host->before.is_known)
		return 0;
	handoff_before_free(host);
	err = handoff_rules_each(&host->rules, note, host);
	if (err)
		return err;
	sort(&host->before.served);
	sort(&host->before.given);
	host->before.is_known = true;
	return 0;
}

static bool has(const struct handoff_ids *ids, uint64_t id)
{
	return ids->count && bsearch(&id, ids->list, ids->count, sizeof(*ids->list), compare);
}

bool handoff_before_served(struct handoff_host *host, uint64_t id)
{
	return !read_rules(host) && has(&host->before.served, id);
}

bool handoff_before_gave(struct handoff_host *host, uint64_t id)
{
	return read_rules(host) || has(&host->before.given, id);
}

void handoff_before_free(struct handoff_host *host)
{
	free(host->before.served.list);
	free(host->before.given.list);
	host->before = (struct handoff_before){};
}
