/* SPDX-License-Identifier: GPL-2.0-only */
/* The ids of a file that all programs have, as this balancer's: no others, and none moved. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"

static int compare_ids(const void *key, const void *member)
{
	const __u32 *id = key;
	const struct program_id *other = member;

	return *id < other->id ? -1 : *id > other->id;
}

static const struct program_id *find_id(const struct program_ids *ids, __u32 id)
{
	return bsearch(&id, ids->list, ids->count, sizeof(*ids->list), compare_ids);
}

static struct lb_host host_of(const struct program_id *id)
{
	struct lb_host host = { .is_ip6 = id->is_ip6 };

	memcpy(host.bytes, id->addr, sizeof(host.bytes));
	return host;
}

/* Clients that have an id go on sending it: it is not to lead them to another server. */
static int refuse_move(const struct program_ids *ids, const struct program_id *id,
		       const struct lb_host *owner, struct slot_reason *why)
{
	const struct lb_host host = host_of(id);
	char wanted[LB_WORDS_MAX], text[LB_WORDS_MAX];

	lb_address_format(&host, wanted);
	lb_address_format(owner, text);
	return slot_reason_set(why, -EEXIST,
			       "%s%s: id %u of %s is in use by %s: expected an id of its own, or "
			       "first a file without it",
			       ids->path, id->where, id->id, wanted, text);
}

/* One that the file has stays whose it is, one that it has not goes. */
static int keep_or_del(struct lb *lb, const struct program_ids *ids, const struct lb_server_id *old,
		       struct slot_reason *why)
{
	const struct lb_host owner = lb_model_host(&lb->current.reals[old->real]);
	const struct program_id *kept = find_id(ids, old->id);
	struct lb_host host;

	if (!kept) {
		ids->tell(ids, "del", old->id, 0);
		return lb_server_id_del(&lb->model, old->id, why);
	}
	host = host_of(kept);
	return memcmp(&owner, &host, sizeof(host)) ? refuse_move(ids, kept, &owner, why) : 0;
}

static bool has_id(const struct lb_model *model, __u32 id)
{
	const struct lb_server_id key = { .id = id };

	return model->id_count && bsearch(&key, model->ids, model->id_count, sizeof(*model->ids),
					  lb_server_id_compare);
}

int lb_sync_ids(const struct program_ids *ids, struct slot_reason *why)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	int err = lb_open(ids->map_dir, !ids->is_dry, why, &lb);

	for (size_t i = 0; !err && i < lb.current.id_count; i++)
		err = keep_or_del(&lb, ids, &lb.current.ids[i], why);
	for (size_t i = 0; !err && i < ids->count; i++) {
		const struct lb_host host = host_of(&ids->list[i]);

		if (has_id(&lb.current, ids->list[i].id))
			continue;
		ids->tell(ids, "add", ids->list[i].id, 0);
		err = lb_server_id_add(&lb.model, ids->list[i].id, &host, why);
	}
	if (err)
		return err;
	if (!ids->is_dry)
		return lb_commit(&lb, why);
	lb_model_settle(&lb.model);
	return lb_model_check(&lb.model, why);
}
