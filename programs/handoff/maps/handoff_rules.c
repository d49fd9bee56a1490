/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/maps/handoff_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/shared/maps.h"

static const struct program_map rules_map = {
	.name = HANDOFF_RULES_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct handoff_key),
	.value_size = sizeof(struct handoff_rule),
};

int handoff_rules_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		       struct handoff_rules *ret_rules)
{
	return program_map_open(map_dir, &rules_map, is_writer, why, &ret_rules->table);
}

void handoff_rules_close(struct handoff_rules *rules)
{
	slot_cleanup_close(&rules->table);
}

static int check_family(const struct handoff_key *key, const __be32 address[4])
{
	return handoff_address_is_ip4(key->local) == handoff_address_is_ip4(address) ?
		       0 :
		       -EAFNOSUPPORT;
}

/* The rule of @key as it is, for @id to change; an empty one where there is none yet. */
static int get_for(const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
		   struct handoff_rule *ret_rule)
{
	struct handoff_rule rule = {};
	int err = handoff_rules_get(rules, key, &rule);

	if (err == -ENOENT)
		rule = (struct handoff_rule){};
	else if (err)
		return err;
	if (rule.id != id && rule.use.seen & HANDOFF_REUSED)
		rule = (struct handoff_rule){ .id = rule.id };
	else if (rule.id && rule.id != id)
		return -ESTALE;
	*ret_rule = rule;
	return 0;
}

/* Where there was none another handoff's may have come since. */
static int put_for(const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
		   const struct handoff_rule *rule)
{
	struct handoff_rule next = *rule;
	int err;

	next.id = id;
	next.since_ns = slot_clock_ns();
	err = bpf_map_update_elem(rules->table, key, &next, rule->id ? BPF_ANY : BPF_NOEXIST);
	return err == -EEXIST ? -ESTALE : err;
}

int handoff_rules_block(const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
			__u64 deadline_ns)
{
	struct handoff_rule rule;
	int err = get_for(rules, key, id, &rule);

	if (err)
		return err;
	rule.ingress = HANDOFF_BLOCK;
	rule.deadline_ns = deadline_ns;
	return put_for(rules, key, id, &rule);
}

int handoff_rules_redirect(const struct handoff_rules *rules, const struct handoff_key *key,
			   __u64 id, const struct handoff_target *target)
{
	struct handoff_rule rule;
	int err = check_family(key, target->address);

	err = err ? err : get_for(rules, key, id, &rule);
	if (err)
		return err;
	rule.ingress = HANDOFF_REDIRECT;
	rule.deadline_ns = 0;
	rule.target = *target;
	return put_for(rules, key, id, &rule);
}

int handoff_rules_rewrite(const struct handoff_rules *rules, const struct handoff_key *key,
			  __u64 id, const struct handoff_source *source,
			  enum handoff_ingress ingress)
{
	struct handoff_rule rule;
	int err = check_family(key, source->address);

	err = err ? err : get_for(rules, key, id, &rule);
	if (err)
		return err;
	if (ingress != HANDOFF_PASS && ingress != rule.ingress)
		return -EINVAL;
	if (ingress == HANDOFF_PASS)
		rule.deadline_ns = 0;
	rule.ingress = ingress;
	rule.egress = HANDOFF_REWRITE;
	rule.source = *source;
	return put_for(rules, key, id, &rule);
}

int handoff_rules_remove(const struct handoff_rules *rules, const struct handoff_key *key, __u64 id)
{
	struct handoff_rule rule;
	int err = handoff_rules_get(rules, key, &rule);

	if (!err && rule.id != id)
		return -ESTALE;
	err = err ? err : bpf_map_delete_elem(rules->table, key);
	return err == -ENOENT ? 0 : err;
}

static bool is_same(const struct handoff_rule *a, const struct handoff_rule *b)
{
	return a->id == b->id && a->since_ns == b->since_ns && a->use.last_ns == b->use.last_ns;
}

int handoff_rules_remove_over(const struct handoff_rules *rules, const struct handoff_key *key,
			      const struct handoff_rule *rule)
{
	struct handoff_rule now;
	int err = handoff_rules_get(rules, key, &now);

	if (!err && !is_same(&now, rule))
		return -ESTALE;
	err = err ? err : bpf_map_lookup_and_delete_elem(rules->table, key, &now);
	if (err || is_same(&now, rule))
		return err;
	/* It came in between. Where its owner has made the next step since, that one stays. */
	err = bpf_map_update_elem(rules->table, key, &now, BPF_NOEXIST);
	return err && err != -EEXIST ? err : -ESTALE;
}

int handoff_rules_get(const struct handoff_rules *rules, const struct handoff_key *key,
		      struct handoff_rule *ret_rule)
{
	return bpf_map_lookup_elem(rules->table, key, ret_rule);
}

/* What a call of the kernel returns of the table; more than its fullest bucket ever holds. */
#define BATCH 256

struct batch {
	struct handoff_key keys[BATCH];
	struct handoff_rule rules[BATCH];
	__u32 place, count;
};

static int see_batch(const struct batch *batch, handoff_rule_fn see, void *data)
{
	int ret = 0;

	for (__u32 i = 0; !ret && i < batch->count; i++)
		ret = see(&batch->keys[i], &batch->rules[i], data);
	return ret;
}

/* By buckets: from key to key the search would begin anew wherever one was removed meanwhile. */
int handoff_rules_each(const struct handoff_rules *rules, handoff_rule_fn see, void *data)
{
	_cleanup_free_ struct batch *batch = malloc(sizeof(*batch));
	void *from = NULL;
	int err, ret;

	if (!batch)
		return -ENOMEM;
	do {
		batch->count = BATCH;
		err = bpf_map_lookup_batch(rules->table, from, &batch->place, batch->keys,
					   batch->rules, &batch->count, NULL);
		if (err && err != -ENOENT) /* which means: no more than these */
			return err;
		ret = see_batch(batch, see, data);
		from = &batch->place;
	} while (!err && !ret);
	return ret;
}
